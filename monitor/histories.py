"""A source or a series as one history: wherever a source can stand, a series can. Floor 4: archive and pure core meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.history.series import as_history, members
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from storage.archive import Archive
    from storage.records import Text, Version


@dataclass(frozen=True)
class History:
    """The versions of a source, or the members of a series in date order, oldest first, numbered from 1.

    ``dates`` are those that a series goes by (None for a source). Texts of a source are read when they are asked for.
    """

    name: str
    versions: tuple[Version, ...]
    archive: Archive
    dates: Mapping[int, datetime] | None = None
    held: tuple[Text, ...] = ()
    url: str | None = None

    @property
    def is_series(self) -> bool:
        """Whether it is a series."""
        return self.dates is not None

    def text(self, version: Version) -> Text:
        """The text of one of its versions."""
        return self.held[version.number - 1] if self.is_series else self.archive.text(version.source, version.number)

    def pairs(self) -> Sequence[tuple[Version, Text]]:
        """Every version with its text, oldest first: what the history questions are asked of."""
        if self.is_series:
            return tuple(zip(self.versions, self.held, strict=True))
        return tuple(self.archive.texts(self.name))

    def label(self, version: Version) -> str:
        """What a person calls a version: ``SOURCE@3``; in a series the member as well."""
        return f"{self.name}@{version.number}" + (f" ({version.source})" if self.is_series else "")

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
    archive: Archive, names: Sequence[str], wanted: Sequence[str]
) -> dict[str, Sequence[tuple[Version, Text]]]:
    """The versions with their texts of those among these sources and series (none: every source) where each of the
    wanted strings may stand. Raises ``UsageError`` for an unknown name.
    """
    possible = archive.candidates(wanted)
    if not names:
        known = [source.id for source in archive.sources(retired=True)]
        return {name: tuple(archive.texts(name)) for name in known if possible is None or name in possible}
    found: dict[str, Sequence[tuple[Version, Text]]] = {}
    for name in names:
        source, of_series = archive.named(name)
        ids = of_series if source is None else [name]
        if not ids or possible is None or not possible.isdisjoint(ids):
            found[name] = history_of(archive, name).pairs()
    return found


def _series(archive: Archive, name: str, ids: Sequence[str]) -> History:
    found = []
    for source in ids:
        versions = archive.versions(source)
        if versions:
            found.append((versions, archive.text(source, versions[0].number)))
    ordered = members(found)
    history = as_history(ordered)
    dates = {number: member.date for number, member in enumerate(ordered, 1)}
    return History(name, tuple(version for version, _ in history), archive, dates, tuple(text for _, text in history))


def _nearest(archive: Archive, name: str) -> str:
    from monitor.config.problems import nearest

    sources = archive.sources(retired=True)
    known = {source.id for source in sources} | {source.series for source in sources if source.series}
    return nearest(name, sorted(known)) or "`variorum sources` lists what is watched."
