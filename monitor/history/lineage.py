"""The memory behind blame: every sentence and word ever seen, and how the next version is told from it.

The idea is WikiWho's (Flöck and Acosta, "WikiWho: Precise and Efficient Attribution of Authorship of Revisioned
Content", WWW 2014): what was removed stays in memory, so that it is known again when it is put back. Here the unit is
the sentence, and single words return too. For each version:

1. A sentence whose folded words stood in the version before is the same sentence, wherever it stands now; so is one
   that the differ tells from it by nothing but cosmetic edits (another spelling), whose other words keep their origins.
2. One whose folded words stood in an earlier version is that sentence, returned.
3. Any other is new. Its words keep their origins where they stood, in order, in the sentence that it replaces, or in the
   one that its neighbour replaces, if that holds most of them (split); then where ``RUN`` of them in a row stood in another
   sentence that went just now (merged), or ``RETURNED_RUN`` in one that went earlier (partly put back); then where they stand
   between the same words as in an earlier wording of the sentence that it replaces.

Folded words leave out what is cosmetic: case, white space, punctuation, the style of quotes and dashes, width.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import regex

from monitor.differ import compare
from monitor.differ.align import align
from monitor.differ.lexicon import default_rules
from monitor.differ.segment import sentences
from monitor.history.folding import fold
from storage.records import Severity, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RUN: Final = 4
"""Words in a row that are told apart from chance; the length of the shingles by which gone sentences are searched."""
RETURNED_RUN: Final = 8
"""Words in a row that are told apart from a turn of phrase, which any later sentence may use again."""
ANCHORED: Final = 3
"""The shortest stretch equal to an earlier wording in which a word is taken as put back (``may not agree``)."""
WORDINGS: Final = 8
"""How many earlier wordings of a sentence are searched for words put back, newest first."""
SPLIT_LEAST: Final = 0.6
"""The share of a new sentence's words, in order, that make it a part of the one that its neighbour replaces."""
PLACES: Final = 16
"""How many gone places of one shingle are tried, newest first."""

# A number with its marks, a word with its apostrophes, or one character of a script that does not part words.
_UNSPACED: Final = r"[\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_LETTER: Final = rf"(?:(?!{_UNSPACED})[\w\p{{M}}])"
_WORD: Final = rf"\d+(?:[.,:/]\d+)*{_LETTER}*|{_UNSPACED}\p{{M}}*|{_LETTER}+(?:'{_LETTER}+)*"
# Signs that mean something: currencies, percent, mathematics; a minus before a number.
_SIGN: Final = r"[\p{Sc}\p{Sm}%‰°§#]|(?<!\w)-(?=\d)"
_UNITS: Final = regex.compile(rf"(?P<word>{_WORD})|{_SIGN}")
_UNITS_PLAIN: Final = regex.compile(rf"{_WORD}|{_SIGN}")


class Word(NamedTuple):
    """A word in a text: its place and what it is folded to."""

    start: int
    end: int
    folded: str


class Sentence(NamedTuple):
    """A sentence in a text: its place, itself, and its key, which cosmetic changes leave as it is."""

    start: int
    end: int
    text: str
    key: str


@dataclass(frozen=True, slots=True)
class KnownWord:
    """A word as remembered: folded, the version it came in, whether it was away in between.

    ``lost`` is the version in which it was missing first, None while it stands.
    """

    text: str
    since: int
    returned: bool = False
    lost: int | None = None


@dataclass(frozen=True, slots=True)
class KnownSentence:
    """A sentence as remembered, by its key; ``since`` and ``lost`` as of a word.

    ``removed`` holds the versions in which it was away: pairs of the first without it and the first with it again.
    ``words`` are places in :attr:`Memory.words`; ``replaces`` is the place of the sentence it came in for, if any.
    ``spelt`` are the keys it had before its spelling changed.
    """

    key: str
    since: int
    words: tuple[int, ...]
    replaces: int | None = None
    removed: tuple[tuple[int, int], ...] = ()
    lost: int | None = None
    spelt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """All that the versions so far leave behind: plain values, which a cache can write down.

    ``standing`` are the places in ``sentences`` of the latest version's sentences, in the order of its text, and
    ``texts`` these sentences as they are written there.
    """

    sentences: tuple[KnownSentence, ...] = ()
    words: tuple[KnownWord, ...] = ()
    standing: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()


