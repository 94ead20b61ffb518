"""A comparison as a reader meets it: one stream of pieces in the order of the new text, cut into paragraphs.

Every human format is written from here, so that they agree on what is marked, what is quiet and what is left out.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from monitor.render.safe import visible
from monitor.render.telling import move_labels, told
from storage.records import Edit, EditKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.render import Comparison, Style

BREAK: Final = re.compile(r"\n[^\S\n]*\n\s*")
"""What parts two paragraphs: a blank line, and whatever white space follows it."""

WRAPPED_COLUMNS: Final = range(50, 101)
"""A line of such a length that ends without a blank line was cut by an editor program, not by its author."""

_LINE_END: Final = re.compile(
    r"\n(?<=\S\n)(?=\S)(?![-*+•·–—] |[>|#]|-{3}|[0-9]{1,3}[.)] |\((?:[0-9A-Za-z]{1,2}|[ivx]+)\) |[①-⑳])"
)
"""A line end before something that does not look like a list item, a table or a quotation.

The line feed stands first: what a pattern begins with is found without trying every character."""

_SOLID: Final = re.compile(r"\S+")

LEAST_HIDDEN_CHARS: Final = 240
"""One sentence is left out only when it is longer than the line that says so is worth."""

QUIET_SHOWN: Final = 10
"""Up to so many re-wrappings are shown where nothing else changed; beyond it, or beside real edits, only counted."""

MOVED_SHOWN_CHARS: Final = 60
"""A longer passage is shown whole where it stands now, and in short where it stood."""


class Sign(enum.Enum):
    """How a piece is marked. ``QUIET``: white space that only re-wraps the text."""

    SAME = "same"
    DELETED = "deleted"
    INSERTED = "inserted"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters under one sign. ``old`` and ``new`` are the offsets at which it starts.

    ``first`` says that the edit's first characters are here. ``label`` is that of a half of a move: in full where the
    half begins (``leads``), in short where it goes on behind a changed word.
    """

    sign: Sign
    text: str
    old: int
    new: int
    edit: Edit | None = None
    label: str = ""
    first: bool = False
    leads: bool = False

    @property
    def moved(self) -> bool:
        """Whether it belongs to a moved passage."""
        return self.edit is not None and self.edit.move is not None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Pieces between two paragraph breaks, or up to a place where unchanged sentences were left out."""

    pieces: tuple[Piece, ...]

    @property
    def edits(self) -> list[Edit]:
        """The edits that start in it."""
        return [piece.edit for piece in self.pieces if piece.edit is not None and piece.first]

    @property
    def changed(self) -> bool:
        """Whether anything in it is marked."""
        return any(piece.sign is not Sign.SAME for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Unchanged sentences that are not shown; ``rewrapped`` counts the white-space edits among them."""

    sentences: int
    rewrapped: int
    text: str


Item = Paragraph | LeftOut


def pieces(comparison: Comparison, style: Style) -> list[Piece]:
    """The whole stream. Edits that were not asked for are shown as the new text, unmarked."""
    stream: list[Piece] = []
    old, new = unwrapped(comparison.old.text.text), unwrapped(comparison.new.text.text)
    edits = comparison.change.edits
    labels = move_labels(edits)
    loud = _loud(edits, style)
    at_old = at_new = 0
    for place, edit in enumerate(edits):
        if edit.new.start > at_new:
            stream.append(Piece(Sign.SAME, new[at_new : edit.new.start], at_old, at_new))
        if loud[place]:
            stream += _marked(edit, old, new, labels.get(place, ""))
        elif edit.new.text:
            stream.append(Piece(Sign.SAME, new[edit.new.start : edit.new.end], edit.old.start, edit.new.start))
        at_old, at_new = edit.old.end, edit.new.end
    if at_new < len(new):
        stream.append(Piece(Sign.SAME, new[at_new:], at_old, at_new))
    return _joined(stream)


def rewraps(edit: Edit) -> bool:
    """Whether the edit only lays the same words out anew: white space for white space, line ends set or dropped."""
    old, new = edit.old.text, edit.new.text
    if any(kind is not EditKind.WHITESPACE for kind in edit.kinds):
        return False
    if old.strip() or new.strip():
        return _relaid(edit)
    return bool(old and new) or "\n" in old + new


def _relaid(edit: Edit) -> bool:
    """Whether the same words stand on other lines: a re-wrapping that takes words along."""
    old, new = edit.old.text, edit.new.text
    return "\n" in old + new and not _gap(old) and not _gap(new) and bool(old.split()) and old.split() == new.split()


def _gap(text: str) -> bool:
    return BREAK.search(text) is not None


def unwrapped(text: str) -> str:
    """``text`` with the line ends of a hard-wrapped paragraph as spaces; the same length, so that offsets hold."""

    def joined(found: re.Match[str]) -> str:
        line = found.start() - (text.rfind("\n", 0, found.start()) + 1)
        return " " if line in WRAPPED_COLUMNS else "\n"

    return _LINE_END.sub(joined, text)


