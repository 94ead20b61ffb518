"""Time-stamps kept: which chain heads an authority has signed, and the proof. The token itself is bytes to this room."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, func, insert, select

from storage import merkle, texts
from storage.engine import reading, writing
from storage.marks import mark_of
from storage.schema import sources, timestamps, versions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime


_SEALED_AS = func.coalesce(sources.c.sealed_as, sources.c.id).label("sealed_as")


@dataclass(frozen=True, slots=True)
class Head:
    """The newest seal of a source at some time: what one leaf of the tree says.

    ``source`` is the name that is sealed into the chain, which a renamed source keeps.
    """

    source: str
    version: int
    seal: str

    @property
    def leaf(self) -> bytes:
        """``source``, number and seal with tabs between, UTF-8."""
        return f"{self.source}\t{self.version}\t{self.seal}".encode()


@dataclass(frozen=True)
class Timestamp:
    """A time-stamp: at ``at``, by the authority's clock, these heads were. ``token`` is its answer (RFC 3161, DER)."""

    number: int
    at: datetime
    authority: str
    heads: tuple[Head, ...]
    token: bytes

    @cached_property
    def root(self) -> bytes:
        """What was stamped: the root over the heads in their order."""
        return merkle.root([head.leaf for head in self.heads])

    def path(self, place: int) -> list[tuple[str, bytes]]:
        """The proof that the head at ``place`` is in the root."""
        return merkle.path([head.leaf for head in self.heads], place)


def heads(engine: Engine, only: Collection[str] | None = None) -> tuple[Head, ...]:
    """The chain heads as they are now, by sealed name; of the sources in ``only`` (ids), or of all."""
    query = select(sources.c.id, _SEALED_AS, sources.c.number, sources.c.chain).where(sources.c.chain.is_not(None))
    with reading(engine) as connection:
        found = [
            Head(row.sealed_as, row.number, row.chain.hex())
            for row in connection.execute(query)
            if only is None or row.id in only
        ]
    return tuple(sorted(found, key=lambda one: (one.source, one.version, one.seal)))


def keep(engine: Engine, at: datetime, authority: str, stamped: Sequence[Head], token: bytes) -> int:
    """Keep a time-stamp; returns its number."""
    packed = texts.pack(b"\n".join(head.leaf for head in stamped))
    values: dict[str, Any] = {"at": at, "authority": authority, "heads": packed, "token": token}
    with writing(engine) as connection:
        newest = select(timestamps.c.number, timestamps.c.mark).order_by(timestamps.c.number.desc()).limit(1)
        last = connection.execute(newest).one_or_none()
        # Counted here and not by the database: the mark covers the place among the others, too.
        values["number"] = last.number + 1 if last is not None else 1
        before = last.mark if last is not None else b""
        values["mark"] = mark_of("timestamps", timestamps.c.keys(), values, before=before)
        connection.execute(insert(timestamps).values(values))
    return int(values["number"])


def kept(engine: Engine, *, last: int | None = None) -> list[Timestamp]:
    """The time-stamps, oldest first: all, or the ``last`` so many."""
    query = select(timestamps).order_by(timestamps.c.number.desc()).limit(last)
    with reading(engine) as connection:
        rows = connection.execute(query).all()[::-1]
    return [Timestamp(row.number, row.at, row.authority, _heads(texts.unpack(row.heads)), row.token) for row in rows]


def faults(engine: Engine, stamps: Iterable[Timestamp]) -> list[str]:
    """Where the archive contradicts its time-stamps: a head that was stamped and is not there, or is another now."""
    stamps, found = list(stamps), []
    now = _seals(engine, {head.source for stamp in stamps for head in stamp.heads})
    for stamp in stamps:
        for head in stamp.heads:
            seals = now.get((head.source, head.version))
            if seals is None:
                found.append(f"timestamp {stamp.number}: {head.source}@{head.version} was stamped and is not there")
            elif head.seal not in seals:
                found.append(
                    f"timestamp {stamp.number}: {head.source}@{head.version} has another seal than was stamped"
                )
    return found


def _seals(engine: Engine, names: Collection[str]) -> dict[tuple[str, int], set[str]]:
    """The seals under each sealed name and number: two, where a new source took the old id of a renamed one."""
    query = select(_SEALED_AS, versions.c.number, versions.c.chain).join(sources, sources.c.key == versions.c.source)
    found: dict[tuple[str, int], set[str]] = {}
    with reading(engine) as connection:
        for row in connection.execute(query):
            if row.sealed_as in names:
                found.setdefault((row.sealed_as, row.number), set()).add(row.chain.hex())
    return found


def _heads(plain: bytes) -> tuple[Head, ...]:
    found = []
    for line in plain.decode("utf-8").splitlines():
        source, version, seal = line.split("\t")
        found.append(Head(source, int(version), seal))
    return tuple(found)
