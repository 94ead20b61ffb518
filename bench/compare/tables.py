"""The figures as Markdown and SVG: ratios first, then what they were made of."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from bench.compare import OURS, PEERS, pictures
from bench.compare.parts import EDITED_PAGES, EDITS
from bench.differ.marked import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.compare.kept import Figures, Kept

PROGRAMS = (OURS, *PEERS)
_ROUNDS = """All pages looked at once: `new` with an empty store, `same` unchanged but for the furniture, `chg5` with 5 % of the
statements edited; `-304` with `ETag`. CPU and wall with start-up, but for the daemon. No checks a second are told where other
work had the machine (the round took more than twice its CPU).
"""
STARVED = 2.0
_SPANS = "given out → accepted, s: median, 95 %, most | edit → accepted, s: median, 95 %, most"
SCALED = ("new", "same", "same-304")
STEPS = ("new", "same", "chg5", "new-304", "same-304", "chg5-304")


def report(kept: Kept) -> str:
    """All tables that there are figures for."""
    parts = [_glance(kept), _rounds(kept), _slow(kept), _scale(kept), _bytes(kept), _start(kept), _alerts(kept)]
    return "\n".join(one for one in (*parts, note(kept)) if one)


def note(kept: Kept) -> str:
    """Versions, machine and days."""
    releases = [one["release"] for name in PEERS if (one := kept.largest("rounds", name)) and one.get("release")]
    ours = f"variorum {kept.revisions()} (Python {platform.python_version()})"
    return f"{kept.days()}, {kept.machines()}; {'; '.join([ours, *releases])}.\n"


def written(kept: Kept, document: Path) -> None:
    """Put tables and plots into their places beside and in ``document``."""
    bars = {
        name: {step: _cpu_ms(found, step) for step in ("same", "chg5", "same-304")}
        for name in PROGRAMS
        if (found := kept.largest("rounds", name))
    }
    document.with_name("performance-peers.svg").write_text(
        pictures.bars("CPU a check, milliseconds", bars, note(kept)), "utf-8"
    )
    sizes = kept.of("scale", OURS)
    lines = {step: [(int(one["pages"]), _cpu_ms(one, step)) for one in sizes] for step in SCALED}
    if len(sizes) > 1:
        document.with_name("performance-scale.svg").write_text(
            pictures.lines("CPU a check against sources, variorum", lines, note(kept)), "utf-8"
        )
    write(document, "compare", report(kept))


def _step(found: Figures, step: str) -> Figures:
    figures: Figures = found["steps"][step]
    return figures


def _cpu_ms(found: Figures, step: str) -> float:
    return 1000 * float(_step(found, step)["cpu_s"]) / int(found["pages"])


def _rate(found: Figures, step: str) -> float:
    return int(found["pages"]) / float(_step(found, step)["wall_s"])


def _starved(found: Figures, step: str) -> bool:
    """Whether other work had the machine: nothing but the disk, at a first look, makes a fast server's round wait."""
    one = _step(found, step)
    return not step.startswith("new") and float(one["wall_s"]) > STARVED * float(one["cpu_s"])


def _wait(found: Figures) -> float | None:
    return None if _starved(found, "same") else 1 / _rate(found, "same")


def _per_version(found: Figures) -> float:
    return float(found["grown"]) / int(found["versions"])


def _busy_ms(found: Figures) -> float | None:
    return 1000 * float(found["busy"]) / float(found["checks_s"]) if found.get("checks_s") else None


def _wall(found: Figures, command: str) -> float | None:
    timed = found["commands"].get(command)
    return float(timed["wall_ms"]) if timed else None


def _span(found: Figures, which: str) -> float | None:
    return found[which].get("median_s")