def items(comparison: Comparison, style: Style) -> list[Item]:
    """Paragraphs with ``style.context`` unchanged sentences around each change; what is left out is counted."""
    stream = pieces(comparison, style)
    if not any(piece.sign is not Sign.SAME for piece in stream):
        return []
    from monitor.differ.segment import sentences

    text = comparison.new.text.text
    spans = sentences(text)
    starts, ends = [span.start for span in spans], [span.end for span in spans]
    quiet = [edit.new.start for edit in comparison.change.edits if rewraps(edit) and told(edit, style)]
    found: list[Item] = []
    run: list[Piece] = []
    last = len(stream) - 1
    for place, piece in enumerate(stream):
        if piece.sign is not Sign.SAME:
            run.append(piece)
            continue
        head, hidden, tail = _kept(piece, starts, ends, style.context, first=place == 0, last=place == last)
        if not hidden:
            run.append(piece)
            continue
        run += head
        found += _paragraphs(run)
        rewrapped = bisect_left(quiet, hidden.end) - bisect_left(quiet, hidden.start)
        found.append(LeftOut(hidden.sentences, rewrapped, text[hidden.start : hidden.end]))
        run = list(tail)
    return [*found, *_paragraphs(run)]


def paragraphs(comparison: Comparison, style: Style) -> list[Paragraph]:
    """The whole text in paragraphs, nothing left out."""
    return list(_paragraphs(pieces(comparison, style)))


def listed(text: str) -> str:
    """One side of an edit for a list: on one line, and white space alone as signs."""
    if not text.strip():
        return _blank_signs(text) if text else ""
    return visible(" ".join(text.split("\n"))).strip()


def shortened(text: str) -> str:
    """The beginning and the end of a long moved passage, for the place where it stood."""
    if len(text) <= MOVED_SHOWN_CHARS:
        return text
    words = text.split()
    if len(words) >= 8:
        return f"{' '.join(words[:4])} … {' '.join(words[-3:])}"
    return f"{text[:20].strip()} … {text[-15:].strip()}"


@dataclass(frozen=True, slots=True)
class _Hidden:
    start: int
    end: int
    sentences: int


def _kept(
    piece: Piece, starts: list[int], ends: list[int], context: int, *, first: bool, last: bool
) -> tuple[list[Piece], _Hidden | None, list[Piece]]:
    """Cut an unchanged run: what is kept after the change before it, what is hidden, what is kept before the next."""
    begin, end = piece.new, piece.new + len(piece.text)
    low = bisect_right(ends, begin)  # the first sentence that ends after the beginning of the run
    high = bisect_left(starts, end)  # one past the last sentence that starts before the end of the run
    if not first:
        low += (low < len(starts) and starts[low] < begin) + context
    if not last:
        high -= (high > 0 and ends[high - 1] > end) + context
    if high <= low or (high - low == 1 and ends[low] - starts[low] < LEAST_HIDDEN_CHARS):
        return [], None, []
    cut_from = begin if first else max(begin, ends[low - 1] if low else begin)
    cut_to = end if last else starts[high] if high < len(starts) else end
    head = _part(piece, begin, cut_from)
    tail = _part(piece, min(cut_to, end), end)
    return head, _Hidden(cut_from, min(cut_to, end), high - low), tail


def _part(piece: Piece, start: int, end: int) -> list[Piece]:
    if end <= start:
        return []
    at = start - piece.new
    return [replace(piece, text=piece.text[at : end - piece.new], old=piece.old + at, new=start)]


def _loud(edits: Sequence[Edit], style: Style) -> list[bool]:
    """For each edit whether it is marked: asked for, and no re-wrapping that would drown the others."""
    asked = [told(edit, style) for edit in edits]
    quiet = [rewraps(edit) for edit in edits]
    counted = sum(a and q for a, q in zip(asked, quiet, strict=True))
    others = any(a and not q for a, q in zip(asked, quiet, strict=True))
    drown = EditKind.WHITESPACE not in style.kinds and (others or counted > QUIET_SHOWN)
    return [a and not (q and drown) for a, q in zip(asked, quiet, strict=True)]


