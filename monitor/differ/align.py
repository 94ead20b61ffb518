"""Which sentence of the old text became which of the new one; and which of them moved.

Equal sentences and reworded ones compete in a single chain: the heaviest run of pairs that is increasing on both sides
(equal: 1 + words; reworded: similarity² x words). Chaining the equal ones first would cost moves. What the chain leaves
over and is found again elsewhere is a move. Work is bounded by an index of rare words, never by a clock. The parameters
were found by measurement; ``docs/differ.md`` has the table.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import regex

from monitor.differ import latin

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

REWORDED: Final = 0.40
"""Below this similarity two sentences are not wordings of one."""
ALONE: Final = 0.25
"""The same for two that stand alone between the same neighbours on both sides: nothing else could have become of them."""
MOVED: Final = 0.80
MOVED_WORDS: Final = 5
MOVED_EQUAL_WORDS: Final = 3
"""A shorter sentence that turns up elsewhere is as likely to be another one."""
SMALL_WEIGHT: Final = 0.3
ALL_PAIRS: Final = 2_500
RARE: Final = 12
CANDIDATES: Final = 6
TWINS: Final = 64

_WORD: Final = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}]|[[\p{L}\p{M}\p{N}]--[\p{Han}\p{Hiragana}\p{Katakana}]]+", regex.V1
)
SMALL: Final = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "with",
        "from",
        "and",
        "or",
        "but",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "has",
        "have",
        "had",
        "it",
        "its",
        "this",
        "that",
        "these",
        "those",
        "their",
        "his",
        "her",
        "our",
        "we",
        "he",
        "she",
        "they",
        "which",
        "who",
        "will",
        "le",
        "la",
        "les",
        "de",
        "des",
        "du",
        "un",
        "une",
        "et",
        "à",
        "au",
        "aux",
        "en",
        "que",
        "qui",
        "pour",
        "par",
        "sur",
        "dans",
        "est",
        "a",
        "ont",
        "ses",
        "son",
        "sa",
        "的",
        "了",
        "和",
        "在",
        "是",
        "与",
        "及",
        "等",
        "对",
        "为",
        "将",
        "并",
    ]
)


@dataclass(frozen=True, slots=True)
class Pair:
    """``old`` and ``new`` are places in the two lists; None: without a counterpart. ``moved``: out of order."""

    old: int | None
    new: int | None
    similarity: float
    moved: bool = False


def bag(sentence: str) -> Counter[str]:
    """The words of a sentence, lower-cased, counted."""
    return Counter(words_of(sentence.lower()))


def words_of(text: str) -> list[str]:
    """The words of a text, in order; each character of a script without spaces is one."""
    return (latin.WORD if latin.is_latin(text) else _WORD).findall(text)


@lru_cache(maxsize=1024)
def _length(sentence: str) -> int:
    """How many words a sentence has: asked of all that stay as they are, at every change."""
    return len(words_of(sentence))


def weight(words: Counter[str]) -> float:
    """The size of a bag, small words counting little."""
    return sum(count * (SMALL_WEIGHT if word in SMALL else 1.0) for word, count in words.items())


def similarity(a: Counter[str], b: Counter[str], weight_a: float, weight_b: float) -> float:
    """Dice's coefficient over weighted words, in [0, 1]."""
    if not weight_a + weight_b:
        return 0.0
    few, many = (a, b) if len(a) < len(b) else (b, a)
    shared = 0.0
    for word, count in few.items():
        other = many.get(word, 0)
        if other:
            shared += min(count, other) * (SMALL_WEIGHT if word in SMALL else 1.0)
    return 2 * shared / (weight_a + weight_b)


