"""A source or a series as one history: wherever a source can stand, a series can. Floor 4: archive and pure core meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from monitor.history.series import as_history, members
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from monitor.history.blame import Blame, Passed
    from monitor.history.grep import Sought
    from monitor.history.lineage import Memory
    from storage.archive import Archive
    from storage.records import Event, Text, Version

LEAST_KEPT: Final = 8
"""A history of fewer versions is blamed anew each time: that is as fast as to keep what it left behind."""


@dataclass(frozen=True)
class History:
    """The versions of a source, or the members of a series in date order, oldest first, numbered from 1.

    ``dates`` are those that a series goes by (None for a source); ``own`` are the numbers that the members have in their
    own sources. Texts are read when they are asked for; ``held`` are all of them, where they are at hand.
    """

    name: str
    versions: tuple[Version, ...]
    archive: Archive
    dates: Mapping[int, datetime] | None = None
    held: tuple[Text, ...] = ()
    url: str | None = None
    own: tuple[int, ...] = ()
    _read: dict[int, Text] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_series(self) -> bool:
        """Whether it is a series."""
        return self.dates is not None

    def text(self, version: Version) -> Text:
        """The text of one of its versions."""
        if not self.is_series:
            return self.archive.text(version.source, version.number)
        number = version.number
        if number not in self._read:
            self._read[number] = self.archive.text(version.source, self.own[number - 1])
        return self._read[number]

    def pairs(self, *, after: int = 0, upto: int | None = None) -> Sequence[tuple[Version, Text]]:
        """Every version with its text, oldest first: what the history questions are asked of.

        ``after`` and ``upto`` choose the versions after one number, as far as another.
        """
        if self.is_series:
            return tuple((version, self.text(version)) for version in self.versions[after:upto])
        return tuple(self.archive.texts(self.name, after=after, upto=upto))

    def blame(
        self, version: Version, *, words: bool = False, before: Blame | None = None, passed: Passed | None = None
    ) -> Blame:
        """The blame of one of its versions.

        What the versions before have left behind is taken from ``before``, a blame at hand of one of them, or from the
        archive where it was kept, so that only newer texts are read; of the latest version it is kept for the next time.
        What does not fit any more is made again. ``passed`` is told the sentences of the versions that are gone through.
        """
        from dataclasses import replace

        return replace(self._blamed(version, words=words, before=before, passed=passed), source=self.name)

    def _blamed(self, version: Version, *, words: bool, before: Blame | None, passed: Passed | None) -> Blame:
        from monitor.history.blame import Blame, blame, origin_of, recalled

        number = version.number
        kept = self._at_hand(number, before)
        if kept is None or number - kept[0] >= LEAST_KEPT:
            kept = max(filter(None, (kept, self._memory(number))), key=lambda one: one[0], default=None)
        origins = [origin_of(one) for one in self.versions[: kept[0]]] if kept else []
        if kept and kept[0] == number:
            return recalled(version, self.text(version), origins, kept[1], words=words)
        before = Blame(version.source, kept[0], (), tuple(origins), kept[1]) if kept else None
        pairs = self.pairs(after=kept[0] if kept else 0, upto=number)
        answer = blame(pairs, words=words, before=before, passed=passed)
        if number == len(self.versions) >= LEAST_KEPT:
            self._keep(answer.memory)
        return answer

    def _at_hand(self, number: int, before: Blame | None) -> tuple[int, Memory] | None:
        """What ``before`` left behind, where it is of this history as it is now: in a series one may have come in since."""
        from monitor.history.blame import origin_of

        if before is None or before.version > number:
            return None
        now = tuple(origin_of(one) for one in self.versions[: before.version])
        return (before.version, before.memory) if before.origins == now else None

    def _keep(self, memory: Memory) -> None:
        from monitor.history import remembering
        from storage.memories import Kept

        made_of = remembering.made_of(self.versions)
        plain = remembering.written(memory)
        self.archive.keep_memory(Kept(self._subject, len(self.versions), made_of, remembering.MADE_BY, plain))

    @property
    def _subject(self) -> str:
        return f"{'series' if self.is_series else 'source'}:{self.name}"

    def _memory(self, number: int) -> tuple[int, Memory] | None:
        """The memory that was kept, and the version up to which it stands; None where none serves for ``number``."""
        from monitor.history import remembering

        kept = self.archive.memory(self._subject)
        if kept is None or kept.number > number or kept.made_by != remembering.MADE_BY:
            return None
        if kept.made_of != remembering.made_of(self.versions[: kept.number]):
            return None
        memory = remembering.read_back(kept.plain)
        return (kept.number, memory) if memory is not None else None

    def label(self, version: Version) -> str:
        """What a person calls a version: ``SOURCE@3``; in a series the member as well."""
        return f"{self.name}@{version.number}" + (f" ({version.source})" if self.is_series else "")

    def events(self, *, limit: int | None = None) -> list[Event]:
        """What happened, newest first: to the source, or to all members of the series."""
        if not self.is_series:
            return self.archive.events(self.name, limit=limit)
        happened = [event for source in {one.source for one in self.versions} for event in self.archive.events(source)]
        return sorted(happened, key=lambda event: (event.at, event.source), reverse=True)[:limit]

    def latest(self) -> Version:
        """The newest version. Raises ``UsageError`` when there is none yet."""
        if not self.versions:
            raise UsageError(f"{self.name}: no version yet", hint=f"`variorum check {self.name}` looks at it now.")
        return self.versions[-1]


def history_of(archive: Archive, name: str) -> History:
    """The history of the source or the series of that name. Raises ``UsageError`` with the nearest name as a hint."""
    source, of_series = archive.named(name)
    if source is not None:
        return History(name, tuple(reversed(archive.versions(name))), archive, url=source.url)
    if not of_series:
        raise UsageError(f"{name}: no source or series of that name in the archive", hint=_nearest(archive, name))
    return _series(archive, name, of_series)


def pairs_of(
    archive: Archive, names: Sequence[str], certain: Sequence[str], wanted: Sought | None = None
) -> Iterator[tuple[str, Sequence[tuple[Version, Text]]]]:
    """The versions with their texts of those among these sources and series (none: every source) where each of the
    ``certain`` strings may stand: one history after the other, so that no more than one is in memory. Of every source, those
    alone where what is ``wanted`` stands.

    Raises ``UsageError`` for an unknown name.
    """
    possible = archive.candidates(certain)
    if not names:
        ids = [one.id for one in archive.sources(retired=True) if possible is None or one.id in possible]
        for name in archive.saying(ids, wanted.stands, whole=not wanted.apart) if wanted is not None else ids:
            yield name, tuple(archive.texts(name))
        return
    for name in dict.fromkeys(names):
        named, of_series = archive.named(name)
        ids = of_series if named is None else [name]
        if not ids or possible is None or not possible.isdisjoint(ids):
            yield name, history_of(archive, name).pairs()


def _series(archive: Archive, name: str, ids: Sequence[str]) -> History:
    ordered = members(archive.versions(source) for source in ids)
    dates = {number: member.date for number, member in enumerate(ordered, 1)}
    own = tuple(member.version.number for member in ordered)
    return History(name, as_history(ordered), archive, dates, own=own)


def _nearest(archive: Archive, name: str) -> str:
    from monitor.config.problems import nearest

    sources = archive.sources(retired=True)
    known = {source.id for source in sources} | {source.series for source in sources if source.series}
    return nearest(name, sorted(known)) or "`variorum sources` lists what is watched."
