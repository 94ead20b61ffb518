"""The registry of set phrases: where does each stand, where is it expected and missing, what is said in its place?

A variant is matched as whole words on folded text, as in :mod:`monitor.history.grep`; of variants that overlap the
longest counts. A near match is a run of words in one clause that is a variant but for one stretch: it begins as the
variant does, or ends so, or both, with words that are equal or forms of one word (balance, balanced). Its similarity is
the share of letters in these words, on both sides; ``NEAR`` says how much is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import regex

from monitor.differ.align import SMALL
from monitor.history.folding import fold
from monitor.history.grep import Seen, compiled, places
from monitor.history.lineage import words_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.history.folding import Folded
    from monitor.history.lineage import Word
    from storage.records import Phrase, Text, Version

NEAR: Final = 0.61
"""The least similarity of a near match; one of a short variant must be as near as ``NEAR_SHORT``."""
NEAR_SHORT: Final = 0.75
SHORT_WORDS: Final = 2
SHORT_CHARACTERS: Final = 4
"""What is short: two words, or four characters of a script that does not part words."""
SAME_WORD: Final = 0.6
"""How alike two forms of a word are that begin with the same four letters (Ratcliff and Obershelp's ratio)."""
NEAR_AT_MOST: Final = 20
"""Near matches kept for one phrase and source: the earliest."""

_CLAUSE: Final = regex.compile(r"[.,;:!?。，、；：！？…]\s|[。，、；：！？…\n]")


@dataclass(frozen=True, slots=True)
class Usage:
    """How often one variant stands in one version."""

    version: int
    variant: str
    times: int


@dataclass(frozen=True, slots=True)
class NearMatch:
    """A wording close to a variant but not registered, where it stood first. Offsets into that version's text."""

    at: Seen
    start: int
    end: int
    text: str
    variant: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Standing:
    """One phrase in one source or series. ``present`` says that the latest version has it.

    ``usage`` holds versions and variants with at least one match. ``missing`` lists the versions in which it is
    expected (``expected``) and absent. ``variant_changes`` are versions that say it otherwise than the last that did.
    """

    phrase: str
    source: str
    expected: bool
    present: bool
    first: Seen | None
    last: Seen | None
    usage: tuple[Usage, ...]
    missing: tuple[int, ...]
    variant_changes: tuple[int, ...]
    near: tuple[NearMatch, ...]


@dataclass(frozen=True, slots=True)
class OrderChange:
    """The phrases that two texts share come in another order. ``against`` is the version before, None: the baseline."""

    source: str
    version: int
    against: int | None
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhraseTable:
    """The answer: a standing for each phrase and source (registry order, then the sources'), and changes of order."""

    standings: tuple[Standing, ...]
    orders: tuple[OrderChange, ...]


def phrases(
    registry: Sequence[Phrase],
    histories: Mapping[str, Sequence[tuple[Version, Text]]],
    *,
    series: Mapping[str, str] | None = None,
    baselines: Mapping[str, Text] | None = None,
) -> PhraseTable:
    """Where every registered phrase stands in every history (oldest version first).

    ``series`` names the series of a source, for ``expect``; a history may also be a series itself, under its id.
    ``baselines`` are compared for the order of phrases. There is a standing where a phrase ever stood, nearly stood, or
    is expected.
    """
    of_series, pinned = series or {}, baselines or {}
    searches = [_ready(phrase) for phrase in registry]
    standings: dict[tuple[int, int], Standing] = {}
    orders: list[OrderChange] = []
    for row, (source, history) in enumerate(histories.items()):
        read = _read(history, searches)
        for column, search in enumerate(searches):
            expected = bool({source, of_series.get(source)} & set(search.phrase.expect))
            standing = _standing(search, source, [(seen, text, found[column]) for seen, text, found in read], expected)
            if standing is not None:
                standings[column, row] = standing
        baseline = [search.matches(fold(pinned[source].text)) for search in searches] if source in pinned else []
        orders += _orders(source, read, searches, _order(baseline, searches))
    return PhraseTable(tuple(standings[place] for place in sorted(standings)), tuple(orders))


def said(registry: Sequence[Phrase], text: Text) -> dict[str, tuple[str, ...]]:
    """The phrases that stand in a text, each with the variants it is said in (both in the registry's order)."""
    folded = fold(text.text)
    found = {}
    for phrase in registry:
        used = {variant for _, _, variant in _ready(phrase).matches(folded)}
        if used:
            found[phrase.id] = tuple(variant for variant in phrase.variants if variant in used)
    return found


_Matches = list[tuple[int, int, str]]
"""``(start, end, variant)`` of every match of one phrase in one text, in order."""


@dataclass(frozen=True, slots=True)
class _Search:
    """A phrase made ready: its variants as patterns, the longest first, and as folded words."""

    phrase: Phrase
    patterns: tuple[tuple[str, regex.Pattern[str]], ...]
    words: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, phrase: Phrase) -> _Search:
        ordered = sorted(phrase.variants, key=lambda variant: (-len(variant), variant))
        return cls(
            phrase,
            tuple((variant, compiled(variant, whole_words=True)) for variant in ordered),
            tuple((variant, tuple(word.folded for word in words_in(variant))) for variant in ordered),
        )

    def matches(self, folded: Folded) -> _Matches:
        """Every match; where variants overlap the longest one's."""
        found: _Matches = []
        for variant, pattern in self.patterns:
            found += ((*span, variant) for span in places(folded, pattern) if not _overlaps(span, found))
        return sorted(found)


