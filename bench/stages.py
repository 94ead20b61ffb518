"""What a check costs, stage by stage, beside the floor; where the CPU of a round goes; and what a command loads at start.

``python -m bench stages`` measures CPU in this one process, warm, on pages of the loopback origin: each stage by itself over
the same bodies, whole rounds with everything between, and the bare clients beside our fetch, each in a process of its own
(``bench/client.py``). ``--write`` puts the tables into ``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.client import in_own_process
from bench.compare import DOCUMENT
from bench.differ.marked import write
from bench.machine import machine, revision, today
from bench.rounds import ask, measured, origin, ours

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.compose import House
    from storage.archive import Archive

CONCURRENCY = 50
SELECT = "#statement"
CLIENTS = ("aiohttp", "httpx-aiohttp", "httpx", "variorum")
COMMANDS = (["--help"], ["--version"], ["sources"], ["status"], ["log", "p1"])
_READING = {
    "parse": "parse of the whole page",
    "read": "the whole page read",
    "read again": "the statement alone, to see whether it is the known text,",
    "digest of the text": "digest of the text",
}
_KIND = "text/html; charset=utf-8"


def rounds(pages: int, runs: int) -> tuple[dict[str, float], str]:
    """CPU microseconds a check of whole rounds in this process, least of the runs; and where that of one went."""
    with origin(pages, delay_ms=0.0, etag=True) as base, tempfile.TemporaryDirectory() as name:
        ours(CONCURRENCY).set_up(Path(name), base, pages)
        return asyncio.run(_rounds(Path(name), base, pages, runs))


async def _rounds(folder: Path, base: str, pages: int, runs: int) -> tuple[dict[str, float], str]:
    from monitor.compose import house
    from monitor.config import load

    settings = load(folder / "config.yaml", os.environ)
    spent: dict[str, float] = {}
    async with house(settings) as parts:

        async def once(step: str, share: float) -> None:
            ask(f"{base}/_round?share={share}&seed=3")
            used = time.process_time()
            await _check(parts)
            each = 1e6 * (time.process_time() - used) / pages
            spent[step] = min(spent.get(step, each), each)

        ask(f"{base}/_etag?on=0")
        await once("first", 0.0)
        for _ in range(runs):
            await once("unchanged", 0.0)
            await once("changed", 1.0)
        ask(f"{base}/_round?share=0&seed=3")
        profile = cProfile.Profile()
        profile.enable()
        await _check(parts)
        profile.disable()
        ask(f"{base}/_etag?on=1")
        await _check(parts)
        for _ in range(runs):
            await once("304", 0.0)
    return spent, _by_package(profile)


async def _check(parts: House) -> None:
    from monitor.rounds import check_all
    from storage.archive import Archive

    chosen = parts.settings.declarations
    latest = await parts.around.writer.call(Archive.latest, [one.source.id for one in chosen])
    async for _ in check_all(chosen, latest, parts.around, concurrency=CONCURRENCY):
        pass


def _by_package(profile: cProfile.Profile) -> str:
    """The shares of the loop's own time, by package: the writer's thread is not seen by the profiler."""
    spent: Counter[str] = Counter()
    for (file, _, function), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent[_package(file, function)] += own
    whole = sum(spent.values())
    rows = [f"| {name} | {own / whole:.0%} |" for name, own in spent.most_common() if own / whole >= 0.01]
    return "\n".join(["| package | share |", "|---|---|", *rows])


def _package(file: str, function: str) -> str:
    parts = Path(file).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1].removesuffix(".py")
    for ours_ in ("monitor", "storage"):
        if ours_ in parts:
            return "/".join(parts[parts.index(ours_) :][:2]).removesuffix(".py")
    if file == "~":
        return "built in: " + next(
            (one for one in ("lxml", "poll", "socket", "ssl", "zlib") if one in function), "other"
        )
    return parts[-2] if len(parts) > 1 and parts[-2] != "python3.11" else parts[-1].removesuffix(".py")


def stages(pages: int, runs: int) -> dict[str, float]:
    """CPU microseconds a page of each stage by itself, least of the runs."""
    from monitor.differ import compare
    from monitor.read import ReadRules, html
    from monitor.read.encoding import decode
    from storage.records import Text, digest_of

    with origin(pages, delay_ms=0.0, etag=False) as base:
        bodies = []
        for share in (0.0, 1.0):
            ask(f"{base}/_round?share={share}&seed=3")
            bodies.append([_body(f"{base}/p/{number}") for number in range(pages)])
    old, new = bodies
    rules = ReadRules(select=SELECT)
    read = [[html.read(body, rules, _KIND).text for body in side] for side in bodies]
    words = [decode(body, content_type=_KIND)[0] for body in new]
    again = [(body, text.digest) for body, text in zip(new, read[1], strict=True)]
    texts = list(zip(*read, strict=True))

    def each(work: Callable[[], object]) -> float:
        best = float("inf")
        for _ in range(runs):
            used = time.process_time()
            work()
            best = min(best, time.process_time() - used)
        return 1e6 * best / pages

    spent = {
        "digest of the page": each(lambda: [digest_of(one) for one in new]),
        "decode": each(lambda: [decode(one, content_type=_KIND) for one in new]),
        "parse": each(lambda: [html.parse(one, []) for one in words]),
        "read": each(lambda: [html.read(one, rules, _KIND) for one in new]),
        "read again": each(lambda: [html.read(one, rules, _KIND, known) for one, known in again]),
        "digest of the text": each(lambda: [Text(one.text).digest for one in read[1]]),
        "compare": each(lambda: [compare(*pair) for pair in texts]),
    }
    return spent | _writing(old, new, texts)


def _body(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        body: bytes = answer.read()
        return body


def _writing(old: Sequence[bytes], new: Sequence[bytes], texts: Sequence[tuple[object, ...]]) -> dict[str, float]:
    """CPU microseconds of writing, a check: a change in its own transaction, and unchanged ones two hundred at once."""
    from monitor.differ import compare
    from storage.archive import Archive, Unchanged
    from storage.records import Outcome, Snapshot, Source, Text

    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as name, Archive.open(f"sqlite:///{name}/stages.db") as archive:
        ids = [f"p{number}" for number in range(len(new))]
        archive.declare([Source(one, f"http://127.0.0.1/{one}") for one in ids], now)

        def record(bodies: Sequence[bytes], side: int, expected: int | None) -> float:
            changes = [compare(*pair) if expected else None for pair in texts]  # type: ignore[arg-type]
            used = time.process_time()
            for one, body, pair, change in zip(ids, bodies, texts, changes, strict=True):
                url = f"http://127.0.0.1/{one}"
                page, text = Snapshot(url, url, 200, (), (), now, body), pair[side]
                assert isinstance(text, Text)
                archive.record(
                    one, page, text, reader="bench", outcome=Outcome.CHANGED if change else Outcome.NEW,
                    expected=expected, change=change,
                )  # fmt: skip
            return 1e6 * (time.process_time() - used) / len(ids)

        record(old, 0, None)
        written = {"write a change": record(new, 1, 1)}
        return written | {"write unchanged": _noting(archive, [Unchanged(one, now, Outcome.UNCHANGED) for one in ids])}


def _noting(archive: Archive, notes: Sequence[object]) -> float:
    used = time.process_time()
    for at in range(0, len(notes), 200):
        archive.note_unchanged(notes[at : at + 200])  # type: ignore[arg-type]
    return 1e6 * (time.process_time() - used) / len(notes)


def clients(requests: int, runs: int) -> dict[str, tuple[float, float]]:
    """CPU microseconds of a page and of a 304, by client, least of the runs."""
    with origin(100, delay_ms=0.0, etag=True) as base:
        ask(f"{base}/_round?share=0&seed=3")
        told = {}
        for name in CLIENTS:
            found = [in_own_process(name, base, requests, CONCURRENCY) for _ in range(runs)]
            told[name] = (min(one[0] for one in found), min(one[1] for one in found))
    return told


def starts(pages: int, runs: int) -> list[tuple[str, float, float, Counter[str]]]:
    """Of each command: wall and CPU milliseconds (median), and milliseconds of imports by package."""
    program = [sys.executable, "-m", "monitor"]
    with tempfile.TemporaryDirectory() as name, origin(pages, delay_ms=0.0, etag=False) as base:
        folder = Path(name)
        contender = ours(CONCURRENCY)
        contender.set_up(folder, base, pages)
        measured(contender.command(folder, base, pages), folder)
        told = []
        for words in COMMANDS:
            costs = sorted(
                (measured([*program, *words], folder) for _ in range(2 * runs + 1)), key=lambda one: one.cpu_s
            )
            middle = costs[len(costs) // 2]
            loaded = min((_imports(words, folder) for _ in range(runs)), key=lambda one: sum(one.values()))
            told.append((" ".join(words), 1000 * middle.wall_s, 1000 * middle.cpu_s, loaded))
    return told


def _imports(words: Sequence[str], folder: Path) -> Counter[str]:
    command = [sys.executable, "-X", "importtime", "-m", "monitor", *words]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stderr
    spent: Counter[str] = Counter()
    for line in told.splitlines():
        if line.startswith("import time:") and "|" in line and "cumulative" not in line:
            own, _, module = line.removeprefix("import time:").split("|")
            spent[_group(module.strip().partition(".")[0])] += int(own) / 1000  # type: ignore[assignment]
    return spent


def _group(package: str) -> str:
    groups = {"sqlalchemy": "SQLAlchemy", "click": "click", "monitor": "ours", "storage": "ours"}
    groups |= dict.fromkeys(("pydantic_core", "yaml"), "pydantic, yaml")
    return groups.get(package, "Python's own and the rest")


def report(pages: int, runs: int) -> str:
    """All tables."""
    whole, packages = rounds(pages, runs)
    by_stage, floor = stages(pages, runs), clients(max(500, pages), runs)
    fetch, known = floor["variorum"]
    unchanged = {
        "fetch": fetch,
        "digest of the page": by_stage["digest of the page"],
        "decode": by_stage["decode"],
        "parse, canonical text, digest": by_stage["read again"] - by_stage["decode"],
        "write": by_stage["write unchanged"],
    }
    changed = {
        "fetch": fetch,
        "digest of the page": by_stage["digest of the page"],
        "decode": by_stage["decode"],
        "parse, canonical text, digest": by_stage["read again"] + by_stage["read"] - 2 * by_stage["decode"],
        "compare": by_stage["compare"],
        "write": by_stage["write a change"],
    }
    columns = {
        "304": {"fetch": known, "write": by_stage["write unchanged"]},
        "unchanged": unchanged,
        "changed": changed,
    }
    names = list(changed)
    rows = [
        "### Stage by stage\n",
        f"CPU microseconds a check, warm, {pages:,} pages of 45 KB sent as gzip, {CONCURRENCY} in flight; least of {runs} runs.\n",
        "| stage | " + " | ".join(columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for stage in names:
        rows.append(f"| {stage} | " + " | ".join(_us(column.get(stage)) for column in columns.values()) + " |")
    rest = [_us(whole[name] - sum(column.values())) for name, column in columns.items()]
    rows.append("| between: tasks, judging, threads | " + " | ".join(rest) + " |")
    rows.append("| **a check, whole** | " + " | ".join(f"**{whole[name]:,.0f}**" for name in columns) + " |")
    for name, (page, not_modified) in floor.items():
        if name != "variorum":
            rows.append(f"| floor: the same fetch with bare {name} | {not_modified:,.0f} | {page:,.0f} | {page:,.0f} |")
    reading = ", ".join(f"{what} {by_stage[name]:,.0f}" for name, what in _READING.items())
    parts = [
        f"\nOf reading: {reading}. A first look costs {whole['first']:,.0f}.\n",
        "### Where the CPU of an unchanged round goes\n",
        "By package, under cProfile (which makes Python look dearer than C), without the writer's thread.\n",
        packages,
        "\n### At start\n",
        f"With {pages:,} sources. Imports under `-X importtime`, milliseconds, which adds to them.\n",
        _started(starts(pages, runs)),
        f"\n{today()}, {machine()}; variorum {revision()}.",
    ]
    return "\n".join([*rows, *parts]) + "\n"


def _us(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _started(told: Sequence[tuple[str, float, float, Counter[str]]]) -> str:
    groups = ("ours", "click", "pydantic, yaml", "SQLAlchemy", "Python's own and the rest")
    rows = ["| command | wall ms | CPU ms | " + " | ".join(groups) + " |", "|---|---|---|" + "---|" * len(groups)]
    for words, wall, cpu, loaded in told:
        cells = " | ".join(f"{loaded[one]:.0f}" if loaded[one] else "–" for one in groups)
        rows.append(f"| `{words}` | {wall:.0f} | {cpu:.0f} | {cells} |")
    return "\n".join(rows)


def main(arguments: Sequence[str]) -> int:
    """Print the tables; with ``--write`` put them into their document."""
    options = argparse.ArgumentParser(prog="python -m bench stages", description=__doc__)
    options.add_argument("--pages", type=int, default=1000)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    given = options.parse_args(arguments)
    told = report(given.pages, given.runs)
    print(told)
    if given.write:
        write(DOCUMENT, "stages", told)
    return 0
