"""Word edits inside a pair of passages: tokens as characters through diff-match-patch, then a clean-up on token bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import regex

from monitor.differ import latin
from monitor.differ.align import SMALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diff_match_patch import diff_match_patch

TOKEN: Final = regex.compile(
    r"(?:https?://|www\.)[^\s<>()，。；、）】]*[^\s<>()，。；、）】.,;:!?'\"”’»]"  # addresses
    r"|[[\p{L}\p{N}._+\-]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]+@[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)+"
    r"|\p{N}+(?:[.,:]\p{N}+)*(?=[^\p{L}\p{N}]|\p{Han}|\Z)"  # figures: 5.25  1,000  12:05
    r"|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*"  # scripts without spaces
    r"|[[\p{L}\p{N}\p{M}_]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]+"
    r"|\s+"
    r"|[\-\u2010-\u2015]{2,}(?!\p{M})|…{2,}(?!\p{M})|\.{3,}(?!\p{M})"  # a long dash, an ellipsis: one mark
    r"|\X",
    regex.V1,
)
_CLAUSE_MARKS: Final = frozenset(".,;:!?。，；：！？、")
MERGED_WEIGHT: Final = 3.0
"""At most so much kept text between two edits is taken into one replacement."""
_REMEMBERED: Final = 50_000
"""So many different tokens are remembered with their weight."""
_FIRST: Final = 0x100
_SURROGATES: Final = (0xD800, 0xE000)


@dataclass(slots=True)
class Piece:
    """A run of tokens, by place: ``[a, b)`` of the old list and ``[c, d)`` of the new; the same tokens when ``equal``."""

    a: int
    b: int
    c: int
    d: int
    equal: bool


class Passage:
    """The tokens of one side, with what is asked of their runs as running sums."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.offsets = [0, *accumulate(map(len, self.tokens))]
        self._weights = [0.0, *accumulate(map(_WEIGHTS.__getitem__, self.tokens))]

    def weight(self, start: int, end: int) -> float:
        """Words count 1, small words and single characters of unspaced scripts a half, marks and spaces nothing."""
        return self._weights[end] - self._weights[start]

    def has_mark(self, start: int, end: int) -> bool:
        """Whether a clause mark stands in the run."""
        return not _CLAUSE_MARKS.isdisjoint(self.tokens[start:end])

    def units(self) -> tuple[list[str], list[int]]:
        """The tokens with a single space behind each taken into it, and where each of these units begins.

        A space is half of all tokens and says nothing: without it diff-match-patch has half the way to go.
        """
        units: list[str] = []
        places: list[int] = []
        spaced = False
        for place, one in enumerate(self.tokens):
            if one == " " and spaced:
                units[-1] += " "
                spaced = False
            else:
                units.append(one)
                places.append(place)
                spaced = True
        places.append(len(self.tokens))
        return units, places


class _Weights(dict[str, float]):
    """The weight of each token, found once."""

    def __missing__(self, token: str) -> float:
        first = token[0]
        weight = 0.0
        if first.isalnum():
            weight = 0.5 if ord(first) >= 0x2E80 or token.lower() in SMALL else 1.0
        if len(self) >= _REMEMBERED:
            self.clear()
        self[token] = weight
        return weight


_WEIGHTS: Final = _Weights()


def tokens(text: str) -> Sequence[str]:
    """The tokens of a text: words, figures, marks, white space, single characters of scripts without spaces.

    Their concatenation is the text.
    """
    return (latin.TOKEN if latin.is_latin(text) else TOKEN).findall(text)


def word_edits(old: str, new: str) -> list[tuple[int, int, int, int]]:
    """``(old start, old end, new start, new end)`` of each edit, in order; offsets into the two passages."""
    before, after = Passage(old), Passage(new)
    pieces = _trimmed(
        _slid(_cleaned(_trimmed(_pieces(before, after), before, after), before, after), before, after), before, after
    )
    return [
        (before.offsets[one.a], before.offsets[one.b], after.offsets[one.c], after.offsets[one.d])
        for one in pieces
        if not one.equal
    ]


def _pieces(old: Passage, new: Passage) -> list[Piece]:
    """Alternating equal and changed runs, by diff-match-patch over one character a unit (numbered per pair)."""
    units_old, places_old = old.units()
    units_new, places_new = new.units()
    code = {unit: _character(number) for number, unit in enumerate(dict.fromkeys((*units_old, *units_new)))}
    coded_old = "".join(map(code.__getitem__, units_old))
    coded_new = "".join(map(code.__getitem__, units_new))
    out: list[Piece] = []
    a = c = 0
    for sign, run in _engine().diff_main(coded_old, coded_new, False):
        b = a + len(run) if sign <= 0 else a
        d = c + len(run) if sign >= 0 else c
        if sign != 0 and out and not out[-1].equal:
            out[-1].b, out[-1].d = places_old[b], places_new[d]
        else:
            out.append(Piece(places_old[a], places_old[b], places_new[c], places_new[d], sign == 0))
        a, c = b, d
    return out


