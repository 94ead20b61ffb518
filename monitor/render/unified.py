"""Unified diff by lines, as ``patch`` accepts it for the two texts."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from monitor.render.safe import one_line, visible
from monitor.render.telling import told
from monitor.render.terminal import Role, paint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.render import Comparison, Style
    from storage.records import Edit

LEAST_CONTEXT: Final = 3
"""Lines of context: what ``diff -u`` gives, and what makes a patch apply to a text that moved a little."""


@dataclass(slots=True)
class Block:
    """Lines ``old_from:old_to`` stand as lines ``new_from:new_to`` now."""

    old_from: int
    old_to: int
    new_from: int
    new_to: int


def unified(comparison: Comparison, style: Style) -> str:
    """``---``/``+++`` with the references, hunks with three lines around (``style.context`` when more); '' when equal.

    With ``style.raw`` and no colour the text is exact, for ``patch``; otherwise what could drive a terminal is shown as
    signs. Lines end at line feeds only. Edits that are filtered out are taken over into the context lines, as
    ``git diff -w`` does: such a diff is for reading.
    """
    wanted = [edit for edit in comparison.change.edits if told(edit, style)]
    old_text, edits = comparison.old.text.text, wanted
    if len(wanted) < len(comparison.change.edits):
        old_text, edits = _taken_over(comparison, style)
    old, new = split_lines(old_text), split_lines(comparison.new.text.text)
    blocks = list(_trimmed(_blocks(edits, old, new), old, new))
    if not blocks:
        return ""
    exact = style.raw and not style.color
    lines = [f"--- {_label(comparison.old.ref, exact)}", f"+++ {_label(comparison.new.ref, exact)}"]
    roles = [Role.STRONG, Role.STRONG]
    for sign, line in _hunks(blocks, old, new, max(LEAST_CONTEXT, style.context)):
        body, end, _ = line.partition("\n")
        shown = body if exact else visible(body)
        lines.append(sign + shown)
        roles.append({"+": Role.INSERTED, "-": Role.DELETED, "@": Role.QUIET}.get(sign[:1], Role.SAME))
        if not end and sign in ("+", "-", " "):
            lines.append("\\ No newline at end of file")
            roles.append(Role.QUIET)
    return "".join(paint(line, role, style.color) + "\n" for line, role in zip(lines, roles, strict=True))


def split_lines(text: str) -> list[str]:
    """Lines with their line feeds; only a line feed ends a line (not CR, NEL or U+2028)."""
    lines = text.split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])


def _label(ref: str, exact: bool) -> str:
    """A name as ``patch`` reads it: up to a tab, which is needed where it holds a space."""
    name = one_line(ref)
    return name + "\t" if exact and " " in name else name


def _taken_over(comparison: Comparison, style: Style) -> tuple[str, list[Edit]]:
    """The old text with the filtered edits made already, and the others with their places in it."""
    old = comparison.old.text.text
    parts: list[str] = []
    edits: list[Edit] = []
    at = length = 0
    for edit in comparison.change.edits:
        parts.append(old[at : edit.old.start])
        length += edit.old.start - at
        kept = edit.old.text if told(edit, style) else edit.new.text
        if told(edit, style):
            edits.append(replace(edit, old=replace(edit.old, start=length, end=length + len(kept))))
        parts.append(kept)
        length += len(kept)
        at = edit.old.end
    return "".join([*parts, old[at:]]), edits


def _blocks(edits: Sequence[Edit], old: Sequence[str], new: Sequence[str]) -> Iterator[Block]:
    """The lines that edits touch. Between two blocks the lines are equal, one to one: the work is linear."""
    old_starts, new_starts = _offsets(old), _offsets(new)
    current: Block | None = None
    for edit in edits:
        old_from, old_to = _touched(old_starts, edit.old.start, edit.old.end, len(old))
        new_from, new_to = _touched(new_starts, edit.new.start, edit.new.end, len(new))
        if current is not None and (old_from < current.old_to or new_from < current.new_to):
            current.old_to, current.new_to = max(current.old_to, old_to), max(current.new_to, new_to)
            continue
        if current is not None:
            yield current
        current = Block(old_from, old_to, new_from, new_to)
    if current is not None:
        yield current


def _offsets(lines: Sequence[str]) -> list[int]:
    """Where lines start; after a final line feed that is one more, the empty line at the end of the text."""
    starts = list(accumulate((len(line) for line in lines), initial=0))
    return starts if not lines or lines[-1].endswith("\n") else starts[:-1]


def _touched(starts: list[int], start: int, end: int, count: int) -> tuple[int, int]:
    """First line and one past the last line that hold ``start`` … ``end``, the line that ``end`` stands in included."""
    low = bisect_right(starts, start) - 1
    high = bisect_right(starts, end)
    return min(low, count), min(high, count)


def _trimmed(blocks: Iterator[Block], old: Sequence[str], new: Sequence[str]) -> Iterator[Block]:
    """Blocks without the equal lines at their ends, which the touch of a line break brought in."""
    for block in blocks:
        while (
            block.old_from < block.old_to
            and block.new_from < block.new_to
            and old[block.old_from] == new[block.new_from]
        ):
            block.old_from += 1
            block.new_from += 1
        while (
            block.old_from < block.old_to
            and block.new_from < block.new_to
            and old[block.old_to - 1] == new[block.new_to - 1]
        ):
            block.old_to -= 1
            block.new_to -= 1
        if block.old_from < block.old_to or block.new_from < block.new_to:
            yield block


def _hunks(blocks: Sequence[Block], old: Sequence[str], new: Sequence[str], context: int) -> Iterator[tuple[str, str]]:
    """Sign and line of everything in the hunks; a hunk's head has the sign ``@@ … @@`` and an empty line."""
    group: list[Block] = []
    for block in blocks:
        if group and block.old_from - group[-1].old_to > 2 * context:
            yield from _hunk(group, old, new, context)
            group = []
        group.append(block)
    yield from _hunk(group, old, new, context)


def _hunk(group: Sequence[Block], old: Sequence[str], new: Sequence[str], context: int) -> Iterator[tuple[str, str]]:
    first, last = group[0], group[-1]
    lead = min(context, first.old_from)
    trail = min(context, len(old) - last.old_to)
    spans = [
        _range(first.old_from - lead, last.old_to + trail),
        _range(first.new_from - lead, last.new_to + trail),
    ]
    yield f"@@ -{spans[0]} +{spans[1]} @@", "\n"
    at = first.old_from - lead
    for block in group:
        yield from ((" ", line) for line in old[at : block.old_from])
        yield from (("-", line) for line in old[block.old_from : block.old_to])
        yield from (("+", line) for line in new[block.new_from : block.new_to])
        at = block.old_to
    yield from ((" ", line) for line in old[at : last.old_to + trail])


def _range(start: int, end: int) -> str:
    """``start,count`` as POSIX ``diff -u`` writes it: an empty range names the line before it."""
    count = end - start
    if count == 1:
        return str(start + 1)
    return f"{start if count == 0 else start + 1},{count}"
