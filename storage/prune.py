"""Letting content go, in the open: texts and raw bytes of old versions, never a version itself.

What is left of a pruned version is its tombstone: number, digests, times, address, headers, reader and seal stay, so the
chain is proved from end to end as before. An event says which versions were pruned, when and by how much; a text that is
gone without such an event is a fault to ``verify``. The first and the latest version of a source are never pruned, nor
any that is pinned.

What leaned on pruned content is packed anew first, so every other version stays readable. A transaction prunes at most
``AT_ONCE`` versions, so that a daemon can write in between.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import zstandard
from sqlalchemy import Connection, Engine, Row, func, select, update

from storage import guard, keep, texts
from storage.engine import writing
from storage.errors import IntegrityError
from storage.marks import mark_of
from storage.records import Event, EventKind
from storage.schema import bodies, headings, pages, snapshots, sources, versions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from storage.archive import Archive
    from storage.records import Version

PART: Final = 400
AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Chosen:
    """Versions of one source that are to be pruned, by number."""

    source: str
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was pruned of one source: versions, how many texts and bodies, and the bytes that were freed in the database."""

    source: str
    versions: tuple[int, ...]
    bodies: int
    freed_bytes: int


def choose(
    archive: Archive,
    names: Iterable[str],
    *,
    older_than: datetime | None,
    newest: int | None,
    pinned: Mapping[str, Collection[int]],
) -> Iterator[Chosen]:
    """What a rule would prune, source by source: last seen before ``older_than``, and not among the ``newest`` so many.

    Never the first and the latest version, nor those ``pinned``, nor what is pruned already.
    """
    for name in names:
        history = archive.versions(name)  # newest first
        old = [
            one.number
            for one in history[max(1, newest or 1) :]
            if one.number > 1
            and not one.pruned
            and one.number not in pinned.get(name, ())
            and (older_than is None or _last_stood(one) < older_than)
        ]
        if old:
            yield Chosen(name, tuple(sorted(old)))


def _last_stood(version: Version) -> datetime:
    return max(version.last_seen, version.first_seen)


def prune(engine: Engine, chosen: Chosen, at: datetime) -> Pruned:
    """Prune these versions, and say so in events: each transaction in its own.

    Raises ``IntegrityError`` when something that would be packed anew is not what was written: that transaction prunes
    nothing then.
    """
    done = [_together(engine, Chosen(chosen.source, part), at) for part in _parts(chosen.versions, AT_ONCE)]
    gone = tuple(sorted(number for one in done for number in one.versions))
    return Pruned(chosen.source, gone, sum(one.bodies for one in done), sum(one.freed_bytes for one in done))


def _together(engine: Engine, chosen: Chosen, at: datetime) -> Pruned:
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            # What is freed is overwritten with zeros.
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        row = keep.locked(connection, chosen.source)
        gone = {number for number in chosen.versions if 1 < number < (row.number or 0)}
        if not gone:
            return Pruned(chosen.source, (), 0, 0)
        with guard.opened(connection, ("versions", "bodies")):
            captures, freed = _texts(connection, row, gone)
            emptied, more = _bodies(connection, captures)
        told = {"versions": ranges(sorted(gone)), "bodies": emptied, "freed_bytes": freed + more}
        keep.happened(connection, {chosen.source: row.key}, [Event(EventKind.PRUNED, chosen.source, at, detail=told)])
    return Pruned(chosen.source, tuple(sorted(gone)), emptied, freed + more)