def _marked(edit: Edit, old_text: str, new_text: str, label: str) -> Iterator[Piece]:
    """The pieces of one edit: what went, what came, and for white space the signs that stand for it."""
    old, new = old_text[edit.old.start : edit.old.end], new_text[edit.new.start : edit.new.end]
    if rewraps(edit):
        signs = _blank_signs("\n" if "\n" in edit.old.text + edit.new.text else edit.old.text)
        yield Piece(Sign.QUIET, signs, edit.old.start, edit.new.start, edit, first=True)
        if new.strip():
            yield Piece(Sign.SAME, new, edit.old.start, edit.new.start)
            return
    else:
        core_old, core_new = (0, len(old)), (0, len(new))
        if edit.move is None and "\n" in edit.old.text + edit.new.text:
            core_old, core_new = _cores(old, new)
        if core_new[0]:
            yield Piece(Sign.SAME, new[: core_new[0]], edit.old.start, edit.new.start)
        behind = new[core_new[1] :]
        at_old, at_new = edit.old.start + core_old[0], edit.new.start + core_new[0]
        old, new = old[slice(*core_old)], new[slice(*core_new)]
        first = True
        for sign, text, other, at in (
            (Sign.DELETED, old, new, at_old),
            (Sign.INSERTED, new, old, at_old + len(old)),
        ):
            if not text or _only_room(text, other):
                continue
            shown = text if text.strip() else _blank_signs(text)
            yield Piece(sign, shown, at, at_new, edit, label if first else "", first, first and " " in label)
            first = False
        if behind:
            yield Piece(Sign.SAME, behind, at_old + len(old), at_new + len(new))
            return
    # The layout follows the new text: where it breaks a line, so does what is shown.
    if new and not new.strip() and ("\n" in new or old):
        yield Piece(Sign.SAME, new, edit.old.end, edit.new.start)


def _cores(old: str, new: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """What of both sides to mark: not the words at the ends that only stand on other lines now."""
    words_old, words_new = ([word.span() for word in _SOLID.finditer(text)] for text in (old, new))
    ends = min(len(words_old), len(words_new))

    def same(at_old: int, at_new: int) -> bool:
        return old[slice(*words_old[at_old])] == new[slice(*words_new[at_new])]

    head = next((at for at in range(ends) if not same(at, at)), ends)
    tail = next((at for at in range(ends - head) if not same(-1 - at, -1 - at)), ends - head)
    if head == len(words_old) == len(words_new):
        return (0, len(old)), (0, len(new))
    return _core(len(old), words_old, head, tail), _core(len(new), words_new, head, tail)


def _core(size: int, words: Sequence[tuple[int, int]], head: int, tail: int) -> tuple[int, int]:
    """From behind the first ``head`` words to before the last ``tail`` words of a text of ``size`` characters."""
    end = words[len(words) - tail][0] if tail else size
    return (0 if not head else words[head][0] if head < len(words) else size), end


def _only_room(text: str, other: str) -> bool:
    """Whether this side is a mere space where the other has words or a break: that is no news."""
    return not text.strip() and "\n" not in text and bool(other.strip() or "\n" in other)


def _blank_signs(text: str) -> str:
    """White space as signs: ``¶`` for a paragraph break, ``⏎`` for a line break, ``·`` for a space."""
    if BREAK.search(text):
        return "¶"
    if "\n" in text:
        return "⏎"
    signs = "".join({" ": "·", "\t": "→", "\u00a0": "⍽", "\u202f": "⍽"}.get(char, "·") for char in text[:8])
    return signs + ("…" if len(text) > 8 else "")


def _joined(stream: list[Piece]) -> list[Piece]:
    """Neighbouring unmarked pieces as one."""
    whole: list[Piece] = []
    texts: list[str] = []

    def close() -> None:
        if len(texts) > 1:
            whole[-1] = replace(whole[-1], text="".join(texts))
        texts.clear()

    for piece in stream:
        if piece.sign is Sign.SAME and texts:
            texts.append(piece.text)
            continue
        close()
        whole.append(piece)
        if piece.sign is Sign.SAME:
            texts.append(piece.text)
    close()
    return whole


def _paragraphs(stream: Sequence[Piece]) -> Iterator[Paragraph]:
    """Cut the stream at every paragraph break, in deleted text too: a dropped paragraph is shown as one."""
    current: list[Piece] = []
    for piece in stream:
        at = 0
        for gap in BREAK.finditer(piece.text):
            _add(current, piece, at, gap.start())
            if current:
                yield Paragraph(tuple(current))
                current = []
            at = gap.end()
        _add(current, piece, at, len(piece.text))
    if any(piece.text.strip() for piece in current):
        yield Paragraph(tuple(current))


def _add(current: list[Piece], piece: Piece, start: int, end: int) -> None:
    if end <= start:
        return
    part = piece.text[start:end]
    if piece.sign is not Sign.SAME and part.isspace() and part != piece.text:
        return  # marked white space beside a paragraph break: the break shows it
    same = piece.sign is not Sign.INSERTED
    begins = not piece.text[:start].strip()
    current.append(
        Piece(
            piece.sign,
            part,
            piece.old + (start if same else 0),
            piece.new + (0 if piece.sign is Sign.DELETED else start),
            piece.edit,
            piece.label if begins else "",
            piece.first and begins,
            piece.leads and begins,
        )
    )