def words_in(text: str) -> tuple[Word, ...]:
    """The words of a text, with their places in it."""
    folded = fold(text)
    return tuple(
        Word(*folded.span(*match.span()), match.group())
        for match in _UNITS.finditer(folded.text)
        if match.lastgroup == "word"
    )


class Told(NamedTuple):
    """A sentence as it is compared: its key, which cosmetic changes leave as it is, and its folded words.

    The key is made of the words and of the signs that mean something.
    """

    key: str
    words: tuple[str, ...]


def told(sentence: str) -> Told:
    """What a sentence says, folded."""
    folded = fold(sentence).text
    found = _UNITS.findall(folded)
    words = tuple(filter(None, found))  # a sign is no word: the group is empty there
    units = words if len(words) == len(found) else _UNITS_PLAIN.findall(folded)
    return Told(" ".join(units) or folded, words)


class Lineage:
    """The memory while it grows: :meth:`advance` takes the next version, :attr:`memory` is the state to keep."""

    def __init__(self, memory: Memory | None = None) -> None:
        """Go on from ``memory``, or from nothing."""
        known = memory or Memory()
        self._sentences = list(known.sentences)
        self._words = list(known.words)
        self._standing = list(known.standing)
        self._texts = list(known.texts)
        self._by_key: dict[str, list[int]] = defaultdict(list)
        self._gone_at: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
        self._indexed: set[int] = set()
        self._blocks: dict[str, tuple[Sentence, ...]] = {}
        self._told: dict[str, Told] = {}
        for place, sentence in enumerate(self._sentences):
            for key in (sentence.key, *sentence.spelt):
                self._by_key[key].append(place)
        self._index_gone()

    @property
    def memory(self) -> Memory:
        """The state to go on from."""
        return Memory(tuple(self._sentences), tuple(self._words), tuple(self._standing), tuple(self._texts))

    def known(self, place: int) -> KnownSentence:
        """The sentence remembered at ``place``."""
        return self._sentences[place]

    def known_words(self, place: int) -> tuple[KnownWord, ...]:
        """Its words."""
        return tuple(self._words[word] for word in self._sentences[place].words)

    def sentences_of(self, text: str) -> Iterator[Sentence]:
        """The sentences of a text in order; every block (between blank lines) by itself, and each block only once."""
        start = 0
        for block in text.split("\n\n"):
            found = self._blocks.get(block)
            if found is None:
                found = tuple(Sentence(one.start, one.end, one.text, self._key(one.text)) for one in sentences(block))
                self._blocks[block] = found
            for one in found:
                yield Sentence(start + one.start, start + one.end, one.text, one.key)
            start += len(block) + 2

    def _key(self, sentence: str) -> str:
        return self._tell(sentence).key

    def _words_of(self, sentence: str) -> tuple[str, ...]:
        return self._tell(sentence).words

    def _tell(self, sentence: str) -> Told:
        """Every sentence is folded once."""
        if sentence not in self._told:
            self._told[sentence] = told(sentence)
        return self._told[sentence]

    def advance(self, number: int, found: Sequence[Sentence]) -> tuple[int, ...]:
        """Take the sentences of version ``number``; the places under which they are remembered, in the same order."""
        places = self._still_standing(found)
        self._respell(number, found, places)
        dying = self._dying(places)
        for place, _ in sorted(dying):
            self._lose(place, number)
        for index, sentence in enumerate(found):
            if places[index] is None:
                places[index] = self._put_back(sentence, number)
        new = [index for index, place in enumerate(places) if place is None]
        for index, place in zip(new, self._come_in(number, [found[index] for index in new], dying), strict=True):
            places[index] = place
        self._standing = [place for place in places if place is not None]
        self._texts = [sentence.text for sentence in found]
        return tuple(self._standing)

    # -- sentences ---------------------------------------------------------------------------------------------------

    def _still_standing(self, found: Sequence[Sentence]) -> list[int | None]:
        """For each sentence its place when it stood in the version before, else None.

        Of equal sentences the one between the same neighbours is taken, then one with the same neighbour before or
        after it, then the first.
        """
        old = [self._sentences[place].key for place in self._standing]
        new = [sentence.key for sentence in found]
        waiting: dict[str, list[int]] = defaultdict(list)
        for index, key in enumerate(old):
            waiting[key].append(index)
        places: list[int | None] = [None] * len(new)
        times = Counter(new)

        def take(index: int, old_index: int) -> None:
            waiting[new[index]].remove(old_index)
            places[index] = self._standing[old_index]

        doubtful = []
        for index, key in enumerate(new):
            if key in waiting and len(waiting[key]) == 1 == times[key]:
                take(index, waiting[key][0])
            elif key in waiting:
                doubtful.append(index)
        for wanted in (2, 1, 0):
            for index in doubtful:
                if places[index] is None:
                    near = (one for one in waiting[new[index]] if _neighbours(old, one, new, index) >= wanted)
                    first = next(near, None)
                    if first is not None:
                        take(index, first)
        return places

    def _dying(self, places: Sequence[int | None]) -> list[tuple[int, str]]:
        """The sentences of the version before that are not among ``places``: where remembered, and as written."""
        kept = set(places)
        return [one for one in zip(self._standing, self._texts, strict=True) if one[0] not in kept]

    def _respell(self, number: int, found: Sequence[Sentence], places: list[int | None]) -> None:
        """Know the sentences again that only changed their spelling; puts their places into ``places``."""
        new = [index for index, place in enumerate(places) if place is None]
        dying = self._dying(places)
        if not (new and dying):
            return
        known = defaultdict(list)
        for place, text in dying:
            words_there = self._texts_of(place)
            known[spelling_key(words_there)].append((place, text, words_there))
        for index in new:
            text, words = found[index].text, self._words_of(found[index].text)
            for place, theirs, their_words in known.get(spelling_key(words), ()):
                if place not in places and respelt(theirs, text, their_words, words):
                    self._spell(place, found[index].key, words, number)
                    places[index] = place
                    break

    def _texts_of(self, place: int) -> list[str]:
        return [self._words[word].text for word in self._sentences[place].words]

    def _spell(self, place: int, key: str, texts: Sequence[str], number: int) -> None:
        """Let a standing sentence have another spelling; a word spelt anew has the origin of the one in its stead."""
        known = self._sentences[place]
        words: list[int] = []
        for old, new in _gaps([self._words[word].text for word in known.words], texts):
            theirs = known.words[old.start : old.stop]
            if texts[new.start : new.stop] == [self._words[word].text for word in theirs]:
                words += theirs
                continue
            for at, text in enumerate(texts[new.start : new.stop]):
                origin = self._words[theirs[min(at, len(theirs) - 1)]]
                self._words.append(KnownWord(text, origin.since, origin.returned))
                words.append(len(self._words) - 1)
            for word in theirs:
                self._words[word] = replace(self._words[word], lost=number)
        spelt = tuple(dict.fromkeys((*known.spelt, known.key)))
        self._sentences[place] = replace(
            known, key=key, words=tuple(words), spelt=tuple(one for one in spelt if one != key)
        )
        if place not in self._by_key[key]:
            self._by_key[key].append(place)
        if place in self._indexed:
            self._index_gone()

    def _lose(self, place: int, number: int) -> None:
        sentence = self._sentences[place]
        self._sentences[place] = replace(sentence, lost=number)
        for word in sentence.words:
            known = self._words[word]
            self._words[word] = KnownWord(known.text, known.since, known.returned, number)
        self._index(place)

    def _put_back(self, sentence: Sentence, number: int) -> int | None:
        """The place of that sentence among those that went before this version, the last that went, or None."""
        gone = [
            (lost, place)
            for place in self._by_key.get(sentence.key, ())
            if (lost := self._sentences[place].lost) is not None and lost < number
        ]
        if not gone:
            return None
        lost, place = max(gone, key=lambda one: (one[0], -one[1]))
        known = self._sentences[place]
        words = tuple(self._again(word, number) for word in known.words)
        removed = (*known.removed, (lost, number))
        self._sentences[place] = replace(known, words=words, removed=removed, lost=None)
        if known.key != sentence.key:
            self._spell(place, sentence.key, self._words_of(sentence.text), number)
        return place

    def _again(self, word: int, number: int) -> int:
        """The word of a sentence put back: itself, or a copy where it stands in another sentence meanwhile."""
        if self._words[word].lost is not None:
            return self._claim(word, number)
        known = self._words[word]
        self._words.append(KnownWord(known.text, known.since, returned=True))
        return len(self._words) - 1

    def _claim(self, word: int, number: int) -> int:
        """Let a lost word stand again; it was away only if it went before this version."""
        known = self._words[word]
        self._words[word] = KnownWord(known.text, known.since, known.returned or known.lost != number)
        return word

    def _first_lost(self, place: int) -> tuple[int, int]:
        sentence = self._sentences[place]
        lost = sentence.removed[0][0] if sentence.removed else sentence.lost
        assert lost is not None  # noqa: S101  (only sentences that went are asked for)
        return lost, place

    def _index_gone(self) -> None:
        """Index in the order in which they went, so that it is the same as if no memory had been kept in between."""
        self._gone_at.clear()
        self._indexed.clear()
        gone = [place for place, one in enumerate(self._sentences) if one.lost is not None or one.removed]
        for place in sorted(gone, key=self._first_lost):
            self._index(place)

    def _index(self, place: int) -> None:
        if place in self._indexed:
            return
        self._indexed.add(place)
        texts = [self._words[word].text for word in self._sentences[place].words]
        for start in range(len(texts) - RUN + 1):
            self._gone_at[tuple(texts[start : start + RUN])].append((place, start))

    # -- new sentences and their words -------------------------------------------------------------------------------

    def _come_in(self, number: int, new: Sequence[Sentence], dying: Sequence[tuple[int, str]]) -> list[int]:
        """Remember new sentences, each with the words it took over."""
        if not new:
            return []
        replaced: list[int | None] = [None] * len(new)
        if dying:
            for pair in align([text for _, text in dying], [sentence.text for sentence in new]):
                if pair.old is not None and pair.new is not None:
                    replaced[pair.new] = dying[pair.old][0]
        texts = [self._words_of(sentence.text) for sentence in new]
        taken: list[list[int | None]] = [[None] * len(one) for one in texts]
        for words, own, place in zip(texts, taken, replaced, strict=True):
            if place is not None:
                self._take_in_order(number, words, own, place)
        for index, (words, own) in enumerate(zip(texts, taken, strict=True)):
            if replaced[index] is None:
                self._take_split(
                    number, words, own, (*replaced[max(0, index - 1) : index], *replaced[index + 1 : index + 2])
                )
        for words, own in zip(texts, taken, strict=True):
            self._take_runs(number, words, own)
        for words, own, place in zip(texts, taken, replaced, strict=True):
            for wording in islice(self._earlier(place), WORDINGS):
                self._take_in_order(number, words, own, wording, least=ANCHORED)
        return [
            self._remember(number, sentence.key, words, own, place)
            for sentence, words, own, place in zip(new, texts, taken, replaced, strict=True)
        ]

    def _take_in_order(
        self, number: int, words: Sequence[str], own: list[int | None], place: int, *, least: int = 1
    ) -> None:
        """Take over what stands in the same order in the sentence at ``place``, in stretches of ``least``, if free."""
        if None not in own:
            return
        theirs = self._sentences[place].words
        for at, start, length in _common([self._words[word].text for word in theirs], words):
            for step in range(length if length >= least else 0):
                word = theirs[at + step]
                if own[start + step] is None and self._words[word].lost is not None:
                    own[start + step] = self._claim(word, number)

    def _take_split(
        self, number: int, words: Sequence[str], own: list[int | None], places: Sequence[int | None]
    ) -> None:
        """Take over from a sentence that a neighbour replaces, where it holds most words: this one was split off from it."""
        for place in places:
            if place is None:
                continue
            theirs = self._sentences[place].words
            common = _common([self._words[word].text for word in theirs], words)
            free = sum(
                self._words[theirs[at + step]].lost is not None for at, _, length in common for step in range(length)
            )
            if free >= SPLIT_LEAST * len(words):
                self._take_in_order(number, words, own, place)
                return

    def _take_runs(self, number: int, words: Sequence[str], own: list[int | None]) -> None:
        """Take over long runs of free words from any gone sentence: the longest, then those that went last."""
        index = 0
        while index + RUN <= len(words):
            if own[index] is not None:
                index += 1
                continue
            best: tuple[int, int, int, int] | None = None
            for place, start in self._gone_at.get(tuple(words[index : index + RUN]), ())[-PLACES:]:
                length = self._free_run(words, own, index, place, start)
                lost = self._words[self._sentences[place].words[start]].lost or 0
                if length >= (RUN if lost == number else RETURNED_RUN):
                    best = max(best or (0, 0, 0, 0), (length, lost, -place, -start))
            if best is None:
                index += 1
                continue
            length, _, place, start = best[0], best[1], -best[2], -best[3]
            for step in range(length):
                own[index + step] = self._claim(self._sentences[place].words[start + step], number)
            index += length

    def _free_run(self, words: Sequence[str], own: Sequence[int | None], index: int, place: int, start: int) -> int:
        theirs = self._sentences[place].words
        length = 0
        while index + length < len(words) and start + length < len(theirs) and own[index + length] is None:
            known = self._words[theirs[start + length]]
            if known.lost is None or known.text != words[index + length]:
                break
            length += 1
        return length

    def _earlier(self, place: int | None) -> Iterator[int]:
        """The wordings before the one at ``place``, newest first."""
        while place is not None:
            place = self._sentences[place].replaces
            if place is not None:
                yield place

    def _remember(
        self, number: int, key: str, words: Sequence[str], own: Iterable[int | None], replaces: int | None
    ) -> int:
        places = []
        for text, word in zip(words, own, strict=True):
            if word is None:
                self._words.append(KnownWord(text, number))
                word = len(self._words) - 1
            places.append(word)
        self._sentences.append(KnownSentence(key, number, tuple(places), replaces))
        self._by_key[key].append(len(self._sentences) - 1)
        return len(self._sentences) - 1