def ranges(numbers: Sequence[int]) -> str:
    """``2-5,7`` for 2, 3, 4, 5, 7 (in order)."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)


def pruned_numbers(detail: Mapping[str, Any]) -> set[int]:
    """The numbers that the detail of a ``pruned`` event names. ``ValueError`` or ``KeyError`` for any other."""
    found: set[int] = set()
    for part in filter(None, str(detail["versions"]).split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


# texts


def _texts(connection: Connection, source: Row[Any], gone: set[int]) -> tuple[list[int], int]:
    """Empty the texts of ``gone``, pack what leaned on them; returns their captures, and the bytes freed.

    The version after a tombstone becomes a full text; those after it keep their difference and count their links anew.
    """
    query = (
        select(versions, headings.c.title, headings.c.published, snapshots.c.mark.label("capture_mark"))
        .join(headings, headings.c.key == versions.c.heading)
        .join(snapshots, snapshots.c.number == versions.c.snapshot)
        .where(versions.c.source == source.key)
        .order_by(versions.c.number)
        .limit(PART)
    )
    captures, freed, links, last = list[int](), 0, -1, min(gone) - 1
    plain = keep.bytes_of(connection, source.key, last)
    while rows := connection.execute(query.where(versions.c.number > last)).all():
        for row in rows:
            if row.number > max(gone) and row.depth == 0:
                return captures, freed  # from here on nothing leans on what went
            plain = _plain(source.id, row, plain)
            values = _kept(row, plain, links) if row.number not in gone else _TOMBSTONE
            links = -1 if plain is None or row.number in gone else values.get("depth", row.depth)
            if row.number in gone:
                captures.append(row.snapshot)
            if values:
                freed += len(row.packed) + len(row.script or b"")
                freed -= len(values.get("packed", row.packed)) + len(values.get("script", row.script) or b"")
                _write_version(connection, row, values)
        last = rows[-1].number
    return captures, freed


_TOMBSTONE: Final[dict[str, Any]] = {"packed": b"", "depth": 0, "script": None}


def _kept(row: Row[Any], plain: bytes | None, links: int) -> dict[str, Any]:
    """The columns that change in a version that stays; ``links`` is the depth of the one before, -1 for a tombstone."""
    if plain is None or row.depth == 0:
        return {}
    if links < 0:
        return {"packed": texts.pack(plain), "depth": 0}
    return {"depth": links + 1} if row.depth != links + 1 else {}


def _plain(name: str, row: Row[Any], before: bytes | None) -> bytes | None:
    """The text of a version as bytes, proved; None for a tombstone."""
    if not row.packed:
        return None
    try:
        plain = texts.unpack(row.packed, before if row.depth else None)
    except zstandard.ZstdError:
        plain = b""
    if hashlib.sha256(plain).digest() != row.digest or _version_mark(row, {}) != row.mark:
        raise _damaged(f"{name}@{row.number}: what is kept is not what was written")
    return plain


def _write_version(connection: Connection, row: Row[Any], values: Mapping[str, Any]) -> None:
    at = (versions.c.source == row.source) & (versions.c.number == row.number)
    connection.execute(update(versions).where(at).values(**values, mark=_version_mark(row, values)))


def _version_mark(row: Row[Any], values: Mapping[str, Any]) -> bytes:
    linked = {"snapshot": row.capture_mark, "heading": None, "title": row.title, "published": row.published}
    return mark_of("versions", versions.c.keys(), {**row._mapping, **values}, **linked)


# bodies


def _bodies(connection: Connection, captures: Sequence[int]) -> tuple[int, int]:
    """Empty the bodies that only these captures, and others whose versions are pruned, refer to; how many, and the bytes."""
    gone = set[int]()
    for part in _parts(captures):
        further = select(pages.c.snapshot).where(pages.c.first.in_(part))
        either = snapshots.c.number.in_(part) | snapshots.c.number.in_(further)
        gone |= set(connection.scalars(select(snapshots.c.body).where(either)))
    for part in _parts(sorted(gone)):
        gone -= set(_needed(connection, part))
    freed = _lean_elsewhere(connection, gone)
    emptied = 0
    for part in _parts(sorted(gone)):
        for row in connection.execute(
            select(bodies).where(bodies.c.key.in_(part), func.length(bodies.c.packed) > 0)
        ).all():
            freed += len(row.packed)
            emptied += 1
            _write_body(connection, row, {"packed": b"", "depth": 0, "base": None}, None)
    return emptied, freed


def _needed(connection: Connection, keys: Sequence[int]) -> Iterator[int]:
    """Those of these bodies that must stay: of a version that stays, or of a capture that was held back."""
    first = pages.alias("first")
    users = (
        select(snapshots.c.body, snapshots.c.doubt, func.max(func.length(versions.c.packed)).label("bytes"))
        .outerjoin(first, first.c.snapshot == snapshots.c.number)
        .outerjoin(
            versions,
            (versions.c.source == snapshots.c.source)
            & (versions.c.snapshot == func.coalesce(first.c.first, snapshots.c.number)),
        )
        .where(snapshots.c.body.in_(keys))
        .group_by(snapshots.c.number, snapshots.c.body, snapshots.c.doubt)
    )
    for row in connection.execute(users):
        if row.bytes is None or row.bytes > 0 or row.doubt is not None:
            yield row.body


def _lean_elsewhere(connection: Connection, gone: set[int]) -> int:
    """Pack the bodies that stay, and whose dictionary goes, with the nearest one that stays; returns bytes freed."""
    freed = 0
    moved: list[int] = []
    for part in _parts(sorted(gone)):
        for row in connection.execute(select(bodies).where(bodies.c.base.in_(part))).all():
            if row.key in gone or not row.packed:
                continue
            plain = keep.body_of(connection, row.key)
            if hashlib.sha256(plain).digest() != row.digest:
                raise _damaged(f"body {row.key}: what is kept is not what was written")
            base = _nearest(connection, row.base, gone)
            packed = texts.pack(plain, keep.body_of(connection, base.key) if base is not None else None)
            values = {"packed": packed, "base": base.key if base else None, "depth": base.depth + 1 if base else 0}
            freed += len(row.packed) - len(packed)
            _write_body(connection, row, values, base.digest if base else None)
            moved.append(row.key)
    _count_links(connection, moved)
    return freed


def _nearest(connection: Connection, key: int | None, gone: set[int]) -> Row[Any] | None:
    while key is not None:
        row = connection.execute(select(bodies).where(bodies.c.key == key)).one()
        if row.key not in gone and row.packed:
            return row
        key = row.base
    return None


def _count_links(connection: Connection, moved: list[int]) -> None:
    """Put right the number of links of all that lean, directly or not, on bodies that were moved."""
    base = bodies.alias("base")
    while moved:
        further = list[int]()
        for part in _parts(moved):
            query = select(bodies, base.c.depth.label("base_depth"), base.c.digest.label("base_digest"))
            query = query.join(base, base.c.key == bodies.c.base).where(bodies.c.base.in_(part))
            for row in connection.execute(query).all():
                if row.depth != row.base_depth + 1:
                    _write_body(connection, row, {"depth": row.base_depth + 1}, row.base_digest)
                    further.append(row.key)
        moved = further


def _write_body(connection: Connection, row: Row[Any], values: Mapping[str, Any], base: bytes | None) -> None:
    mark = mark_of("bodies", bodies.c.keys(), {**row._mapping, **values}, base=base)
    connection.execute(update(bodies).where(bodies.c.key == row.key).values(**values, mark=mark))


def _damaged(said: str) -> IntegrityError:
    return IntegrityError(f"{said}; nothing was pruned", hint="`variorum verify` names every fault.")


def _parts(items: Sequence[int], size: int = PART) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])


def vacuum(engine: Engine) -> None:
    """Give the freed room back to the disk: rewrites an SQLite file, which needs as much room again for a moment."""
    from storage.engine import told_plainly

    with told_plainly(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        for table in (versions, bodies, sources):
            connection.exec_driver_sql(f"VACUUM FULL {table.name}")
