"""Histories at hand: what a page needs of a source or series, asked of the archive as late and as little as possible.

A page of one change needs two versions of a hundred. What is costly and cannot change any more (the blame of a version,
its distance from a baseline, a series put together) is remembered, a bounded number of each.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from monitor.histories import History, history_of
from monitor.render.addresses import member_of, number_of, step_of
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from storage.archive import Archive
    from storage.records import SourceState, Text, Version

V = TypeVar("V")


class Remembered(Generic[V]):
    """The latest so many answers; safe to ask from many threads (two may work out the same one at once)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> V | None:
        """What is remembered; None when it is not."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def put(self, key: Hashable, answer: V) -> V:
        """Remember, and forget the longest unasked."""
        with self._lock:
            self._known[key] = answer
            self._known.move_to_end(key)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return answer

    def asked(self, key: Hashable, make: Callable[[], V]) -> V:
        """What is remembered, else what ``make`` answers."""
        found = self.get(key)
        return found if found is not None else self.put(key, make())


class Kept:
    """A source: its versions by number, as the archive has them. ``state`` is what is known of it now."""

    is_series = False

    def __init__(self, archive: Archive, state: SourceState) -> None:
        self._archive = archive
        self.state = state
        self.name = state.source.id
        self.url: str | None = state.source.url
        self.count = state.versions

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """Every version, oldest first."""
        held = self.__dict__.get("pairs", ())
        if held and len(held) == self.count:  # none was pruned
            return tuple(version for version, _ in held)
        return tuple(reversed(self._archive.versions(self.name)))

    @cached_property
    def pairs(self) -> Sequence[tuple[Version, Text]]:
        """Every version with its text, oldest first."""
        return tuple(self._archive.texts(self.name))

    def latest_pairs(self, count: int) -> Sequence[tuple[Version, Text]]:
        """The newest versions with their texts, so many or less (pruned ones are left out), oldest first."""
        if "pairs" in self.__dict__:
            return [pair for pair in self.pairs if pair[0].number > self.count - count]
        return tuple(self._archive.texts(self.name, after=self.count - count))

    @cached_property
    def history(self) -> History:
        """The versions, to be asked the questions of history."""
        return History(self.name, self.versions, self._archive, url=self.url)

    def version(self, number: int) -> Version:
        """One version. Raises ``StorageError`` when there is none of that number."""
        held = self.__dict__.get("versions")
        return held[number - 1] if held and 0 < number <= len(held) else self._archive.version(self.name, number)

    def text(self, version: Version) -> Text:
        """Its text."""
        if "pairs" in self.__dict__:  # all are at hand
            return self._texts[version.number]
        return self._archive.text(self.name, version.number)

    @cached_property
    def _texts(self) -> dict[int, Text]:
        return {version.number: text for version, text in self.pairs}

    def current(self, version: Version) -> bool:  # noqa: ARG002  (every version of a source is in its history)
        """Whether it stands in this history."""
        return True

    def label(self, version: Version) -> str:
        """What a person calls a version."""
        return f"{self.name}@{version.number}"

    def step(self, version: Version) -> str:
        """What an address calls it."""
        return step_of(self.name, version.number, of_series=False)

    def found(self, step: str) -> Version:
        """The version that an address calls so. Raises ``UsageError``."""
        number = number_of(step)
        if number is None or not 1 <= number <= self.count:
            raise UsageError(f"{self.name}: no version {step}")
        return self.version(number)


class Run:
    """A series: its members in date order, renumbered from 1. ``own`` are their numbers in their own histories."""

    is_series = True
    state: SourceState | None = None
    url: str | None = None

    def __init__(self, archive: Archive, history: History, own: dict[str, int]) -> None:
        self._archive = archive
        self.history = history
        self._own = own
        self.name = history.name
        self.dates = history.dates or {}
        self.versions = history.versions
        self.count = len(history.versions)
        self._places = {version.source: version for version in history.versions}

    @property
    def pairs(self) -> Sequence[tuple[Version, Text]]:
        """Every member with its text, in date order."""
        return self.history.pairs()

    def latest_pairs(self, count: int) -> Sequence[tuple[Version, Text]]:
        """The latest members with their texts, so many or less, in date order."""
        return self.pairs[-count:]

    def current(self, version: Version) -> bool:
        """Whether it stands in this history: it is the latest wording of its member."""
        return self._places.get(version.source) == version

    def text(self, version: Version) -> Text:
        """The text of a member."""
        if self.current(version):
            return self.history.text(version)
        return self._archive.text(version.source, version.number)

    def label(self, version: Version) -> str:
        """What a person calls it: the member, without the name of the series where it begins so."""
        short = version.source.removeprefix(f"{self.name}-")
        return short if self.current(version) else f"{short}@{version.number}"

    def step(self, version: Version) -> str:
        """What an address calls it: the member and its own number."""
        own = self._own[version.source] if self.current(version) else version.number
        return step_of(version.source, own, of_series=True)

    def found(self, step: str) -> Version:
        """The member that an address calls so; one that has a newer wording by now is asked of the archive."""
        member = member_of(step)
        if member is None:
            place = number_of(step)
            if place is not None and 1 <= place <= self.count:
                return self.versions[place - 1]
            raise UsageError(f"{self.name}: no member {step}")
        source, number = member
        if source not in self._places:
            raise UsageError(f"{self.name}: no member {source}")
        if number == self._own[source]:
            return self._places[source]
        if not 1 <= number < self._own[source]:
            raise UsageError(f"{source}: no version {number}")
        return self._archive.version(source, number)


Entry = Kept | Run


class Shelf:
    """Finds the entry of a name."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._runs: Remembered[Run] = Remembered(8)

    def entry(self, name: str) -> Entry:
        """The source or series of that name. Raises ``UsageError`` for an unknown one."""
        states = self._archive.states(ids=[name])
        if states:
            return Kept(self._archive, states[0])
        members = [state for state in self._archive.states(series=name) if state.versions]
        if not members:
            raise UsageError(f"{name}: no source or series of that name in the archive")
        stamp = (name, *((state.source.id, state.chain) for state in members))

        def made() -> Run:
            own = {state.source.id: state.versions for state in members}
            return Run(self._archive, history_of(self._archive, name), own)

        return self._runs.asked(stamp, made)