class Scores:
    """Sentences weighed and pairs scored: kept from call to call where one text is aligned with many that are alike."""

    def __init__(self) -> None:
        self._bags: dict[str, tuple[Counter[str], float]] = {}
        self._alike: dict[tuple[str, str], float] = {}

    def bag(self, sentence: str) -> Counter[str]:
        """Its words."""
        return self._weighed(sentence)[0]

    def alike(self, a: str, b: str) -> float:
        """How alike two sentences are."""
        known = self._alike.get((a, b))
        if known is None:
            (bag_a, weight_a), (bag_b, weight_b) = self._weighed(a), self._weighed(b)
            known = self._alike[a, b] = similarity(bag_a, bag_b, weight_a, weight_b)
        return known

    def weight(self, sentence: str) -> float:
        """How much its words weigh."""
        return self._weighed(sentence)[1]

    def _weighed(self, sentence: str) -> tuple[Counter[str], float]:
        known = self._bags.get(sentence)
        if known is None:
            words = bag(sentence)
            known = self._bags[sentence] = words, weight(words)
        return known


def align(old: Sequence[str], new: Sequence[str], scores: Scores | None = None) -> tuple[Pair, ...]:
    """Pair each sentence with its counterpart, in the order of the new text; deletions stand where they were.

    Same input, same output: ties go to the earlier sentence. ``scores`` are those of earlier calls, and are added to.
    """
    scores = scores or Scores()
    candidates = _equal(old, new)
    paired_equal = set(old) & set(new)
    free_old = [place for place, one in enumerate(old) if one not in paired_equal]
    free_new = [place for place, one in enumerate(new) if one not in paired_equal]
    bags_old = {place: scores.bag(old[place]) for place in free_old}
    bags_new = {place: scores.bag(new[place]) for place in free_new}
    scored: dict[tuple[int, int], float] = {}
    for a, b in _maybe(bags_old, bags_new):
        alike = scores.alike(old[a], new[b])
        if alike >= REWORDED:
            scored[a, b] = alike
            candidates.append((a, b, alike * alike * max(scores.weight(old[a]), scores.weight(new[b]))))
    chain = heaviest_chain(candidates)
    kept = [Pair(a, b, scored.get((a, b), 1.0)) for a, b in chain]
    used_old, used_new = {pair.old for pair in kept}, {pair.new for pair in kept}
    moves = _moves(old, new, scored, used_old, used_new)
    kept = _with_lone(kept, moves, old, new)
    return _in_order(len(old), len(new), kept, moves)


def _with_lone(kept: Sequence[Pair], moves: Sequence[Pair], old: Sequence[str], new: Sequence[str]) -> list[Pair]:
    """The chain, and between its pairs each gap of one sentence on both sides whose two share something.

    What has moved is not taken: it has its counterpart.
    """
    moved_old, moved_new = {pair.old for pair in moves}, {pair.new for pair in moves}
    out: list[Pair] = []
    at_old = at_new = 0
    for pair in (*kept, Pair(len(old), len(new), 0.0)):
        lone = pair.old == at_old + 1 and pair.new == at_new + 1
        if lone and at_old not in moved_old and at_new not in moved_new:
            one, other = bag(old[at_old]), bag(new[at_new])
            alike = similarity(one, other, weight(one), weight(other))
            if alike >= ALONE:
                out.append(Pair(at_old, at_new, alike))
        out.append(pair)
        at_old, at_new = (pair.old or 0) + 1, (pair.new or 0) + 1
    return out[:-1]


def _equal(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, float]]:
    """Pairs of equal sentences, with their weight. As many on both sides: in order; else all, up to ``TWINS``."""
    places: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for place, one in enumerate(old):
        places[one][0].append(place)
    for place, one in enumerate(new):
        if one in places:
            places[one][1].append(place)
    found: list[tuple[int, int, float]] = []
    for one, (a, b) in places.items():
        if not b:
            continue
        heavy = 1.0 + _length(one)
        if len(a) == len(b) or len(a) * len(b) > TWINS:
            found += [(x, y, heavy) for x, y in zip(a, b, strict=False)]
        else:
            found += [(x, y, heavy) for x in a for y in b]
    return found


