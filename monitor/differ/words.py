"""Word edits inside a pair of passages: tokens as characters through diff-match-patch, then a clean-up on token bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import regex

from monitor.differ.align import SMALL

if TYPE_CHECKING:
    from diff_match_patch import diff_match_patch

TOKEN: Final = regex.compile(
    r"(?:https?://|www\.)[^\s<>()，。；、）】]*[^\s<>()，。；、）】.,;:!?'\"”’»]"  # addresses
    r"|[\p{L}\p{N}._+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+"
    r"|\p{N}+(?:[.,:]\p{N}+)*(?=[^\p{L}\p{N}]|\p{Han}|\Z)"  # figures: 5.25  1,000  12:05
    r"|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*"  # scripts without spaces
    r"|(?:(?![\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])[\p{L}\p{N}\p{M}_])+"
    r"|\s+"
    r"|\X"
)
_CLAUSE_MARKS: Final = frozenset(".,;:!?。，；：！？、")
MERGED_WEIGHT: Final = 3.0
"""At most so much kept text between two edits is taken into one replacement."""
_FIRST: Final = 0x100
_SURROGATES: Final = (0xD800, 0xE000)


@dataclass(slots=True)
class Piece:
    """A run of tokens: ``old`` of the old side and ``new`` of the new; equal when both are the same list."""

    old: list[str]
    new: list[str]

    @property
    def equal(self) -> bool:
        """Whether nothing changed in it."""
        return self.old == self.new


def tokens(text: str) -> tuple[str, ...]:
    """The tokens of a text: words, figures, marks, white space, single characters of scripts without spaces.

    Their concatenation is the text.
    """
    return tuple(TOKEN.findall(text))


def word_edits(old: str, new: str) -> list[tuple[int, int, int, int]]:
    """``(old start, old end, new start, new end)`` of each edit, in order; offsets into the two passages."""
    pieces = _trimmed(_slid(_cleaned(_pieces(tokens(old), tokens(new)))))
    found: list[tuple[int, int, int, int]] = []
    a = b = 0
    for piece in pieces:
        size_a, size_b = sum(map(len, piece.old)), sum(map(len, piece.new))
        if not piece.equal:
            found.append((a, a + size_a, b, b + size_b))
        a += size_a
        b += size_b
    return found


def _pieces(old: tuple[str, ...], new: tuple[str, ...]) -> list[Piece]:
    """Alternating equal and changed runs of tokens, by diff-match-patch over one character a token (numbered per pair)."""
    code: dict[str, str] = {}
    coded_old = "".join([code.setdefault(token, _character(len(code))) for token in old])
    coded_new = "".join([code.setdefault(token, _character(len(code))) for token in new])
    out: list[Piece] = []
    a = b = 0
    for sign, run in _engine().diff_main(coded_old, coded_new, False):
        took_old = list(old[a : a + len(run)]) if sign <= 0 else []
        took_new = list(new[b : b + len(run)]) if sign >= 0 else []
        a, b = a + len(took_old), b + len(took_new)
        if sign != 0 and out and not out[-1].equal:
            out[-1].old += took_old
            out[-1].new += took_new
        else:
            out.append(Piece(took_old, took_new))
    return out


@lru_cache(maxsize=1)
def _engine() -> diff_match_patch:
    from diff_match_patch import diff_match_patch

    engine = diff_match_patch()
    engine.Diff_Timeout = 0  # a clock must never decide what an edit is
    return engine


def _character(number: int) -> str:
    code = _FIRST + number
    return chr(code if code < _SURROGATES[0] else code + _SURROGATES[1] - _SURROGATES[0])


def _weight(run: list[str]) -> float:
    """Words count 1, small words and single characters of unspaced scripts a half, marks and spaces nothing."""
    total = 0.0
    for token in run:
        first = token[0]
        if first.isalnum():
            total += 0.5 if ord(first) >= 0x2E80 or token.lower() in SMALL else 1.0
    return total


def _size(piece: Piece) -> float:
    return max(_weight(piece.old), _weight(piece.new))


def _cleaned(pieces: list[Piece]) -> list[Piece]:
    """Take small equal runs between two edits into one replacement, so that a reworded phrase reads as one."""
    again = True
    while again:
        again = False
        for place in range(1, len(pieces) - 1):
            middle, left, right = pieces[place], pieces[place - 1], pieces[place + 1]
            if not middle.equal or left.equal or right.equal:
                continue
            weight = _weight(middle.old)
            idle = weight == 0 and not any(token in _CLAUSE_MARKS for token in middle.old)
            both = min(_size(left), _size(right))
            thin = 0 < weight <= MERGED_WEIGHT and weight <= both and (weight < 1 or not _has_mark(middle.old))
            if (idle and _worth_joining(left, right)) or thin:
                joined = Piece(left.old + middle.old + right.old, left.new + middle.new + right.new)
                pieces[place - 1 : place + 2] = [joined]
                again = True
                break
    return pieces


def _worth_joining(left: Piece, right: Piece) -> bool:
    """Two edits with nothing but a space between them are one when words change in both; a lone mark stays its own."""
    return _size(left) > 0 and _size(right) > 0


def _has_mark(run: list[str]) -> bool:
    return any(token in _CLAUSE_MARKS for token in run)


def _slid(pieces: list[Piece]) -> list[Piece]:
    """Move pure insertions and deletions to the better of their equal places: whole words, behind a mark, at a start."""
    for place in range(1, len(pieces) - 1):
        before, middle, after = pieces[place - 1], pieces[place], pieces[place + 1]
        if middle.equal or (middle.old and middle.new) or not before.equal or not after.equal:
            continue
        run = middle.old or middle.new
        left, right = before.old, after.old
        best, best_score = 0, _bound_score(left, run, right)
        for direction in (-1, 1):
            shifted_left, shifted, shifted_right = list(left), list(run), list(right)
            step = 0
            while len(shifted_left if direction < 0 else shifted_right) > 0:
                if direction < 0:
                    if shifted_left[-1] != shifted[-1]:
                        break
                    shifted_right.insert(0, shifted.pop())
                    shifted.insert(0, shifted_left.pop())
                else:
                    if shifted_right[0] != shifted[0]:
                        break
                    shifted_left.append(shifted.pop(0))
                    shifted.append(shifted_right.pop(0))
                step += direction
                score = _bound_score(shifted_left, shifted, shifted_right)
                if score > best_score:
                    best, best_score = step, score
        if best:
            _shift(pieces, place, best)
    return [piece for piece in pieces if piece.old or piece.new]


def _shift(pieces: list[Piece], place: int, steps: int) -> None:
    before, middle, after = pieces[place - 1], pieces[place], pieces[place + 1]
    run, deleted = middle.old or middle.new, bool(middle.old)
    if steps < 0:
        moved = before.old[steps:]
        left = before.old[:steps]
        whole = moved + run
        run, right = whole[: len(run)], whole[len(run) :] + after.old
    else:
        moved = after.old[:steps]
        right = after.old[steps:]
        whole = run + moved
        left, run = before.old + whole[: len(moved)], whole[len(moved) :]
    pieces[place - 1] = Piece(left, list(left))
    pieces[place] = Piece(run, []) if deleted else Piece([], run)
    pieces[place + 1] = Piece(right, list(right))


def _bound_score(left: list[str], run: list[str], right: list[str]) -> int:
    score = 0
    if not left or left[-1].isspace():
        score += 2
        if len(left) > 1 and left[-2] in _CLAUSE_MARKS:
            score += 2
    if not left:
        score += 1
    if run and not run[0].isspace() and (run[-1].isspace() or (right and not right[0][0].isalnum())):
        score += 1
    if run and run[-1] in _CLAUSE_MARKS:
        score += 1
    return score


def _trimmed(pieces: list[Piece]) -> list[Piece]:
    """Equal tokens at the ends of a replacement go back to its neighbours."""
    out: list[Piece] = []
    for piece in pieces:
        if piece.equal or not piece.old or not piece.new:
            out.append(piece)
            continue
        head = 0
        while head < min(len(piece.old), len(piece.new)) and piece.old[head] == piece.new[head]:
            head += 1
        tail = 0
        while tail < min(len(piece.old), len(piece.new)) - head and piece.old[-1 - tail] == piece.new[-1 - tail]:
            tail += 1
        old_end, new_end = len(piece.old) - tail, len(piece.new) - tail
        out += [
            Piece(piece.old[:head], piece.new[:head]),
            Piece(piece.old[head:old_end], piece.new[head:new_end]),
            Piece(piece.old[old_end:], piece.new[new_end:]),
        ]
    return out
