"""How far has a source, or each member of a series, drifted from its baseline, sentence by sentence?

Distance is one less the share of words that baseline and member have in common: ``1 - (B + M) / (b + m)``. ``b`` and
``m`` are the words of the two; ``B`` and ``M`` those in kept and reworded sentences, a reworded one counted by its
similarity (Dice's coefficient over aligned sentences). It is 0 for texts of the same sentences in any order, 1 for
texts with nothing in common, and the same in both directions up to the alignment's choice between equals. Cosmetic
changes do not count, nor does order: ``reordered`` tells that apart.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from monitor.differ.align import Scores, align
from monitor.differ.segment import sentences
from monitor.history.lineage import Told, respelt, spelling_key, told
from storage.records import Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.records import Text, Version


LEAST: Final = 0.3
"""With a smaller share of words in common, in order, the baseline's sentence is dropped and the member's is new."""


JOINS: Final = 0.6
"""A free neighbour belongs to a pair when this share of its words is what the other side has over: split or merged."""
JOINS_MOST: Final = 3


class Fate(enum.StrEnum):
    """What became of a baseline sentence; cosmetic changes count as kept."""

    KEPT = "kept"
    REWORDED = "reworded"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Line:
    """One baseline sentence in one member. ``member`` is its counterpart there, None when dropped.

    ``similarity`` in [0, 1] is the share of words that the two have in common, in order; 1 when kept, 0 when dropped.
    ``reordered`` says that it stands out of the baseline's order. ``split``: it stands as several sentences there, and
    ``member`` reaches over all of them; ``merged``: with its neighbours it stands as one, which is ``member`` of each.
    """

    baseline: Span
    member: Span | None
    fate: Fate
    reordered: bool
    similarity: float
    split: bool = False
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Drifted:
    """One member against the baseline. ``lines``: every baseline sentence, in its order; ``new`` the others.

    ``distance`` in [0, 1]: 0 the same words, 1 not one in common. ``kept_share`` is the share of the baseline's words
    that still stand, ``new_share`` the share of the member's words that the baseline does not have.
    """

    label: str
    version: int | None
    at: datetime | None
    distance: float
    kept_share: float
    new_share: float
    lines: tuple[Line, ...]
    new: tuple[Span, ...]

    def count(self, fate: Fate) -> int:
        """How many baseline sentences had that fate."""
        return sum(1 for line in self.lines if line.fate is fate)

    @property
    def reordered(self) -> int:
        """How many sentences stand out of the baseline's order."""
        return sum(1 for line in self.lines if line.reordered)


@dataclass(frozen=True, slots=True)
class Drift:
    """The baseline's sentences (title and printed date too), and every member against them, in the order given."""

    baseline: tuple[Span, ...]
    members: tuple[Drifted, ...]


def drift(baseline: Text, members: Sequence[tuple[str, Version | None, Text]]) -> Drift:
    """Each member (label, version if it is one, text) against the baseline."""
    known, scores = dict[str, Told](), Scores()
    old = _Side.of(baseline.text, known)
    drifted = (_drifted(old, label, version, _Side.of(text.text, known), scores) for label, version, text in members)
    return Drift(old.spans, tuple(drifted))


class Yardstick:
    """A baseline, to measure many texts by; what it learns of one serves for the next."""

    def __init__(self, baseline: Text) -> None:
        self._known: dict[str, Told] = {}
        self._scores = Scores()
        self._old = _Side.of(baseline.text, self._known)

    def distance(self, text: Text) -> float:
        """How far a text is from the baseline, in [0, 1]: what :func:`drift` says, and no more."""
        new = _Side.of(text.text, self._known)
        return _distance(self._old, new, *_in_common(self._old, new, _groups(self._old, new, self._scores)))


def distance(baseline: Text, text: Text) -> float:
    """How far a text is from the baseline, in [0, 1]."""
    return Yardstick(baseline).distance(text)


