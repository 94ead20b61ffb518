"""Paragraphs and sentences. A wrong bound costs only alignment; what matters is that both texts are cut the same way.

Rules, not a model: a sentence ends at ``. ! ? …`` with closing quotes and brackets behind it, before white space and
something that can begin a sentence, unless the stop belongs to an abbreviation or an initial; at ``。！？；`` always; and at
a blank line, and before a line that is an item of a list or a row of a table. List marks (``•``, ``1.``) do not end one. The abbreviations are in ``rules/abbreviations.toml``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import regex

from storage.records import Span

LONGEST: Final = 1500
"""A longer unit is cut at clause marks, found by content: that bounds every word diff."""
REMEMBERED: Final = 4000
"""A longer paragraph is cut anew each time: what is remembered must stay small."""

# a line that begins an item of a list or a row of a table
_ITEM: Final = (
    r"[ \t]*+(?=(?:[\-*+•·▪◦‣●○][ \t\u3000]|\d{1,3}[.)][ \t]|[（(][一二三四五六七八九十\d]{1,3}[)）]|\|)[^\n])"
)
_BREAK: Final = regex.compile(rf"(?<![ \t\r])[ \t\r]*+\n[ \t\r]*+\n\s*|\u2029\s*|\f\s*|\n{_ITEM}")
_PLAIN_BREAK: Final = regex.compile(rf"\n(?:[ \t]*+\n\s*|{_ITEM})")
"""The same where a line feed is the only thing that ends a line: found without trying every character."""
_CLOSERS: Final = "\"'”’»›)\\]}」』）】》〉"
_END: Final = regex.compile(
    rf"(?:[。！？；…‥]|(?<![.])\.(?=[{_CLOSERS}]*\s)|[.!?]+(?=[{_CLOSERS}]*(?:\s|$))|[!?]+)[。！？!?.…]*[{_CLOSERS}]*(?P<gap>\s*)"
)
_WORD_BEFORE: Final = regex.compile(r"[\p{L}\p{N}.’'&-]+\Z")
_WORD_LONGEST: Final = 24
_CLAUSE: Final = regex.compile(r"[,;:，、：；]\s*")


def sentences(text: str) -> tuple[Span, ...]:
    """The sentences of a text, in order, without the white space around them. What is no sentence is white space."""
    return tuple(Span(start, end, text[start:end]) for start, end in bounds(text))


def bounds(text: str) -> list[tuple[int, int]]:
    """``(start, end)`` of each sentence of ``text``, in code points."""
    found: list[tuple[int, int]] = []
    at = 0
    spaced = any(space in text for space in (" \n", "\t\n", "\r", "\u2029", "\f"))
    for gap in (_BREAK if spaced else _PLAIN_BREAK).finditer(text):
        _add(text[at : gap.start()], at, found)
        at = gap.end()
    _add(text[at:], at, found)
    return found


def _add(paragraph: str, at: int, found: list[tuple[int, int]]) -> None:
    """Add the sentences of a paragraph that begins at ``at``; most stand in version after version, and are remembered."""
    cut = _remembered if len(paragraph) <= REMEMBERED else _paragraph
    found += [(at + start, at + end) for start, end in cut(paragraph)]


def _paragraph(text: str) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    at = 0
    for stop in _END.finditer(text):
        cut = stop.start("gap")
        if cut >= len(text):
            break
        if text[stop.start()] == "." and not _ends(text, at, stop.start(), stop.end()):
            continue
        if text[stop.start()] in "!?" and text[stop.end() : stop.end() + 1].islower():  # “Is it so?” he asked.
            continue
        if not stop.group("gap") and text[stop.start()] in ".!?":
            continue
        _unit(text, at, cut, found)
        at = stop.end()
    _unit(text, at, len(text), found)
    return tuple(found)


_remembered: Final = lru_cache(maxsize=1024)(_paragraph)


def _ends(text: str, start: int, stop: int, after: int) -> bool:
    """Whether the stop at ``stop`` ends a sentence: not behind an abbreviation or initial, nor before a small letter."""
    following = text[after : after + 1]
    if following.islower() or following in ",;:)]":
        return False
    begin = max(start, stop - _WORD_LONGEST)
    before = _WORD_BEFORE.search(text[begin:stop])
    if before is None:
        return True
    word, at = str(before.group()), begin + before.start()
    if word[-1].isdigit():
        # «3.» at the start of a unit is a list mark; elsewhere a figure may end a sentence.
        return bool(at > start)
    if len(word) == 1 and word.isupper():
        return False
    if "." in word:
        initials = regex.fullmatch(r"(?:\p{L}\.)+\p{L}", word) is not None
        return not initials or _begins(text, after)
    return word.lower() not in _abbreviations()


def _begins(text: str, after: int) -> bool:
    """After «U.S.» only a word that often begins a sentence ends one."""
    word = regex.match(r"\p{L}+", text, pos=after)
    return word is not None and word.group() in _beginners()


@lru_cache(maxsize=1)
def _table() -> dict[str, list[str]]:
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files("monitor.differ").joinpath("rules/abbreviations.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def _abbreviations() -> frozenset[str]:
    return frozenset(_table()["abbreviations"])


@lru_cache(maxsize=1)
def _beginners() -> frozenset[str]:
    return frozenset(_table()["beginners"])


def _unit(text: str, start: int, end: int, found: list[tuple[int, int]]) -> None:
    """Add ``text[start:end]`` without the white space at its ends, cut where it is too long."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end -= len(piece) - len(piece.rstrip())
    while end - start > LONGEST:
        cut = _cut(text, start, end)
        found.append((start, start + len(text[start:cut].rstrip())))
        start = cut + (len(text[cut:end]) - len(text[cut:end].lstrip()))
    if end > start:
        found.append((start, end))


def _cut(text: str, start: int, end: int) -> int:
    """Where to cut a run-on: behind a clause mark, else behind a space, else by a mark in the content; never by place alone."""
    low, high = start + 200, start + LONGEST
    for way in (_CLAUSE, regex.compile(r"\s+")):
        mark = way.search(text, low, high)
        if mark is not None and mark.end() < end:
            return int(mark.end())
    for place in range(low, high):
        # a content-defined cut: the same run of characters is cut at the same character in both texts
        if (ord(text[place]) * 2654435761 >> 7) % 61 == 0:
            return _whole(text, place + 1, end)
    return _whole(text, high, end)


def _whole(text: str, place: int, end: int) -> int:
    """``place`` moved behind the grapheme cluster that it would cut."""
    from monitor.differ.graphemes import bound_after

    return min(bound_after(text, place), end)
