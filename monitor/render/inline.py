"""The format people show each other: whole sentences, words marked by colour and by sign, kinds in the margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.render.marks import runs_of
from monitor.render.pieces import Item, LeftOut, Paragraph, Sign, items, listed
from monitor.render.safe import one_line
from monitor.render.telling import (
    NOTHING,
    SEVERITY_MARKS,
    filtered_line,
    plural,
    side_time,
    silent_line,
    summary_of,
    telling_kind,
    told_edits,
)
from monitor.render.terminal import (
    PROSE_WIDTH,
    SEVERITY_ROLES,
    Line,
    Role,
    Run,
    fit,
    padded,
    paint,
    painted,
    width_of,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.render import Comparison, Style
    from storage.records import Edit

MARGIN: Final = 14
"""Columns of the margin: severity sign, kind, a space. Left out below :data:`NARROW` columns."""
NARROW: Final = 60


def inline(comparison: Comparison, style: Style) -> str:
    """Header, summary, then every changed passage with its surroundings; wrapped to ``style.width``."""
    edits = told_edits(comparison, style)
    lines = [*header(comparison, edits, style), *passages(items(comparison, style), style)]
    return "\n".join(lines) + "\n"


def passages(shown: Iterable[Item], style: Style) -> Iterator[str]:
    """Lines of the changed passages alone, each after a blank line; for who has a header of his own."""
    for item in shown:
        yield ""
        yield from _left_out(item, style) if isinstance(item, LeftOut) else _paragraph(item, style)


def header(comparison: Comparison, edits: Sequence[Edit], style: Style) -> Iterator[str]:
    """What is compared, when each wording came, and the one-line summary. Shared with ``side-by-side``."""
    old, new = comparison.old, comparison.new
    if comparison.change.identical:
        yield from _wrapped(f"{one_line(old.ref)} → {one_line(new.ref)}", Role.STRONG, style)
        yield NOTHING
        return
    title = f"{one_line(old.ref)} → {one_line(new.ref)}"
    yield from _wrapped(title, Role.STRONG, style)
    for url in dict.fromkeys(side.url for side in (old, new) if side.url):
        yield from _wrapped(one_line(url), Role.QUIET, style)
    for name, side in (("old", old), ("new", new)):
        when = side_time(side)
        if when:
            yield from _wrapped(f"{name}: {when}", Role.QUIET, style)
    yield from _wrapped(summary_of(edits, identical=False), Role.STRONG, style)
    if silent := silent_line(comparison):
        yield from _wrapped(silent, Role.MAJOR, style)
    if filtered := filtered_line(comparison, edits):
        yield from _wrapped(filtered, Role.QUIET, style)


def left_out_words(item: LeftOut) -> str:
    """``⋯ 3 sentences unchanged``."""
    words = f"⋯ {plural(item.sentences, 'sentence')} unchanged"
    if item.rewrapped:
        words += f" but for white space ({plural(item.rewrapped, 'place')})"
    return words


def explanations(paragraph: Paragraph) -> list[str]:
    """For each edit that starts in the paragraph: what changed, of which kinds, by which rules."""
    lines = []
    for edit in paragraph.edits:
        rules = f"; by {one_line(', '.join(edit.rules))}" if edit.rules else ""
        kinds = ", ".join(kind.value for kind in edit.kinds)
        old, new = fit(listed(edit.old.text), 30), fit(listed(edit.new.text), 30)
        lines.append(f"{old or '∅'} → {new or '∅'}: {kinds}; severity {edit.severity.label}{rules}")
    return lines


def _paragraph(paragraph: Paragraph, style: Style) -> Iterator[str]:
    edits: list[Edit] = []
    runs: list[tuple[Run, int]] = []
    for piece in paragraph.pieces:
        mark = -1
        if piece.edit is not None and piece.first and (piece.leads or not piece.label):
            edits.append(piece.edit)
            mark = len(edits) - 1
        for run in runs_of(piece):
            shows = bool(run.text.strip())
            runs.append((run, mark if shows else -1))
            mark = -1 if shows else mark
    _strip_ends(runs, paragraph)
    narrow = style.width < NARROW
    margin = 0 if narrow else MARGIN
    width = min(style.width - margin, PROSE_WIDTH)
    lines = wrap(runs, width)
    if narrow:
        tags = ", ".join(dict.fromkeys(_tag(edit).strip() for edit in edits))
        if tags:
            yield from _wrapped(tags, Role.QUIET, style)
        yield from (painted(line, style.color) for line in lines)
    else:
        yield from _with_margin(lines, edits, style)
    if style.explain:
        for line in explanations(paragraph):
            for part in wrap([(Run(line, Role.QUIET), -1)], max(20, width - 2)):
                yield " " * (margin + 2) + painted(part, style.color)


def _strip_ends(runs: list[tuple[Run, int]], paragraph: Paragraph) -> None:
    """White space around a paragraph is layout: the blank lines between paragraphs show it."""
    if runs and paragraph.pieces[0].sign is Sign.SAME:
        run, mark = runs[0]
        runs[0] = (Run(run.text.lstrip(), run.role), mark)
    if runs and paragraph.pieces[-1].sign is Sign.SAME:
        run, mark = runs[-1]
        runs[-1] = (Run(run.text.rstrip(), run.role), mark)
    trim(runs)


def trim(runs: list[tuple[Run, int]]) -> None:
    """Drop the runs of mere white space at both ends."""
    while runs and not runs[-1][0].text.strip():
        runs.pop()
    while runs and not runs[0][0].text.strip():
        runs.pop(0)


def _with_margin(lines: Sequence[Line], edits: Sequence[Edit], style: Style) -> Iterator[str]:
    """Each line with the tag of the edits that start in it; tags that find no room go below."""
    waiting: list[tuple[str, Role]] = []
    for line in lines:
        for mark in line.marks:
            tag = (_tag(edits[mark]), SEVERITY_ROLES[edits[mark].severity])
            if tag not in waiting:
                waiting.append(tag)
        yield _margin(waiting, style) + painted(line, style.color)
    while waiting:
        yield _margin(waiting, style).rstrip()


def _margin(waiting: list[tuple[str, Role]], style: Style) -> str:
    if not waiting:
        return " " * MARGIN
    tag, role = waiting.pop(0)
    return paint(tag, role, style.color) + " " * (MARGIN - width_of(tag))


def _tag(edit: Edit) -> str:
    return padded(SEVERITY_MARKS[edit.severity], 2) + telling_kind(edit).value


def _left_out(item: LeftOut, style: Style) -> Iterator[str]:
    margin = 0 if style.width < NARROW else MARGIN
    for line in wrap([(Run(left_out_words(item), Role.QUIET), -1)], max(20, style.width - margin)):
        yield " " * margin + painted(line, style.color)


def _wrapped(text: str, role: Role, style: Style) -> Iterator[str]:
    for line in wrap([(Run(text, role), -1)], style.width):
        yield painted(line, style.color)