@dataclass(frozen=True, slots=True)
class _Side:
    """A text made ready: its sentences, what is left of each without cosmetics, and their words, folded."""

    text: str
    spans: tuple[Span, ...]
    keys: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, text: str, known: dict[str, Told]) -> _Side:
        """``known`` are the sentences of earlier members: most say the same again."""
        spans = _sentences(text)
        for span in spans:
            if span.text not in known:
                known[span.text] = told(span.text)
        spans = [span for span in spans if known[span.text].words]
        keys = tuple(known[span.text].key for span in spans)
        return cls(text, tuple(spans), keys, tuple(known[span.text].words for span in spans))

    def over(self, places: Sequence[int]) -> Span:
        """The span from the first of these sentences to the last."""
        start, end = self.spans[places[0]].start, self.spans[places[-1]].end
        return Span(start, end, self.text[start:end])

    def said(self, places: Sequence[int]) -> tuple[str, ...]:
        """The words of these sentences."""
        if len(places) == 1:
            return self.words[places[0]]
        return tuple(word for place in places for word in self.words[place])

    def length(self, places: Sequence[int]) -> int:
        """How many words these sentences have."""
        return sum(len(self.words[place]) for place in places)

    def key(self, places: Sequence[int]) -> str:
        """What is left of these sentences without cosmetics."""
        return " ".join(self.keys[place] for place in places)

    @property
    def size(self) -> int:
        """How many words there are."""
        return sum(len(words) for words in self.words)


def _sentences(text: str) -> list[Span]:
    """The sentences of every block by itself: none runs over a blank line."""
    found: list[Span] = []
    start = 0
    for block in text.split("\n\n"):
        found += (Span(start + one.start, start + one.end, one.text) for one in sentences(block))
        start += len(block) + 2
    return found


def _in_common(old: _Side, new: _Side, groups: Sequence[_Group]) -> tuple[float, float]:
    """How many words of the baseline, and how many of the member, the two have in common."""
    return (
        sum(group.similarity * old.length(group.old) for group in groups),
        sum(group.similarity * new.length(group.new) for group in groups),
    )


def _distance(old: _Side, new: _Side, kept_old: float, kept_new: float) -> float:
    total = old.size + new.size
    return 1.0 - (kept_old + kept_new) / total if total else 0.0