def _neighbours(old: Sequence[str], at: int, new: Sequence[str], index: int) -> int:
    """On how many sides (0 to 2) two places have the same neighbour; the ends of the text are neighbours too."""
    before = (old[at - 1] if at else "") == (new[index - 1] if index else "")
    after = (old[at + 1] if at + 1 < len(old) else "") == (new[index + 1] if index + 1 < len(new) else "")
    return before + after


RESPELT_LEAST: Final = 0.25
"""How much of a word two spellings of it share at its ends, at least; what is less alike is not shown to the differ."""


def _near(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether one may be the other in another spelling: the words that differ stand one for one and look alike."""
    if len(old) == len(new):
        return old != new and all(one == other or _alike((one,), (other,)) for one, other in zip(old, new, strict=True))
    if abs(len(old) - len(new)) > 2:
        return False
    gaps = ((old[theirs.start : theirs.stop], new[mine.start : mine.stop]) for theirs, mine in _gaps(old, new))
    return all(one == other or _alike(one, other) for one, other in gaps)


def _alike(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether two stretches look like spellings of one; of Chinese characters, whether one is the other simplified."""
    one, other = "".join(old), "".join(new)
    if not (one and other) or any(char.isdigit() for char in one + other):
        return False
    if len(one) == len(old) and not one.isascii():
        simplified = default_rules().simplified
        return one.translate(simplified) == other.translate(simplified)
    ends = min(len(one), len(other))
    head = next((at for at in range(ends) if one[at] != other[at]), ends)
    tail = next((at for at in range(ends - head) if one[-1 - at] != other[-1 - at]), ends - head)
    return head + tail >= RESPELT_LEAST * max(len(one), len(other))


def spelling_key(words: Sequence[str]) -> tuple[str, str]:
    """What spellings of one sentence share, cheaply: with what letter its first and last word begin, simplified."""
    if not words:
        return "", ""
    simplified = default_rules().simplified
    return words[0][0].translate(simplified), words[-1][0].translate(simplified)


def respelt(old: str, new: str, words_old: Sequence[str], words_new: Sequence[str]) -> bool:
    """Whether two sentences with different folded words are one in two spellings: the differ tells only cosmetic edits."""
    if not _near(tuple(words_old), tuple(words_new)):
        return False
    severity = compare(Text(old), Text(new)).severity
    return severity is not None and severity <= Severity.COSMETIC


def _gaps(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[range, range]]:
    """The stretches of both, equal ones and the ones between them in turn, that make up the whole."""
    at_old = at_new = 0
    for start_old, start_new, length in (*_common(old, new), (len(old), len(new), 0)):
        if (at_old, at_new) != (start_old, start_new):
            yield range(at_old, start_old), range(at_new, start_new)
        at_old, at_new = start_old + length, start_new + length
        if length:
            yield range(start_old, at_old), range(start_new, at_new)


def _common(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Equal stretches in order, ``(start in old, start in new, length)``; equal ends first: most edits are small."""
    ends = min(len(old), len(new))
    head = next((index for index in range(ends) if old[index] != new[index]), ends)
    if head:
        yield 0, 0, head
    tail = 0
    while tail < ends - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    for block in matcher.get_matching_blocks():
        if block.size:
            yield block.a + head, block.b + head, block.size
    if tail:
        yield len(old) - tail, len(new) - tail, tail