def _maybe(old: dict[int, Counter[str]], new: dict[int, Counter[str]]) -> Iterable[tuple[int, int]]:
    """Pairs worth scoring: all while they are few, else those that share rare words, a few for each sentence."""
    if len(old) * len(new) <= ALL_PAIRS:
        return [(a, b) for a in old for b in new]
    index: dict[str, list[int]] = defaultdict(list)
    for place, words in new.items():
        for word in words:
            index[word].append(place)
    found: list[tuple[int, int]] = []
    for a, words in old.items():
        votes: Counter[int] = Counter()
        for word in words:
            places = index.get(word, ())
            if 0 < len(places) <= RARE:
                votes.update(places)
        best = sorted(votes.items(), key=lambda vote: (-vote[1], abs(vote[0] - a), vote[0]))[:CANDIDATES]
        found += [(a, b) for b, _ in best]
    return found


def heaviest_chain(candidates: Sequence[tuple[int, int, float]]) -> list[tuple[int, int]]:
    """The heaviest set of pairs ``(old, new, weight)`` that increases strictly on both sides: O(n log n).

    A Fenwick tree over the new places holds the best chain that ends at or before each.
    """
    if not candidates:
        return []
    columns = sorted({b for _, b, _ in candidates})
    tree: list[tuple[float, int]] = [(0.0, -1)] * (len(columns) + 1)
    ordered = sorted(range(len(candidates)), key=lambda i: (candidates[i][0], -candidates[i][1]))
    before = [-1] * len(candidates)
    best_total, best_last = 0.0, -1
    for i in ordered:
        _, b, heavy = candidates[i]
        column = bisect_left(columns, b)
        total, last = 0.0, -1
        at = column  # strictly smaller columns
        while at > 0:
            if tree[at][0] > total:
                total, last = tree[at]
            at -= at & -at
        before[i], total = last, total + heavy
        if total > best_total:
            best_total, best_last = total, i
        at = column + 1
        while at < len(tree):
            if total > tree[at][0]:
                tree[at] = (total, i)
            at += at & -at
    chain = []
    while best_last >= 0:
        chain.append(candidates[best_last][:2])
        best_last = before[best_last]
    return chain[::-1]


def _moves(
    old: Sequence[str],
    new: Sequence[str],
    scored: dict[tuple[int, int], float],
    used_old: set[int | None],
    used_new: set[int | None],
) -> list[Pair]:
    """What the chain left over on both sides and is much alike: best first, ties to the earlier."""
    left_old = [place for place in range(len(old)) if place not in used_old]
    left_new = [place for place in range(len(new)) if place not in used_new]
    if not left_old or not left_new:
        return []
    by_text: dict[str, list[int]] = defaultdict(list)
    for place in left_new:
        by_text[new[place]].append(place)
    options = [(1.0, a, b) for a in left_old for b in by_text.get(old[a], ())[:TWINS]]
    free_old, free_new = set(left_old), set(left_new)
    options += [(alike, a, b) for (a, b), alike in scored.items() if alike >= MOVED and a in free_old and b in free_new]
    moves = []
    for alike, a, b in sorted(options, key=lambda one: (-one[0], one[1], one[2])):
        least = MOVED_EQUAL_WORDS if old[a] == new[b] else MOVED_WORDS
        if a in free_old and b in free_new and len(words_of(new[b])) >= least:
            free_old.discard(a)
            free_new.discard(b)
            moves.append(Pair(a, b, alike, moved=True))
    return moves


def _in_order(count_old: int, count_new: int, kept: Sequence[Pair], moves: Sequence[Pair]) -> tuple[Pair, ...]:
    """All pairs in the order of the new text; a deletion stands before the pair that follows it in the old text."""
    of_new = {pair.new: pair for pair in (*kept, *moves)}
    gone_or_moved = {pair.old for pair in (*kept, *moves)}
    out: list[Pair] = []
    at = 0
    for place in range(count_new):
        pair = of_new.get(place)
        if pair is None:
            out.append(Pair(None, place, 0.0))
            continue
        if not pair.moved and pair.old is not None:
            out += [Pair(one, None, 0.0) for one in range(at, pair.old) if one not in gone_or_moved]
            at = pair.old + 1
        out.append(pair)
    out += [Pair(one, None, 0.0) for one in range(at, count_old) if one not in gone_or_moved]
    return tuple(out)
