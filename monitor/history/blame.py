"""Since when does each sentence stand, and each word? In which version and window it came, and whether it was away.

A sentence that only changed cosmetically (case, quotes, dashes, punctuation, white space, spelling), or only its place,
keeps its origin. A reworded one starts anew, but its unchanged words keep theirs. What was taken out and put back is known again:
``since`` is its first origin, ``returned`` says that it was away. :mod:`monitor.history.lineage` tells how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.history.lineage import Lineage, Memory, Sentence, words_in
from storage.errors import UsageError
from storage.records import Text, Version, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something came in: the version's number and the window of that version.

    ``label`` is the source of that version: in a series, the member. ``reread`` says that the version came of a change
    of our reader: the words may have stood on the page before.
    """

    version: int
    window: Window
    label: str = ""
    reread: bool = False


@dataclass(frozen=True, slots=True)
class BlamedWord:
    """One word (or number, or CJK character) and its origin. ``start`` and ``end`` are offsets into the whole text.

    ``returned`` says that it was taken out and put back; ``since`` is its first origin even so.
    """

    start: int
    end: int
    text: str
    since: Origin
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Blamed:
    """One sentence of the blamed version and its origin.

    ``removed`` lists the versions in which it was absent after it first came; ``returned`` is whether there are any.
    ``words`` is empty unless words were asked for.
    """

    start: int
    end: int
    text: str
    since: Origin
    returned: bool
    removed: tuple[int, ...]
    words: tuple[BlamedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Blame:
    """Every sentence of one version (title and printed date too), in the order of the text, with its origin.

    ``origins`` are all versions so far and ``memory`` what they left behind: what a later call goes on from.
    """

    source: str
    version: int
    sentences: tuple[Blamed, ...]
    origins: tuple[Origin, ...] = field(default=(), repr=False)
    memory: Memory = field(default=Memory(), repr=False)


Passed = Callable[[Version, tuple[Blamed, ...]], object]


def blame(
    history: Sequence[tuple[Version, Text]],
    *,
    words: bool = False,
    before: Blame | None = None,
    passed: Passed | None = None,
) -> Blame:
    """Blame the last version of ``history`` (oldest first).

    With ``before``, the blame of the versions before ``history``, it goes on from there: the same answer as for the
    whole history, at the cost of the new versions. ``passed`` is told the sentences (without words) of each version on
    the way, but the last. Raises ``UsageError`` for no version at all.
    """
    if not history:
        if before is None:
            raise UsageError("there is no version to blame", hint="`variorum check` makes the first one.")
        raise UsageError(f"{before.source}: nothing came after version {before.version}")
    lineage = Lineage(before.memory if before else None)
    origins = {origin.version: origin for origin in (before.origins if before else ())}
    for version, text in history:
        origins[version.number] = origin_of(version)
        found = tuple(lineage.sentences_of(text.text))
        places = lineage.advance(version.number, found)
        if passed is not None and version is not history[-1][0]:
            passed(version, _all_blamed(found, places, lineage, origins, words=False))
    return _answer(history[-1][0], found, places, lineage, origins, words=words)


def recalled(version: Version, text: Text, origins: Sequence[Origin], memory: Memory, *, words: bool = False) -> Blame:
    """The blame of the version that ``memory`` stands for, by its text alone."""
    lineage = Lineage(memory)
    found = tuple(lineage.sentences_of(text.text))
    by_number = {origin.version: origin for origin in origins}
    return _answer(version, found, memory.standing, lineage, by_number, words=words)


def origin_of(version: Version) -> Origin:
    """Where what came in with that version came in."""
    return Origin(version.number, version.window, version.source, version.reread)


def _answer(
    last: Version,
    found: Sequence[Sentence],
    places: Sequence[int],
    lineage: Lineage,
    origins: dict[int, Origin],
    *,
    words: bool,
) -> Blame:
    return Blame(
        source=last.source,
        version=last.number,
        sentences=_all_blamed(found, places, lineage, origins, words=words),
        origins=tuple(origins.values()),
        memory=lineage.memory,
    )


def blames(history: Iterable[tuple[Version, Text]]) -> Iterator[tuple[Version, tuple[Blamed, ...]]]:
    """The sentences of every version, each as :func:`blame` would tell them, in one pass (oldest first)."""
    lineage = Lineage()
    origins: dict[int, Origin] = {}
    for version, text in history:
        origins[version.number] = origin_of(version)
        found = tuple(lineage.sentences_of(text.text))
        places = lineage.advance(version.number, found)
        yield version, _all_blamed(found, places, lineage, origins, words=False)


def _all_blamed(
    found: Sequence[Sentence], places: Sequence[int], lineage: Lineage, origins: dict[int, Origin], *, words: bool
) -> tuple[Blamed, ...]:
    pairs = zip(found, places, strict=True)
    return tuple(_blamed(one, place, lineage, origins, words=words) for one, place in pairs)


def _blamed(sentence: Sentence, place: int, lineage: Lineage, origins: dict[int, Origin], *, words: bool) -> Blamed:
    known = lineage.known(place)
    removed = (
        tuple(number for lost, back in known.removed for number in origins if lost <= number < back)
        if known.removed
        else ()
    )
    blamed_words = tuple(
        BlamedWord(
            sentence.start + word.start,
            sentence.start + word.end,
            sentence.text[word.start : word.end],
            origins[remembered.since],
            remembered.returned,
        )
        for word, remembered in (zip(words_in(sentence.text), lineage.known_words(place), strict=True) if words else ())
    )
    return Blamed(
        start=sentence.start,
        end=sentence.end,
        text=sentence.text,
        since=origins[known.since],
        returned=bool(removed),
        removed=removed,
        words=blamed_words,
    )
