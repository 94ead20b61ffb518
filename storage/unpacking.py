"""Texts, bodies and snapshots read back from what they are packed with. Takes an open connection."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import zstandard
from sqlalchemy import bindparam, select

from storage import rows, texts
from storage.errors import IntegrityError, Pruned, StorageError
from storage.schema import bodies, headings, heads, pages, snapshots, sources, versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Select

    from storage.records import Snapshot, Text

_TEXTS: Final = 24
_BODIES: Final = 3
K = TypeVar("K")


class Unpacking:
    """One pass over texts and bodies; remembers the last few, so that neighbours cost one step each."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._texts: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._bodies: OrderedDict[int, bytes] = OrderedDict()

    def text(self, source: int, number: int) -> bytes:
        """The encoded text of a version.

        Raises ``Pruned`` when it was pruned, ``IntegrityError`` when it is damaged, or one that it is packed with.
        """
        if (source, number) in self._texts:
            return self._texts[source, number]
        near = (source, number - 1) in self._texts
        needed = [number] if near else texts.run_to(number)
        found = {row.number: row for row in self._connection.execute(_PACKED, {"of": source, "needed": needed})}
        way = [number]
        try:
            while (back := found[way[-1]].back) and (source, way[-1] - back) not in self._texts:
                way.append(way[-1] - back)
        except KeyError as missing:
            if near:  # what is remembered is the one before; this one is packed with another
                del self._texts[source, number - 1]
                return self.text(source, number)
            raise IntegrityError(f"version {number} cannot be read: version {missing} is missing") from None
        if not found[number].packed:
            raise self._pruned(source, number)
        plain = self._texts.get((source, way[-1] - back)) if back else None
        for step in reversed(way):
            with _whole(f"version {step}"):
                plain = texts.unpack(found[step].packed, plain)
            _remember(self._texts, (source, step), plain, _TEXTS)
        return self._texts[source, number]

    def next_text(self, source: int, number: int, back: int, packed: bytes) -> bytes:
        """The encoded text of a version whose row is at hand already: for passes over all of them, in order."""
        base = self.text(source, number - back) if back else None
        with _whole(f"version {number}"):
            plain = texts.unpack(packed, base)
        _remember(self._texts, (source, number), plain, _TEXTS)
        return plain

    def _pruned(self, source: int, number: int) -> Pruned:
        name = self._connection.scalar(select(sources.c.id).where(sources.c.key == source))
        hint = f"Its seal, digest and times are kept; `variorum log {name} --events` says when it was pruned."
        return Pruned(f"{name}@{number}: the text was pruned", hint=hint)

    def body(self, key: int) -> bytes:
        """A body, through the bodies and texts that are its dictionary. Raises ``Pruned`` when it was pruned."""
        way: list[Any] = []
        at: int | None = key
        while at is not None and at not in self._bodies:
            row = self._connection.execute(select(bodies).where(bodies.c.key == at)).one()
            if not row.packed:
                raise Pruned("the raw bytes were pruned", hint="Their digest and how they were received are kept.")
            way.append(row)
            at = row.base
        plain = self._bodies[at] if at is not None else b""
        for row in reversed(way):
            words = self.text(row.source, row.number) if row.source is not None else b""
            with _whole(f"body {row.key}"):
                plain = texts.unpack(row.packed, plain + words)
            _remember(self._bodies, row.key, plain, _BODIES)
        return self._bodies[key]

    def snapshot(self, number: int, *, bodiless: bool = False) -> Snapshot:
        """A snapshot with its body, or with none when asked ``bodiless``.

        Raises ``StorageError`` when there is none of that number, ``Pruned`` when its body is no more.
        """
        row = self._connection.execute(_SNAPSHOTS.where(snapshots.c.number == number)).one_or_none()
        if row is None:
            raise StorageError(f"snapshot {number}: there is none")
        taken = rows.snapshot(row, b"" if bodiless else self.body(row.body))
        further = self._further(number)
        if not further:
            return taken
        return replace(taken, pages=tuple(self.snapshot(one, bodiless=bodiless) for one in further))

    def digests(self, number: int) -> bytes:
        """The SHA-256 of the body of a snapshot as it is kept, then those of its further pages, in their order."""
        digest = select(bodies.c.digest).join(snapshots, snapshots.c.body == bodies.c.key)
        return b"".join(
            self._connection.execute(digest.where(snapshots.c.number == one)).scalar_one()
            for one in (number, *self._further(number))
        )

    def _further(self, number: int) -> Sequence[int]:
        query = select(pages.c.snapshot).where(pages.c.first == number).order_by(pages.c.place)
        return self._connection.scalars(query).all()


def text_of(connection: Connection, source: str, number: int) -> Text | None:
    """The text of a version; None when there is none of that number. Raises ``IntegrityError`` for one that is damaged."""
    head = connection.execute(_HEADING, {"of": source, "at": number}).one_or_none()
    if head is None:
        return None
    plain = Unpacking(connection).text(head.source, number)
    if hashlib.sha256(plain).digest() != head.digest:
        raise _damaged(f"{source}@{number}")
    return rows.text(plain, head.title, head.published)


@contextmanager
def _whole(what: str) -> Iterator[None]:
    """A blob that cannot be unpacked is damaged, or what it leans on is."""
    try:
        yield
    except zstandard.ZstdError:
        raise _damaged(what) from None


def _damaged(what: str) -> IntegrityError:
    return IntegrityError(f"{what}: what is kept is not what was written", hint="`variorum verify` names every fault.")


# Built once: to build a statement takes longer than to run it.
_PACKED: Final[Select[Any]] = select(versions.c.number, versions.c.back, versions.c.packed).where(
    versions.c.source == bindparam("of"), versions.c.number.in_(bindparam("needed", expanding=True))
)
_HEADING: Final[Select[Any]] = (
    select(versions.c.source, versions.c.digest, headings.c.title, headings.c.published)
    .join(headings, headings.c.key == versions.c.heading)
    .join(sources, sources.c.key == versions.c.source)
    .where(sources.c.id == bindparam("of"), versions.c.number == bindparam("at"))
)
_SNAPSHOTS: Final[Select[Any]] = select(
    snapshots.c.number,
    snapshots.c.fetched_at,
    snapshots.c.headers,
    snapshots.c.body,
    heads.c.url,
    heads.c.final_url,
    heads.c.status,
    heads.c.redirects,
    heads.c.packed.label("head"),
).join(heads, heads.c.key == snapshots.c.head)


def _remember(known: OrderedDict[K, bytes], key: K, plain: bytes, most: int) -> None:
    known[key] = plain
    known.move_to_end(key)
    while len(known) > most:
        known.popitem(last=False)
