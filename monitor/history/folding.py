"""Texts made alike for searching: what differs only in typography compares equal, and every place can be found again.

Folded away: compatibility forms (NFKC: full and half width, ligatures), the style of quotes and dashes, runs of white
space and line ends, white space between CJK characters, invisible format characters, and (if asked) case. A blank line
stays, as one ``\\n``: no phrase crosses a paragraph.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_SINGLE = "\u2018\u2019\u201a\u201b\u2032\u2035\u02bc\u02b9\u00b4\u0060"
_DOUBLE = "\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\u300c\u300d\u300e\u300f\u301d\u301e\u301f"
_DASH = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u2e3a\u2e3b"
_STYLE: Final = {
    **dict.fromkeys(_SINGLE, "'"),
    **dict.fromkeys(_DOUBLE, '"'),
    **dict.fromkeys(_DASH, "-"),
}

_JAMO = "\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\ud7b0-\ud7ff\uffa0-\uffdc"
_CJK: Final = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U0001b000-\U0001b2ff\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the true text, ``start`` to ``end``, that begins at ``at`` in the folded one.

    ``exact`` says that code points stand one to one; else the stretch was folded as a whole.
    """

    at: int
    start: int
    end: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text and the way back to the true one."""

    text: str
    pieces: tuple[Piece, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The true span of ``text[start:end]`` (not empty): whole characters, also where several were folded to one."""
        if len(self.pieces) == 1 and self.pieces[0].exact:
            return start + self.pieces[0].start, end + self.pieces[0].start
        first, last = self._piece(start), self._piece(end - 1)
        return (
            first.start + start - first.at if first.exact else first.start,
            last.start + end - last.at if last.exact else last.end,
        )

    def _piece(self, place: int) -> Piece:
        return self.pieces[bisect_right(self.pieces, place, key=lambda piece: piece.at) - 1]


@lru_cache(maxsize=8192)
def _character(character: str, ignore_case: bool) -> str:
    """What one character (or combining sequence) folds to."""
    if len(character) == 1 and unicodedata.category(character) == "Cf":
        return ""
    styled = "".join(_STYLE.get(one, one) for one in character)
    wide = "".join(_STYLE.get(one, one) for one in unicodedata.normalize("NFKC", styled))
    if " " in wide and wide != " ":
        return character  # an accent on a space (¯): to part them would make words of it
    return unicodedata.normalize("NFKC", wide.casefold()) if ignore_case else wide


def _is_mark(character: str) -> bool:
    """Whether a character joins the one before it; the half-width sound marks of Japanese do so when made wide."""
    return unicodedata.category(unicodedata.normalize("NFKC", character)[0]).startswith("M")


@lru_cache(maxsize=8192)
def _alone(character: str, ignore_case: bool) -> str | None:
    """What one character folds to by itself; None: it stays as it is; '' also for a mark, which never stands alone."""
    if _is_mark(character):
        return ""
    folded = " " if character.isspace() else _character(character, ignore_case)
    return None if folded == character else folded


@lru_cache(maxsize=512)
def _irregular(odd: str, hidden: str, marks: str, cjk: bool) -> re.Pattern[str]:
    """Finds what does not fold one to one in a text with these odd and hidden characters and combining marks.

    Made for the text at hand: on plain prose it looks for white space alone, which is ten times faster.
    """
    places = [rf"\s[\s{hidden}]*" if cjk else rf"\s[\s{hidden}]+|(?<=[-\u2010])\n"]
    if marks:
        places.append(f"[^\\s{marks}]?[{marks}]+")
    if odd or hidden:
        places.append(f"[{odd}{hidden}]")
    return re.compile("|".join([*places, f"[{_JAMO}]+"]))


@lru_cache(maxsize=8192)
def disguises(character: str, needle: str) -> bool:
    """Whether a text with this character may hold a ``needle`` when folded, though it does not as it stands (but for case):
    it folds to something of it, or to nothing, or joins its neighbour.

    ``needle`` are letters and figures of ASCII, or one letter of another script.
    """
    if _JOINED.match(character) or _is_mark(character):
        return not needle.isascii()  # no ASCII letter comes of a joining, if none went into it
    folded = _alone(character, ignore_case=True)
    return folded is not None and (not folded or not set(needle).isdisjoint(folded))


_JOINED: Final = re.compile(f"[{_JAMO}]")
_UNEVEN: Final = re.compile(r"\s\s|-\n")
"""What does not fold one to one in ASCII: runs of white space, and the end of a line after a hyphen."""


@lru_cache(maxsize=2)
def _ascii(ignore_case: bool) -> dict[int, str]:
    """What each ASCII character folds to."""
    return {code: _alone(chr(code), ignore_case) or chr(code) for code in range(128)}


def fold(text: str, *, ignore_case: bool = True) -> Folded:
    """The folded text with the way back. Linear in the length of the text: about 1 ms for 1,500 words of prose.

    Plain ASCII, which is most of it, is folded one to one and ten times faster.
    """
    if text.isascii() and _UNEVEN.search(text) is None:
        return Folded(text.translate(_ascii(ignore_case)), (Piece(0, 0, len(text), True),) if text else ())
    table: dict[int, str] = {}
    odd: list[str] = []
    hidden: list[str] = []
    marks: list[str] = []
    for character in sorted(set(text)):
        folded = _alone(character, ignore_case)
        if folded is None:
            continue
        if len(folded) == 1:
            table[ord(character)] = folded
        elif _is_mark(character):
            marks.append(re.escape(character))
        else:
            (odd if folded else hidden).append(re.escape(character))
    cjk = _CJK.search(text) is not None
    words: list[str] = []
    pieces: list[Piece] = []
    done = length = 0

    def add(words_folded: str, start: int, end: int, *, exact: bool) -> None:
        nonlocal length
        if words_folded:
            words.append(words_folded)
            pieces.append(Piece(length, start, end, exact))
            length += len(words_folded)

    for match in _irregular("".join(odd), "".join(hidden), "".join(marks), cjk).finditer(text):
        start, end = match.span()
        add(text[done:start].translate(table), done, start, exact=True)
        stretch = _space(text, start, end) if text[start].isspace() else _character(match.group(), ignore_case)
        add(stretch, start, end, exact=False)
        done = end
    add(text[done:].translate(table), done, len(text), exact=True)
    return Folded("".join(words), tuple(pieces))


def _space(text: str, start: int, end: int) -> str:
    """What a run of white space becomes: nothing at a line end after a hyphen, and between CJK characters."""
    run = text[start:end]
    if run.count("\n") > 1:
        return "\n"
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    if _CJK.match(before) and _CJK.match(after):
        return ""
    hyphened = "\n" in run and before in ("-", "\u2010") and text[max(start - 2, 0) : start - 1].isalnum()
    return "" if hyphened and after.isalnum() else " "
