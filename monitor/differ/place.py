"""Where an edit stands: the two texts and their sentences, and what the lists find over one side of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from monitor.differ.forms import folded
from monitor.differ.lexicon import WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.differ.lexicon import Finder, Match, Rules
    from monitor.differ.raw import Bounds
    from storage.records import EditKind, Text

TITLED: Final = re.compile("主席|总统|总理|首相|部长|外长|国务卿|大使|先生|女士|国王|议长|将军|特使|防长")
AROUND: Final = 24
"""How far from the edit a match may begin or end, in code points."""


@dataclass(frozen=True)
class Place:
    """The two texts, the rules, and the bounds of the sentences where they differ."""

    old: Text
    new: Text
    rules: Rules

    sentences_old: Sequence[Bounds]
    sentences_new: Sequence[Bounds]
    twins: dict[tuple[Bounds, Bounds], dict[EditKind, str]] = field(default_factory=dict)
    """What was found of the edits within moved passages, each of which comes twice."""

    @cached_property
    def starts_old(self) -> frozenset[int]:
        """Where the old sentences start."""
        return frozenset(start for start, _ in self.sentences_old)

    @cached_property
    def starts_new(self) -> frozenset[int]:
        """Where the new sentences start."""
        return frozenset(start for start, _ in self.sentences_new)


def sentence(text: str, bounds: Sequence[Bounds], span: Bounds) -> str:
    """The sentence (or the run of sentences) that ``span`` falls in; '' between sentences."""
    from bisect import bisect_right

    start, end = span
    first = max(0, bisect_right(bounds, (start, len(text) + 1)) - 1)
    touched = []
    for low, high in bounds[first:]:
        if low >= max(end, start + 1):
            break
        if high > start or (start == end and low <= start <= high):
            touched.append((low, high))
    return text[touched[0][0] : touched[-1][1]] if touched else ""


class Side:
    """One side of an edit: where matches may lie, and which words they must touch."""

    def __init__(self, text: str, span: Bounds) -> None:
        self._text = text
        self._start, self._end = span
        self._low, self._high = max(0, span[0] - AROUND), min(len(text), span[1] + AROUND)
        self._words = self._touched()

    def over(self, finder: Finder) -> list[Match]:
        """Matches that lie over the edit; for an empty one, those that it would cut."""
        start, end = self._start, self._end
        return [
            one
            for one in finder.find(self._text, self._low, self._high, self._words)
            if (one[0] < end and one[1] > start) or (start == end and one[0] < start < one[1])
        ]

    def persons(self, rules: Rules) -> list[Match]:
        """Names beside a title that lie over the edit."""
        found = []
        for one in rules.persons.finditer(self._text, self._low, self._high):
            start, end = one.span(one.lastindex or 0)
            if start < self._end and end > self._start:
                found.append((start, end, self._text[start:end]))
        return found

    def foreign(self, rules: Rules) -> str:
        """The transliterated name that makes up the edit, with what of it was kept; '' for none."""
        for one in rules.foreign.finditer(self._text, self._low, self._high):
            if one.start() <= self._start and self._end <= one.end() and self._start < self._end:
                # ordinary characters may stand before a name that is written with the same ones
                if TITLED.match(self._text, one.end()):
                    return one.group()
                text = self._text[self._start : one.end()] if self._end - self._start >= 2 else one.group()
                telling = sum(char in rules.telling for char in text)
                if len(text) >= 2 and telling >= max(2, 0.6 * len(text)):
                    return text
        return ""

    def next(self) -> str:
        """The two characters behind the edit."""
        return self._text[self._end : self._end + 2]

    def _touched(self) -> frozenset[str]:
        """The words of which a match over the edit holds one: the edit's own; without any, its neighbours."""
        inside: set[str] = set()
        nearest: list[str] = []
        for one in WORD.finditer(self._text, self._low, self._high):
            if one.end() <= self._start:
                nearest = [one.group().casefold()]
            elif one.start() < self._end or self._text[self._end : one.start()] in ("", "'", "’"):  # don|’t
                inside.add(one.group().casefold())
            else:
                nearest.append(one.group().casefold())
                break
        return frozenset(inside or nearest)


def differ(before: list[Match], after: list[Match], finder: Finder) -> bool:
    """Whether two sides say something else; the order does not matter."""
    return bool(before or after) and said(before, finder) != said(after, finder)


def said(matches: list[Match], finder: Finder) -> list[str]:
    """What the matches say, form and order left out."""
    return sorted(finder.said((start, end, folded(text))) for start, end, text in matches)


def outside(matches: list[Match], others: list[Match]) -> list[Match]:
    """Those that touch none of the others."""
    return [one for one in matches if not any(a < one[1] and one[0] < b for a, b, _ in others)]


def texts(matches: list[Match]) -> list[str]:
    """Their words, in order of the alphabet."""
    return sorted(one[2] for one in matches)


def added(finder: Finder, matches: list[Match]) -> str:
    """Says so when the word came from ``config.yaml``."""
    return " (config.yaml)" if finder.added and any(finder.said(one) in finder.added for one in matches) else ""