Measure = tuple[str, str, "Callable[[Figures], float | None]", str]
GLANCE: tuple[Measure, ...] = (
    ("CPU of an unchanged check", "rounds", lambda one: _cpu_ms(one, "same"), "{:.2f} ms"),
    ("CPU of a first look", "rounds", lambda one: _cpu_ms(one, "new"), "{:.2f} ms"),
    ("CPU of a check with 5 % edited", "rounds", lambda one: _cpu_ms(one, "chg5"), "{:.2f} ms"),
    ("CPU of a check when the server sends ETag", "rounds", lambda one: _cpu_ms(one, "same-304"), "{:.2f} ms"),
    ("seconds a check, server at once", "rounds", _wait, "{:.4f} s"),
    ("seconds a check, server after 300 ms", "slow", lambda one: 1 / _rate(one, "same"), "{:.4f} s"),
    ("peak memory of an unchanged round", "rounds", lambda one: float(_step(one, "same")["peak_mib"]), "{:.0f} MiB"),
    ("stored bytes an edit", "bytes", _per_version, "{:,.0f} B"),
    ("`--help`", "startup", lambda one: _wall(one, "--help"), "{:.0f} ms"),
    ("list of what is watched", "startup", lambda one: _wall(one, "list"), "{:.0f} ms"),
    ("page given out → alert accepted, median", "alerts", lambda one: _span(one, "from_fetch"), "{:.2f} s"),
    ("CPU of the daemon a check", "alerts", _busy_ms, "{:.1f} ms"),
    ("memory of the daemon", "alerts", lambda one: one.get("rss_mib"), "{:.0f} MiB"),
)


def _glance(kept: Kept) -> str:
    rows = [
        "### At a glance\n",
        "How many times more each program needs than ours; below 1 it needs less. In brackets what it is.\n",
        "| | " + " | ".join(PROGRAMS) + " |",
        "|---|" + "---|" * len(PROGRAMS),
    ]
    less: list[str] = []
    for name, part, value, form in GLANCE:
        found = {one: kept.largest(part, one) for one in PROGRAMS}
        values = {one: value(figures) if figures else None for one, figures in found.items()}
        ours = values[OURS]
        if ours is not None:
            rows.append(f"| {name} | " + " | ".join(_ratio(values[one], ours, form) for one in PROGRAMS) + " |")
            ahead = [one for one in PEERS if (told := values[one]) is not None and told < ours]
            less += [f"{name} ({', '.join(ahead)})"] if ahead else []
    behind = f"We are not ahead in: {'; '.join(less)}.\n" if less else "None of them needs less in any row.\n"
    return "\n".join([*rows, "", behind])


def _ratio(value: float | None, ours: float, form: str) -> str:
    if value is None:
        return "–"
    times = value / ours
    return f"{times:.0f} ({form.format(value)})" if times >= 10 else f"{times:.2g} ({form.format(value)})"


def _each(kept: Kept, part: str) -> Iterator[tuple[str, Figures]]:
    for program in PROGRAMS:
        if (found := kept.largest(part, program)) is not None:
            yield program, found