@lru_cache(maxsize=256)
def _ready(phrase: Phrase) -> _Search:
    return _Search.of(phrase)


def _overlaps(span: tuple[int, int], found: _Matches) -> bool:
    return any(span[0] < end and start < span[1] for start, end, _ in found)


def _read(
    history: Sequence[tuple[Version, Text]], searches: Sequence[_Search]
) -> list[tuple[Seen, str, list[_Matches]]]:
    """Every version with the matches of each search; equal texts are searched once."""
    known: dict[str, list[_Matches]] = {}
    for _, text in history:
        if text.digest not in known:
            folded = fold(text.text)
            known[text.digest] = [search.matches(folded) for search in searches]
    return [
        (Seen(version.number, version.source, version.window), text.text, known[text.digest])
        for version, text in history
    ]


def _standing(
    search: _Search, source: str, read: Sequence[tuple[Seen, str, _Matches]], expected: bool
) -> Standing | None:
    usage: list[Usage] = []
    having: list[Seen] = []
    missing: list[int] = []
    changes: list[int] = []
    said: tuple[str, ...] = ()
    for seen, _, matches in read:
        if not matches:
            missing.append(seen.version)
            continue
        having.append(seen)
        used = [variant for _, _, variant in matches]
        now = tuple(variant for variant in search.phrase.variants if variant in used)
        usage += (Usage(seen.version, variant, used.count(variant)) for variant in now)
        if said and now != said:
            changes.append(seen.version)
        said = now
    near = _near(search, read)
    if not (having or expected or near):
        return None
    return Standing(
        phrase=search.phrase.id,
        source=source,
        expected=expected,
        present=bool(having) and having[-1] == read[-1][0],
        first=having[0] if having else None,
        last=having[-1] if having else None,
        usage=tuple(usage),
        missing=tuple(missing) if expected else (),
        variant_changes=tuple(changes),
        near=near,
    )


# -- near matches ----------------------------------------------------------------------------------------


def _near(search: _Search, read: Sequence[tuple[Seen, str, _Matches]]) -> tuple[NearMatch, ...]:
    """Wordings near to a variant, each where it stood first; every paragraph is looked at once, where it came first."""
    found: list[NearMatch] = []
    paragraphs: set[str] = set()
    wordings: set[tuple[str, ...]] = set()
    for seen, text, matches in read:
        start = 0
        for paragraph in text.split("\n\n"):
            if paragraph not in paragraphs and _promises(search, paragraph):
                for wording, match in _near_in(search, seen, paragraph, start, matches):
                    if wording not in wordings:
                        wordings.add(wording)
                        found.append(match)
            paragraphs.add(paragraph)
            start += len(paragraph) + 2
        if len(found) >= NEAR_AT_MOST:
            break
    return tuple(found[:NEAR_AT_MOST])


def _promises(search: _Search, paragraph: str) -> bool:
    """Whether a paragraph has a beginning or end of a variant at all: most have not, and splitting words costs."""
    folded = paragraph.casefold()
    return any(words and (words[0][:4] in folded or words[-1][:4] in folded) for _, words in search.words)


def _near_in(
    search: _Search, seen: Seen, paragraph: str, offset: int, matches: _Matches
) -> list[tuple[tuple[str, ...], NearMatch]]:
    """The near matches of one paragraph with their folded words, in order; the nearest of those that overlap."""
    words = words_in(paragraph)
    clauses = _clauses(paragraph, words)
    options = sorted(
        (unlike, at + first, at + last, variant)
        for at, clause in clauses
        for variant, wanted in search.words
        for unlike, first, last in _alike(clause, wanted)
    )
    taken = list(matches)
    found = []
    for unlike, first, last, variant in options:
        start, end = words[first].start, words[last].end
        if _overlaps((offset + start, offset + end), taken):
            continue
        taken.append((offset + start, offset + end, variant))
        match = NearMatch(seen, offset + start, offset + end, paragraph[start:end], variant, round(1 - unlike, 3))
        found.append((tuple(word.folded for word in words[first : last + 1]), match))
    return sorted(found, key=lambda one: one[1].start)


