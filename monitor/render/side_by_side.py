"""Two columns, paragraph beside paragraph: for wide terminals."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from monitor.render.inline import explanations, header, left_out_words, trim
from monitor.render.marks import runs_of
from monitor.render.pieces import BREAK, LeftOut, Paragraph, Piece, Sign, items
from monitor.render.safe import one_line
from monitor.render.telling import SEVERITY_MARKS, telling_kind, told_edits
from monitor.render.terminal import SEVERITY_ROLES, Line, Role, Run, fit, padded, paint, painted, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.render import Comparison, Style

MIDDLE: Final = 3
LEAST_COLUMN: Final = 12

Row = tuple[list[Piece], list[Piece]]


def side_by_side(comparison: Comparison, style: Style) -> str:
    """Old on the left, new on the right, both with paragraph numbers; ``<`` only old, ``>`` only new, ``|`` changed."""
    edits = told_edits(comparison, style)
    lines = list(header(comparison, edits, style))
    shown = items(comparison, style)
    if not shown:
        return "\n".join(lines) + "\n"
    sheet = _Sheet(comparison, style)
    lines += ["", sheet.heads(comparison)]
    group: list[Paragraph] = []
    for item in shown:
        if isinstance(item, Paragraph):
            group.append(item)
            continue
        lines += sheet.paragraphs(group)
        group = []
        lines.append(sheet.left_out(item))
    lines += sheet.paragraphs(group)
    return "\n".join(lines).rstrip("\n") + "\n"


class _Sheet:
    """The measures of one comparison: column widths, and where paragraphs start on both sides."""

    def __init__(self, comparison: Comparison, style: Style) -> None:
        self.style = style
        self.starts = (_starts(comparison.old.text.text), _starts(comparison.new.text.text))
        self.number_width = max(2, len(str(max(len(starts) for starts in self.starts))))
        free = style.width - MIDDLE - 2 * (self.number_width + 1)
        self.last_number = [0, 0]
        self.column = max(LEAST_COLUMN, free // 2)

    def heads(self, comparison: Comparison) -> str:
        """The references above their columns."""
        indent = " " * (self.number_width + 1)
        old = padded(fit(one_line(comparison.old.ref), self.column), self.column)
        new = fit(one_line(comparison.new.ref), self.column)
        color = self.style.color
        return f"{indent}{paint(old, Role.STRONG, color)}{' ' * MIDDLE}{indent}{paint(new, Role.STRONG, color)}"

    def left_out(self, item: LeftOut) -> str:
        """One quiet line over both columns."""
        words = fit(left_out_words(item), self.style.width - self.number_width - 1)
        return " " * (self.number_width + 1) + paint(words, Role.QUIET, self.style.color)

    def paragraphs(self, group: Sequence[Paragraph]) -> Iterator[str]:
        """A run of paragraphs: those that only one side has stand alone, the others beside each other."""
        for paragraph in group:
            yield from self._row(paragraph)

    def _row(self, paragraph: Paragraph) -> Iterator[str]:
        old = [piece for piece in paragraph.pieces if piece.sign is not Sign.INSERTED]
        new = [piece for piece in paragraph.pieces if piece.sign is not Sign.DELETED]
        if not _shows(old):
            old = []
        if not _shows(new):
            new = []
        left = wrap(_runs(old), self.column) if old else []
        right = wrap(_runs(new), self.column) if new else []
        sign = " " if not paragraph.changed else "<" if not new else ">" if not old else "|"
        numbers = (self._number(old, 0), self._number(new, 1))
        for at in range(max(len(left), len(right))):
            yield self._line(
                numbers[0] if at == 0 else "",
                left[at] if at < len(left) else Line(),
                sign,
                numbers[1] if at == 0 else "",
                right[at] if at < len(right) else Line(),
            )
        if tags := self._tags(paragraph):
            yield tags
        if self.style.explain:
            for line in explanations(paragraph):
                for part in wrap([(Run(line, Role.QUIET), -1)], max(20, self.style.width - self.number_width - 1)):
                    yield " " * (self.number_width + 1) + painted(part, self.style.color)
        yield ""

    def _line(self, old_number: str, old: Line, sign: str, new_number: str, new: Line) -> str:
        color = self.style.color
        left = f"{self._quiet(old_number)} {painted(old, color)}"
        gap = " " * (self.column - old.width)
        if not (new.runs or new_number):
            return f"{left}{gap} {paint(sign, Role.STRONG, color)}" if sign.strip() else left.rstrip()
        middle = paint(sign, Role.STRONG, color) if sign.strip() else sign
        return f"{left}{gap} {middle} {self._quiet(new_number)} {painted(new, color)}"

    def _quiet(self, number: str) -> str:
        shown = number.rjust(self.number_width)
        return paint(shown, Role.QUIET, self.style.color) if number else shown

    def _tags(self, paragraph: Paragraph) -> str:
        """The kinds of the edits that start here, under the row."""
        edits = paragraph.edits
        if not edits:
            return ""
        tags = dict.fromkeys((SEVERITY_MARKS[edit.severity].strip(), telling_kind(edit).value) for edit in edits)
        worst = max(edit.severity for edit in edits)
        words = fit("  ".join(f"{mark} {kind}" for mark, kind in tags), self.style.width - self.number_width - 1)
        return " " * (self.number_width + 1) + paint(words, SEVERITY_ROLES[worst], self.style.color)

    def _number(self, side: Sequence[Piece], which: int) -> str:
        """The paragraph's number in its text, from 1; '' where a paragraph only goes on."""
        if not side:
            return ""
        first = side[0]
        offset = first.new if which else first.old
        offset += len(first.text) - len(first.text.lstrip())
        place = bisect_right(self.starts[which], offset)
        if place == self.last_number[which]:
            return ""
        self.last_number[which] = place
        return str(place)


def _starts(text: str) -> list[int]:
    lead = len(text) - len(text.lstrip())
    return [lead, *(gap.end() for gap in BREAK.finditer(text, lead))]


def _shows(side: Sequence[Piece]) -> bool:
    return any(piece.text.strip() for piece in side)


def _broken(piece: Piece) -> list[Run]:
    """The line ends where the old column has a paragraph break that went."""
    return [Run("\n\n")] if piece.sign is Sign.DELETED and piece.text == "¶" else []


def _runs(side: Sequence[Piece]) -> list[tuple[Run, int]]:
    runs = [(run, -1) for piece in side for run in (*runs_of(piece, whole=True), *_broken(piece))]
    if side[0].sign is Sign.SAME:
        runs[0] = (Run(runs[0][0].text.lstrip(), runs[0][0].role), -1)
    if side[-1].sign is Sign.SAME:
        runs[-1] = (Run(runs[-1][0].text.rstrip(), runs[-1][0].role), -1)
    trim(runs)
    return runs