def _rounds(kept: Kept) -> str:
    rows = [
        "### Rounds\n",
        _ROUNDS,
        "| program | pages | round | CPU ms a check | checks/s | peak MiB | edits found | false reports | answered 304 | looked at |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for program, found in _each(kept, "rounds"):
        for step in STEPS:
            one = _step(found, step)
            rows.append(
                f"| {program} | {found['pages']:,} | {step} | {_cpu_ms(found, step):.2f} "
                f"| {'–' if _starved(found, step) else f'{_rate(found, step):.0f}'} | {one['peak_mib']:.0f} | {_of(one['found'], one['true'])} | {one['false']} "
                f"| {_of(one['not_modified'], found['pages']) if step.endswith('304') and step != 'new-304' else '–'} "
                f"| {_of(one['checked'], found['pages'])} |"
            )
    return "\n".join([*rows, "", "![CPU a check, by program](performance-peers.svg)"]) + "\n" if len(rows) > 4 else ""


def _of(part: int, whole: int) -> str:
    return f"{part}/{whole}" if whole else "–"


def _slow(kept: Kept) -> str:
    rows = [
        "### A server that takes 300 ms\n",
        "| program | pages | round | checks/s | seconds in all | CPU ms a check |\n|---|---|---|---|---|---|",
    ]
    for program, found in _each(kept, "slow"):
        for step in ("new", "same"):
            rows.append(
                f"| {program} | {found['pages']:,} | {step} | {_rate(found, step):.0f} "
                f"| {_step(found, step)['wall_s']:.1f} | {_cpu_ms(found, step):.2f} |"
            )
    return "\n".join(rows) + "\n" if len(rows) > 2 else ""


def _scale(kept: Kept) -> str:
    found = kept.of("scale", OURS)
    if not found:
        return ""
    rows = [
        "### By number of sources, ours\n",
        "CPU milliseconds a check in one round, with start-up; above 1,000 the addresses lead to 1,000 pages again and again.\n",
        f"| sources | {' | '.join(SCALED)} | checks/s, same | peak MiB, same | store, bytes a source | looked at |",
        "|---|" + "---|" * (len(SCALED) + 4),
    ]
    for one in found:
        cells = " | ".join(f"{_cpu_ms(one, step):.2f}" for step in SCALED)
        same = _step(one, "same")
        rows.append(
            f"| {one['pages']:,} | {cells} | {_rate(one, 'same'):.0f} | {same['peak_mib']:.0f} "
            f"| {one['stored'] / one['pages']:,.0f} | {_of(same['checked'], one['pages'])} |"
        )
    plot = ["", "![CPU a check against sources](performance-scale.svg)"] if len(found) > 1 else []
    return "\n".join([*rows, *plot]) + "\n"


def _bytes(kept: Kept) -> str:
    rows = [
        "### Stored bytes an edit\n",
        f"{EDITED_PAGES} pages, each edited {EDITS} times; growth of all files of the store after the first round.\n",
        "| program | bytes an edit | edits told | store after the first look, bytes a page |\n|---|---|---|---|",
    ]
    for program, found in _each(kept, "bytes"):
        rows.append(
            f"| {program} | {_per_version(found):,.0f} | {found['told']}/{found['versions']} "
            f"| {found['first'] / EDITED_PAGES:,.0f} |"
        )
    return "\n".join(rows) + "\n" if len(rows) > 3 else ""


def _start(kept: Kept) -> str:
    rows = [
        "### Start-up\n",
        "Median of seven runs, with so many pages watched. `list` is `sources`, `--list`, `--list-jobs`.\n",
        "| program | command | pages | wall ms | CPU ms |\n|---|---|---|---|---|",
    ]
    for program, found in _each(kept, "startup"):
        for command, one in found["commands"].items():
            rows.append(f"| {program} | {command} | {found['pages']:,} | {one['wall_ms']:.0f} | {one['cpu_ms']:.0f} |")
        if "ready_s" in found:
            rows.append(f"| {program} | until the daemon answers | 0 | {1000 * found['ready_s']:.0f} | – |")
    return "\n".join(rows) + "\n" if len(rows) > 3 else ""


def _alerts(kept: Kept) -> str:
    rows = [
        "### From the edit to the alert\n",
        f"| program | how | pages | edits | lost | {_SPANS} | memory MiB, peak | CPU of the daemon | its checks/s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for program, found in _each(kept, "alerts"):
        memory = f"{found['rss_mib']:.0f}, {found['peak_mib']:.0f}" if "rss_mib" in found else "–"
        busy = f"{found['busy']:.1%}" if "busy" in found else "–"
        rate = f"{found['checks_s']:.1f}" if "checks_s" in found else "–"
        rows.append(
            f"| {program} | {found['by']} | {found['pages']:,} | {found['edited']} | {found['lost']} "
            f"| {_spread(found['from_fetch'])} | {_spread(found['from_edit'])} | {memory} | {busy} | {rate} |"
        )
    return "\n".join(rows) + "\n" if len(rows) > 3 else ""


def _spread(spans: dict[str, float]) -> str:
    return ", ".join(f"{spans[one]:.2f}" for one in ("median_s", "p95_s", "max_s")) if spans else "–"