@lru_cache(maxsize=1)
def _engine() -> diff_match_patch:
    from diff_match_patch import diff_match_patch

    class Engine(diff_match_patch):  # type: ignore[misc]
        """Gives up on two runs that differ in more than twice ``STEPS`` tokens: they are one replacement then."""

        def diff_bisect(self, text1: str, text2: str, deadline: object) -> list[tuple[int, str]]:  # noqa: ARG002
            found: list[tuple[int, str]] = super().diff_bisect(text1, text2, _Steps())
            return found

    engine = Engine()
    engine.Diff_Timeout = 0  # a clock must never decide what an edit is
    return engine


STEPS: Final = 250
"""No sentence that a reader would call a wording of another comes near; the work grows with the square."""


class _Steps:
    """Stands where diff-match-patch expects its deadline, which it compares with the clock once a step: counts steps."""

    def __init__(self) -> None:
        self._left = STEPS

    def __lt__(self, clock: float) -> bool:
        self._left -= 1
        return self._left < 0


def _character(number: int) -> str:
    code = _FIRST + number
    return chr(code if code < _SURROGATES[0] else code + _SURROGATES[1] - _SURROGATES[0])


def _cleaned(pieces: list[Piece], old: Passage, new: Passage) -> list[Piece]:
    """Take small equal runs between two edits into one replacement, so that a reworded phrase reads as one."""
    place = 1
    while place < len(pieces) - 1:
        left, middle, right = pieces[place - 1 : place + 2]
        if middle.equal and not left.equal and not right.equal and _joins(left, middle, right, old, new):
            pieces[place - 1 : place + 2] = [Piece(left.a, right.b, left.c, right.d, equal=False)]
            place = max(1, place - 2)  # the edit before has a larger neighbour now
        else:
            place += 1
    return pieces


def _joins(left: Piece, middle: Piece, right: Piece, old: Passage, new: Passage) -> bool:
    """Whether what is kept between two edits is too little to be told apart from them.

    With nothing but a space between them they are one when words change in both; a lone mark stays its own.
    """
    weight = old.weight(middle.a, middle.b)
    if weight > MERGED_WEIGHT:
        return False
    size_left, size_right = _size(left, old, new), _size(right, old, new)
    if weight == 0:
        return size_left > 0 and size_right > 0 and not old.has_mark(middle.a, middle.b)
    return weight <= min(size_left, size_right) and (weight < 1 or not old.has_mark(middle.a, middle.b))


def _size(piece: Piece, old: Passage, new: Passage) -> float:
    return max(old.weight(piece.a, piece.b), new.weight(piece.c, piece.d))


def _slid(pieces: list[Piece], old: Passage, new: Passage) -> list[Piece]:
    """Move pure insertions and deletions to the better of their equal places: whole words, behind a mark, at a start."""
    for place in range(1, len(pieces) - 1):
        before, middle, after = pieces[place - 1 : place + 2]
        deleted = middle.c == middle.d
        if middle.equal or (middle.a < middle.b and not deleted) or not before.equal or not after.equal:
            continue
        if deleted:
            steps = _best_slide(old.tokens, before.a, middle.a, middle.b, after.b)
        else:
            steps = _best_slide(new.tokens, before.c, middle.c, middle.d, after.d)
        if steps:
            before.b, before.d = before.b + steps, before.d + steps
            middle.a, middle.b, middle.c, middle.d = (one + steps for one in (middle.a, middle.b, middle.c, middle.d))
            after.a, after.c = after.a + steps, after.c + steps
    return [piece for piece in pieces if piece.a < piece.b or piece.c < piece.d]


def _best_slide(run: Sequence[str], low: int, start: int, end: int, high: int) -> int:
    """By how many tokens ``run[start:end]`` is best shifted between ``low`` and ``high`` without changing what is said."""
    best, best_score = 0, _bound_score(run, low, start, end, high)
    for direction in (-1, 1):
        a, b = start, end
        while (a > low and run[a - 1] == run[b - 1]) if direction < 0 else (b < high and run[a] == run[b]):
            a, b = a + direction, b + direction
            score = _bound_score(run, low, a, b, high)
            if score > best_score:
                best, best_score = a - start, score
    return best


def _bound_score(run: Sequence[str], low: int, start: int, end: int, high: int) -> int:
    score = 0
    if start == low or run[start - 1].isspace():
        score += 2
        if start - low > 1 and run[start - 2] in _CLAUSE_MARKS:
            score += 2
    if start == low:
        score += 1
    if not run[start].isspace() and (run[end - 1].isspace() or (end < high and not run[end][0].isalnum())):
        score += 1
    if run[end - 1] in _CLAUSE_MARKS:
        score += 1
    return score


def _trimmed(pieces: list[Piece], old: Passage, new: Passage) -> list[Piece]:
    """Equal tokens at the ends of a replacement go back to its neighbours."""
    out: list[Piece] = []
    for one in pieces:
        a, b, c, d = one.a, one.b, one.c, one.d
        if not one.equal:
            while a < b and c < d and old.tokens[a] == new.tokens[c]:
                a, c = a + 1, c + 1
            while a < b and c < d and old.tokens[b - 1] == new.tokens[d - 1]:
                b, d = b - 1, d - 1
        for piece in (
            Piece(one.a, a, one.c, c, equal=True),
            Piece(a, b, c, d, one.equal),
            Piece(b, one.b, d, one.d, equal=True),
        ):
            if piece.a == piece.b and piece.c == piece.d:
                continue
            if piece.equal and out and out[-1].equal:
                out[-1].b, out[-1].d = piece.b, piece.d
            else:
                out.append(piece)
    return out
