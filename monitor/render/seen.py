"""Where a phrase stood: the answer of ``grep``, for people. Pure; it needs no differ, so it is there at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.render.safe import one_line
from monitor.render.telling import plural, shown_time, shown_window
from monitor.render.terminal import PROSE_WIDTH, Role, Run, fit, paint, painted, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.history.grep import Example, Found, Seen
    from monitor.render import Style

SPARKS: Final = "·▁▂▃▄▅▆▇█"


def grep_lines(found: Iterable[Found], phrase: str, style: Style) -> str:
    """For each source: first and last seen, gaps, counts as a row of bars, wordings, and the places themselves."""
    return "".join(grep_parts(found, phrase, style))


def grep_parts(found: Iterable[Found], phrase: str, style: Style) -> Iterator[str]:
    """As :func:`grep_lines`, source by source, each as soon as it is found."""
    before = ""
    for one in found:
        yield before + "\n".join(_found(one, style)) + "\n"
        before = "\n"
    if not before:
        yield f"“{one_line(phrase)}”: never seen\n"


def _found(found: Found, style: Style) -> Iterator[str]:
    count = f"{plural(found.total, 'time')} in {plural(found.versions, 'version')} of {len(found.counts):,}"
    yield f"{paint(one_line(found.source), Role.STRONG, style.color)}  {count}"
    facts = [("first seen", seen_at(found.first, found.source)), ("last seen", seen_at(found.last, found.source))]
    if found.present:
        facts.append(("now", "stands in the latest version"))
    elif found.vanished is not None:
        facts.append(("gone since", seen_at(found.vanished, found.source)))
    facts += [
        (
            "gap",
            (
                f"{plural(len(gap.versions), 'version')} ({numbers(gap.versions)}), "
                f"from {seen_at(gap.vanished, found.source)} to {seen_at(gap.returned, found.source)}"
            ),
        )
        for gap in found.gaps
    ]
    if len(found.wordings) > 1:
        facts.append(("as", ", ".join(f"“{fit(one_line(text), 40)}” {times:,}×" for text, times in found.wordings[:6])))
    for name, fact in facts:
        for at, line in enumerate(wrap([(Run(fact), -1)], max(20, style.width - 14))):
            head = f"  {name:<12}" if at == 0 else " " * 14
            yield paint(head, Role.QUIET, style.color) + painted(line, style.color)
    if len(found.counts) > 1:
        yield paint("  in each     ", Role.QUIET, style.color) + _spark([times for _, times in found.counts], style)
    for example in found.examples:
        yield from _example(example, style)


def seen_at(seen: Seen, source: str) -> str:
    """``@3, 1 Mar 2026``; with the member, in a series."""
    name = f"@{seen.version}" if seen.label == source else f"{one_line(seen.label)} (@{seen.version})"
    when = shown_window(seen.window) if seen.window.after else shown_time(seen.window.before)
    return f"{name}, {when}"


def _spark(counts: Sequence[int], style: Style) -> str:
    """One column for each version (or run of versions, when there are many): how often."""
    room = max(10, style.width - 14)
    size = -(-len(counts) // room)
    sums = [max(counts[at : at + size]) for at in range(0, len(counts), size)]
    top = max(sums, default=0) or 1
    return "".join(SPARKS[0] if not one else SPARKS[max(1, round(one / top * 8))] for one in sums)


def _example(example: Example, style: Style) -> Iterator[str]:
    runs = [
        Run(f"@{example.version} ", Role.QUIET),
        Run(one_line(example.before).replace("⏎", " ")),
        Run("»", Role.INSERTED, opens=True),
        Run(one_line(example.match).replace("⏎", " "), Role.INSERTED),
        Run("«", Role.INSERTED, closes=True),
        Run(one_line(example.after).replace("⏎", " ")),
    ]
    for at, line in enumerate(wrap([(run, -1) for run in runs], max(20, min(style.width, PROSE_WIDTH) - 6))):
        yield ("    " if at == 0 else "      ") + painted(line, style.color)


def numbers(versions: Sequence[int], *, most: int = 8) -> str:
    """``@3, @5–@9``; beyond ``most`` runs, how many more."""
    runs: list[list[int]] = []
    for number in versions:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [f"@{low}" if low == high else f"@{low}–@{high}" for low, high in runs[:most]]
    return ", ".join(shown) + (f" and {len(runs) - most} more" if len(runs) > most else "")
