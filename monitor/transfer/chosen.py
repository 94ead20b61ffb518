"""What is taken out: ``SOURCE``, ``SOURCE@A..B``, ``SERIES``, or everything, resolved to runs of versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.config.problems import nearest
from monitor.history.refs import resolve
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.archive import Archive
    from storage.records import Source, Version


@dataclass(frozen=True, slots=True)
class Chosen:
    """A run of versions of one source, oldest first, without gaps; never empty."""

    source: Source
    versions: tuple[Version, ...]

    @property
    def name(self) -> str:
        """``SOURCE@2..5``."""
        first, last = self.versions[0].number, self.versions[-1].number
        return f"{self.source.id}@{first}" + (f"..{last}" if last != first else "")


def choose(archive: Archive, words: Sequence[str]) -> list[Chosen]:
    """The runs that the words mean, by source id; all sources with a version when there are none.

    ``A`` and ``B`` are references as elsewhere (``3``, ``first``, ``latest``, ``~1``, a date); ``@A..`` and ``@..B`` are
    open at one end, ``@A`` is one version. Raises ``UsageError`` for what does not exist, with the nearest name.
    """
    sources = {source.id: source for source in archive.sources(retired=True)}
    wanted: dict[str, str] = {}
    for word in words:
        name, _, range_ = word.rpartition("@") if "@" in word else (word, "", "")
        members = [name] if name in sources else [one.id for one in sources.values() if one.series == name]
        if not members:
            known = {*sources, *(one.series for one in sources.values() if one.series)}
            hint = nearest(name, sorted(known)) or "`variorum sources` lists what is watched."
            raise UsageError(f"{name}: no source or series of that name in the archive", hint=hint)
        for member in members:
            if wanted.get(member, range_) != range_:
                raise UsageError(f"{member}: asked for twice, with different ranges")
            wanted[member] = range_
    runs = []
    for name in sorted(wanted if words else sources):
        versions = tuple(reversed(archive.versions(name)))
        if versions:
            runs.append(Chosen(sources[name], _run(wanted.get(name, ""), versions)))
        elif words:
            raise UsageError(f"{name}: no version yet", hint=f"`variorum check {name}` looks at it now.")
    if not runs:
        raise UsageError("the archive holds no version yet", hint="`variorum check` makes the first ones.")
    return runs


def _run(range_: str, versions: tuple[Version, ...]) -> tuple[Version, ...]:
    if not range_:
        return versions
    start, dots, end = range_.partition("..")
    first = resolve(start or "first", versions)
    last = resolve(end or "latest", versions) if dots else first
    if first.number > last.number:
        raise UsageError(
            f"@{range_}: version {first.number} comes after version {last.number}", hint=f"@{end}..{start}"
        )
    return versions[first.number - 1 : last.number]
