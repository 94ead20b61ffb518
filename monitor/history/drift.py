"""How far has a source, or each member of a series, drifted from its baseline, sentence by sentence?

Distance is one less the share of words that baseline and member have in common: ``1 - (B + M) / (b + m)``. ``b`` and
``m`` are the words of the two; ``B`` and ``M`` those in kept and reworded sentences, a reworded one counted by its
similarity (Dice's coefficient over aligned sentences). It is 0 for texts of the same sentences in any order, 1 for
texts with nothing in common, and the same in both directions up to the alignment's choice between equals. Cosmetic
changes do not count, nor does order: ``reordered`` tells that apart.
"""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from monitor.differ.align import align
from monitor.differ.segment import sentences
from monitor.history.lineage import folded_words, key_of
from storage.records import Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.records import Text, Version


LEAST: Final = 0.3
"""With a smaller share of words in common, in order, the baseline's sentence is dropped and the member's is new."""


class Fate(enum.StrEnum):
    """What became of a baseline sentence; cosmetic changes count as kept."""

    KEPT = "kept"
    REWORDED = "reworded"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Line:
    """One baseline sentence in one member. ``member`` is its counterpart there, None when dropped.

    ``similarity`` in [0, 1] is the share of words that the two have in common, in order; 1 when kept, 0 when dropped.
    ``reordered`` says that it stands out of the baseline's order.
    """

    baseline: Span
    member: Span | None
    fate: Fate
    reordered: bool
    similarity: float


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
    old = _Side.of(baseline.text)
    drifted = (_drifted(old, label, version, _Side.of(text.text)) for label, version, text in members)
    return Drift(old.spans, tuple(drifted))


def distance(baseline: Text, text: Text) -> float:
    """How far a text is from the baseline, in [0, 1]."""
    return drift(baseline, [("", None, text)]).members[0].distance


@dataclass(frozen=True, slots=True)
class _Side:
    """A text made ready: its sentences, what is left of each without cosmetics, and their words, folded."""

    spans: tuple[Span, ...]
    keys: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, text: str) -> _Side:
        spans = tuple(span for span in _sentences(text) if folded_words(span.text))
        words = tuple(folded_words(span.text) for span in spans)
        return cls(spans, tuple(key_of(span.text) for span in spans), words)

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


def _drifted(old: _Side, label: str, version: Version | None, new: _Side) -> Drifted:
    counterparts = _counterparts(old, new)
    moved = _out_of_order([counterparts[index][0] for index in sorted(counterparts)])
    lines = []
    kept_old = kept_new = 0.0
    for index, span in enumerate(old.spans):
        if index not in counterparts:
            lines.append(Line(span, None, Fate.DROPPED, reordered=False, similarity=0.0))
            continue
        place, similarity = counterparts[index]
        fate = Fate.KEPT if old.keys[index] == new.keys[place] else Fate.REWORDED
        lines.append(Line(span, new.spans[place], fate, place in moved, similarity))
        kept_old += similarity * len(old.words[index])
        kept_new += similarity * len(new.words[place])
    taken = {place for place, _ in counterparts.values()}
    total = old.size + new.size
    return Drifted(
        label=label,
        version=version.number if version else None,
        at=version.captured if version else None,
        distance=1.0 - (kept_old + kept_new) / total if total else 0.0,
        kept_share=kept_old / old.size if old.size else 1.0,
        new_share=1.0 - kept_new / new.size if new.size else 0.0,
        lines=tuple(lines),
        new=tuple(span for place, span in enumerate(new.spans) if place not in taken),
    )


def _counterparts(old: _Side, new: _Side) -> dict[int, tuple[int, float]]:
    """Baseline sentence → (member sentence, similarity): equal ones first, in order; the differ aligns the rest."""
    found: dict[int, tuple[int, float]] = {}
    waiting: dict[str, list[int]] = {}
    for place, key in enumerate(new.keys):
        waiting.setdefault(key, []).append(place)
    for index, key in enumerate(old.keys):
        if waiting.get(key):
            found[index] = (waiting[key].pop(0), 1.0)
    taken = {place for place, _ in found.values()}
    old_rest = [index for index in range(len(old.keys)) if index not in found]
    new_rest = [place for place in range(len(new.keys)) if place not in taken]
    if not old_rest or not new_rest:
        return found
    for pair in align([old.spans[index].text for index in old_rest], [new.spans[place].text for place in new_rest]):
        if pair.old is not None and pair.new is not None:
            index, place = old_rest[pair.old], new_rest[pair.new]
            similarity = _similarity(old.words[index], new.words[place])
            if similarity >= LEAST:
                found[index] = (place, similarity)
    return found


def _similarity(old: Sequence[str], new: Sequence[str]) -> float:
    """Twice the words in common, in order, over all words of both."""
    if not Counter(old) & Counter(new):
        return 0.0
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return 2 * sum(block.size for block in blocks) / (len(old) + len(new))


def _out_of_order(places: Sequence[int]) -> set[int]:
    """The places outside the longest rising run (patience sorting): the fewest to move to put all in order."""
    piles: list[int] = []  # the last place of the best run of each length
    ends: list[int] = []  # where in places it stands
    before: list[int | None] = []
    for at, place in enumerate(places):
        pile = bisect_left(piles, place)
        before.append(ends[pile - 1] if pile else None)
        piles[pile : pile + 1] = [place]
        ends[pile : pile + 1] = [at]
    moved = set(places)
    at_end = ends[-1] if ends else None
    while at_end is not None:
        moved.discard(places[at_end])
        at_end = before[at_end]
    return moved