def _drifted(old: _Side, label: str, version: Version | None, new: _Side, scores: Scores) -> Drifted:
    groups = _groups(old, new, scores)
    of_old = {index: group for group in groups for index in group.old}
    moved = _out_of_order([of_old[index].new[0] for index in sorted(of_old)])
    lines = []
    for index, span in enumerate(old.spans):
        group = of_old.get(index)
        if group is None:
            lines.append(Line(span, None, Fate.DROPPED, reordered=False, similarity=0.0))
            continue
        lines.append(
            Line(
                span,
                new.over(group.new),
                Fate.KEPT if group.respelt or old.key(group.old) == new.key(group.new) else Fate.REWORDED,
                reordered=group.new[0] in moved,
                similarity=group.similarity,
                split=len(group.new) > 1,
                merged=len(group.old) > 1,
            )
        )
    kept_old, kept_new = _in_common(old, new, groups)
    taken = {place for group in groups for place in group.new}
    return Drifted(
        label=label,
        version=version.number if version else None,
        at=version.captured if version else None,
        distance=_distance(old, new, kept_old, kept_new),
        kept_share=kept_old / old.size if old.size else 1.0,
        new_share=1.0 - kept_new / new.size if new.size else 0.0,
        lines=tuple(lines),
        new=tuple(span for place, span in enumerate(new.spans) if place not in taken),
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """Neighbouring sentences of the baseline and of the member that are one another's wording; mostly one of each."""

    old: tuple[int, ...]
    new: tuple[int, ...]
    similarity: float
    respelt: bool = False


def _groups(old: _Side, new: _Side, scores: Scores) -> list[_Group]:
    """The pairs, each with the free neighbours that were split off from it or merged into it."""
    pairs = _counterparts(old, new, scores)
    free_old = set(range(len(old.spans))) - set(pairs)
    free_new = set(range(len(new.spans))) - {place for place, _ in pairs.values()}
    groups = []
    for index, (place, similarity) in sorted(pairs.items()):
        mine: tuple[int, ...] = (index,)
        theirs: tuple[int, ...] = (place,)
        spelt = similarity == 1.0 and old.words[index] != new.words[place]
        if similarity < 1.0:
            theirs = _joined(theirs, new, old.said(mine), free_new)
            mine = _joined(mine, old, new.said(theirs), free_old)
            similarity = _similarity(old.said(mine), new.said(theirs))
        groups.append(_Group(mine, theirs, similarity, spelt))
    return groups


def _joined(group: tuple[int, ...], side: _Side, other: Sequence[str], free: set[int]) -> tuple[int, ...]:
    """The group with the free neighbours that hold what the ``other`` side has over; they are free no more."""
    over = Counter(other) - Counter(side.said(group))
    for _ in range(JOINS_MOST):
        for place in (group[-1] + 1, group[0] - 1):
            words = Counter(side.said((place,))) if place in free else Counter()
            if words and (words & over).total() >= JOINS * words.total():
                free.remove(place)
                over -= words
                group = tuple(sorted((*group, place)))
                break
        else:
            break
    return group


def _counterparts(old: _Side, new: _Side, scores: Scores) -> dict[int, tuple[int, float]]:
    """Baseline sentence → (member sentence, similarity).

    Equal ones first, in order, then those of another spelling; the differ aligns the rest.
    """
    found: dict[int, tuple[int, float]] = {}
    waiting: dict[str, list[int]] = {}
    for place, key in enumerate(new.keys):
        waiting.setdefault(key, []).append(place)
    for index, key in enumerate(old.keys):
        if waiting.get(key):
            found[index] = (waiting[key].pop(0), 1.0)
    taken = {place for place, _ in found.values()}
    spelt: dict[tuple[str, str], list[int]] = {}
    for place in range(len(new.keys)):
        if place not in taken:
            spelt.setdefault(spelling_key(new.words[place]), []).append(place)
    for index in range(len(old.keys)):
        alike = spelt.get(spelling_key(old.words[index]), ()) if index not in found else ()
        first = next((at for at in alike if at not in taken and _respelt(old, index, new, at)), None)
        if first is not None:
            found[index] = (first, 1.0)
            taken.add(first)
    old_rest = [index for index in range(len(old.keys)) if index not in found]
    new_rest = [place for place in range(len(new.keys)) if place not in taken]
    if not old_rest or not new_rest:
        return found
    rest = [old.spans[index].text for index in old_rest], [new.spans[place].text for place in new_rest]
    for pair in align(*rest, scores):
        if pair.old is not None and pair.new is not None:
            index, place = old_rest[pair.old], new_rest[pair.new]
            similarity = _similarity(old.words[index], new.words[place])
            if similarity >= LEAST:
                found[index] = (place, similarity)
    return found


def _respelt(old: _Side, index: int, new: _Side, place: int) -> bool:
    return respelt(old.spans[index].text, new.spans[place].text, old.words[index], new.words[place])


@lru_cache(maxsize=2048)
def _similarity(old: tuple[str, ...], new: tuple[str, ...]) -> float:
    """Twice the words in common, in order, over all words of both. Remembered: a sentence once reworded stays so."""
    if not Counter(old) & Counter(new):
        return 0.0
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return 2 * sum(block.size for block in blocks) / (len(old) + len(new))


def _out_of_order(places: Sequence[int]) -> set[int]:
    """The places outside the longest run that never falls (patience sorting): the fewest to move to put all in order."""
    piles: list[int] = []  # the last place of the best run of each length
    ends: list[int] = []  # where in places it stands
    before: list[int | None] = []
    for at, place in enumerate(places):
        pile = bisect_right(piles, place)
        before.append(ends[pile - 1] if pile else None)
        piles[pile : pile + 1] = [place]
        ends[pile : pile + 1] = [at]
    moved = set(places)
    at_end = ends[-1] if ends else None
    while at_end is not None:
        moved.discard(places[at_end])
        at_end = before[at_end]
    return moved