def _clauses(paragraph: str, words: Sequence[Word]) -> list[tuple[int, list[str]]]:
    """The folded words of each clause, with the place of its first among ``words``."""
    clauses: list[tuple[int, list[str]]] = []
    for index, word in enumerate(words):
        if not index or _CLAUSE.search(paragraph, words[index - 1].end, word.start):
            clauses.append((index, []))
        clauses[-1][1].append(word.folded)
    return clauses


def _alike(clause: Sequence[str], wanted: Sequence[str]) -> Iterator[tuple[float, int, int]]:
    """``(1 - similarity, first word, last word)`` of every run of words that is near the variant ``wanted``."""
    count = len(wanted)
    letters = sum(map(len, wanted))
    unspaced = letters == count  # every word one character: a script that does not part words
    if count < (3 if unspaced else 2):
        return
    short = count <= (SHORT_CHARACTERS if unspaced else SHORT_WORDS)
    least, fewest = (NEAR_SHORT, count) if short else (NEAR, max(2, count - 2))
    begins = [index for index, word in enumerate(clause) if _same(word, wanted[0])]
    ends = [index for index, word in enumerate(clause) if _same(word, wanted[-1])]
    runs = {(at, at + size) for at in begins for size in range(fewest, count + 2)}
    runs |= {(at + 1 - size, at + 1) for at in ends for size in range(fewest, count + 2)}
    for start, end in sorted(runs):
        if start < 0 or end > len(clause):
            continue
        run = clause[start:end]
        head = _shared(run, wanted)
        tail = _shared(run[head:][::-1], wanted[head:][::-1])
        if not unspaced and head + tail < count and _unfit(clause, start, end, head, tail):
            continue
        pairs = (*zip(run[:head], wanted, strict=False), *zip(run[::-1][:tail], wanted[::-1], strict=False))
        common = sum((len(one) + len(other)) * _ratio(one, other) for one, other in pairs)
        alike = common / (letters + sum(map(len, run)))
        if alike >= least:
            yield 1 - alike, start, end - 1


def _unfit(clause: Sequence[str], start: int, end: int, head: int, tail: int) -> bool:
    """Whether a run is cut too long or short: a small word of its own at an end, or a word said instead left out."""
    if (not head and clause[start] in SMALL) or (not tail and clause[end - 1] in SMALL):
        return True
    shortened = head + tail == end - start
    before = shortened and not head and start > 0 and clause[start - 1] not in SMALL
    after = shortened and not tail and end < len(clause) and clause[end] not in SMALL
    return before or after


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """With how many words of one another the two begin."""
    count = 0
    while count < min(len(one), len(other)) and _same(one[count], other[count]):
        count += 1
    return count


def _same(one: str, other: str) -> bool:
    """Whether two folded words are equal or forms of one word."""
    if one == other:
        return True
    return len(one) > 3 and one[:4] == other[:4] and _ratio(one, other) >= SAME_WORD


@lru_cache(maxsize=4096)
def _ratio(one: str, other: str) -> float:
    """How alike two words are in their letters."""
    return 1.0 if one == other else SequenceMatcher(None, one, other, autojunk=False).ratio()


# -- order -----------------------------------------------------------------------------------------------


def _orders(
    source: str, read: Sequence[tuple[Seen, str, list[_Matches]]], searches: Sequence[_Search], pinned: tuple[str, ...]
) -> Iterator[OrderChange]:
    before: tuple[str, ...] = ()
    number: int | None = None
    for seen, _, found in read:
        now = _order(found, searches)
        if number is not None:
            yield from _changed(source, seen.version, number, before, now)
        if now != before:
            yield from _changed(source, seen.version, None, pinned, now)
        before, number = now, seen.version


def _changed(
    source: str, version: int, against: int | None, before: tuple[str, ...], after: tuple[str, ...]
) -> Iterator[OrderChange]:
    """A change of order among the phrases that both have; one that came or went is no change of order."""
    shared_before = tuple(phrase for phrase in before if phrase in after)
    shared_after = tuple(phrase for phrase in after if phrase in before)
    if shared_before != shared_after:
        yield OrderChange(source, version, against, shared_before, shared_after)


def _order(found: Sequence[_Matches], searches: Sequence[_Search]) -> tuple[str, ...]:
    """The ids of the phrases of a text, in the order in which they stand first."""
    first = ((matches[0][0], search.phrase.id) for matches, search in zip(found, searches, strict=False) if matches)
    return tuple(phrase for _, phrase in sorted(first))
