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

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, select, update

from storage import guard, happening, keep, texts
from storage.engine import writing
from storage.errors import IntegrityError
from storage.marks import mark_of
from storage.queries import chunks
from storage.records import Event, EventKind
from storage.schema import PRUNED, bodies, headings, pages, snapshots, sources, verdicts, versions
from storage.unpacking import Unpacking

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
    done = [_together(engine, Chosen(chosen.source, tuple(part)), at) for part in chunks(chosen.versions, AT_ONCE)]
    gone = tuple(sorted(number for one in done for number in one.versions))
    return Pruned(chosen.source, gone, sum(one.bodies for one in done), sum(one.freed_bytes for one in done))


def _together(engine: Engine, chosen: Chosen, at: datetime) -> Pruned:
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            # What is freed is overwritten with zeros.
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        row = keep.locked(connection, chosen.source)
        gone = _there(connection, row, chosen.versions)
        if not gone:
            return Pruned(chosen.source, (), 0, 0)
        with guard.opened(connection, ("bodies", "versions")):
            captures, freed = _stand_alone(connection, row, gone)
            emptied, more = _bodies(connection, row.key, gone, captures)
            more += _empty_texts(connection, row, gone)
        told = {"versions": ranges(sorted(gone)), "bodies": emptied, "freed_bytes": freed + more}
        happening.keep(connection, {chosen.source: row.key}, [Event(EventKind.PRUNED, chosen.source, at, detail=told)])
    return Pruned(chosen.source, tuple(sorted(gone)), emptied, freed + more)


def _there(connection: Connection, source: Row[Any], numbers: Collection[int]) -> set[int]:
    """Those of these versions that may go and have not: never the first, never the latest."""
    query = select(versions.c.number).where(versions.c.source == source.key, ~PRUNED, versions.c.number > 1)
    query = query.where(versions.c.number < (source.number or 0))
    return {
        number
        for part in chunks(sorted(numbers))
        for number in connection.scalars(query.where(versions.c.number.in_(part)))
    }


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


def _stand_alone(connection: Connection, source: Row[Any], gone: set[int]) -> tuple[list[int], int]:
    """Prove ``gone`` and what may lean on them, and pack alone what does; the captures of these, and the bytes freed."""
    unpacking = Unpacking(connection)
    captures, freed = list[int](), 0
    for row in _history(connection, source, min(gone), max(gone) + texts.STRIDE):
        if not row.packed:
            continue
        plain = _proved(source.id, row, unpacking)
        if row.number in gone:
            captures.append(row.snapshot)
        elif row.back and row.number - row.back in gone:
            packed = texts.pack(plain)
            freed += len(row.packed) - len(packed)
            _write_version(connection, row, {"packed": packed, "back": 0})
    return captures, freed


def _empty_texts(connection: Connection, source: Row[Any], gone: set[int]) -> int:
    """Empty the texts of ``gone``; returns the bytes freed."""
    freed = 0
    for row in _history(connection, source, min(gone), max(gone)):
        if row.number in gone and row.packed:
            freed += len(row.packed)
            _write_version(connection, row, {"packed": b"", "back": 0})
    return freed


def _history(connection: Connection, source: Row[Any], first: int, most: int) -> Iterator[Row[Any]]:
    """The versions ``first`` to ``most`` of a source, some hundreds at a time, with what their marks cover."""
    verdict = [column for column in verdicts.c if column.name != "key"]
    query = (
        select(
            versions,
            headings.c.title,
            headings.c.published,
            headings.c.reader,
            *verdict,
            snapshots.c.mark.label("capture_mark"),
        )
        .join(headings, headings.c.key == versions.c.heading)
        .join(snapshots, snapshots.c.number == versions.c.snapshot)
        .join(verdicts, verdicts.c.key == versions.c.verdict)
        .where(versions.c.source == source.key)
        .order_by(versions.c.number)
        .limit(PART)
    )
    last = first - 1
    query = query.where(versions.c.number <= most)
    while rows := connection.execute(query.where(versions.c.number > last)).all():
        yield from rows
        last = rows[-1].number


def _proved(name: str, row: Row[Any], unpacking: Unpacking) -> bytes:
    """The text of a version as bytes. Raises ``IntegrityError`` when it is not what was written."""
    try:
        plain = unpacking.text(row.source, row.number)
    except IntegrityError:
        plain = b""
    if hashlib.sha256(plain).digest() != row.digest or _version_mark(row, {}) != row.mark:
        raise _damaged(f"{name}@{row.number}: what is kept is not what was written")
    return plain


def _write_version(connection: Connection, row: Row[Any], values: Mapping[str, Any]) -> None:
    at = (versions.c.source == row.source) & (versions.c.number == row.number)
    connection.execute(update(versions).where(at).values(**values, mark=_version_mark(row, values)))


def _version_mark(row: Row[Any], values: Mapping[str, Any]) -> bytes:
    linked = {"snapshot": row.capture_mark, "heading": None, "verdict": None}
    linked |= {name: row._mapping[name] for name in ("title", "published", "reader")}
    linked |= {column.name: row._mapping[column.name] for column in verdicts.c if column.name != "key"}
    return mark_of("versions", versions.c.keys(), {**row._mapping, **values}, **linked)


# bodies


def _bodies(connection: Connection, source: int, texts_gone: set[int], captures: Sequence[int]) -> tuple[int, int]:
    """Empty the bodies that only these captures, and others whose versions are pruned, refer to; how many, and the bytes."""
    gone = set[int]()
    for part in chunks(captures):
        further = select(pages.c.snapshot).where(pages.c.first.in_(part))
        either = snapshots.c.number.in_(part) | snapshots.c.number.in_(further)
        gone |= set(connection.scalars(select(snapshots.c.body).where(either)))
    gone -= needed(connection, gone, source, texts_gone)
    freed = _lean_elsewhere(connection, gone, source, texts_gone)
    emptied = 0
    for part in chunks(sorted(gone)):
        for row in connection.execute(
            select(bodies).where(bodies.c.key.in_(part), func.length(bodies.c.packed) > 0)
        ).all():
            freed += len(row.packed)
            emptied += 1
            _write_body(connection, row, _TOMBSTONE)
    return emptied, freed


_TOMBSTONE: Final[dict[str, Any]] = {"packed": b"", "depth": 0, "base": None, "source": None, "number": None}


def needed(
    connection: Connection, keys: Collection[int], source: int | None = None, texts_gone: Collection[int] = ()
) -> set[int]:
    """Those of these bodies that must stay: of a version that stays, or of a capture that was held back.

    ``texts_gone`` are versions of ``source`` that are about to be pruned.
    """
    first = pages.alias("first")
    users = (
        select(
            snapshots.c.body,
            snapshots.c.doubt,
            versions.c.source,
            versions.c.number,
            func.length(versions.c.packed).label("bytes"),
        )
        .outerjoin(first, first.c.snapshot == snapshots.c.number)
        .outerjoin(
            versions,
            (versions.c.source == snapshots.c.source)
            & (versions.c.snapshot == func.coalesce(first.c.first, snapshots.c.number)),
        )
    )
    found = set[int]()
    for part in chunks(sorted(keys)):
        for row in connection.execute(users.where(snapshots.c.body.in_(part))):
            going = row.bytes == 0 or (row.source == source and row.number in texts_gone)
            if row.number is None or row.doubt is not None or not going:
                found.add(row.body)
    return found


def _lean_elsewhere(connection: Connection, gone: set[int], source: int, texts_gone: set[int]) -> int:
    """Pack the bodies that stay, and whose dictionary goes, with what stays of it; returns bytes freed."""
    freed = 0
    moved: list[int] = []
    leaning: list[ColumnElement[bool]] = [bodies.c.base.in_(part) for part in chunks(sorted(gone))]
    leaning += [(bodies.c.source == source) & bodies.c.number.in_(part) for part in chunks(sorted(texts_gone))]
    found = {row.key: row for one in leaning for row in connection.execute(select(bodies).where(one))}
    unpacking = Unpacking(connection)
    for key in sorted(found):
        row = found[key]
        if row.key in gone or not row.packed:
            continue
        plain = _proved_body(row, unpacking)
        base = _nearest(connection, row.base, gone)
        stays = row.source is not None and not (row.source == source and row.number in texts_gone)
        dictionary = unpacking.body(base.key) if base is not None else b""
        if stays:
            dictionary += unpacking.text(row.source, row.number)
        values: dict[str, Any] = {
            "packed": texts.pack(plain, dictionary),
            "base": base.key if base else None,
            "depth": base.depth + 1 if base else 0,
            "source": row.source if stays else None,
            "number": row.number if stays else None,
        }
        freed += len(row.packed) - len(values["packed"])
        _write_body(connection, row, values)
        moved.append(row.key)
    _count_links(connection, moved)
    return freed


def _proved_body(row: Row[Any], unpacking: Unpacking) -> bytes:
    """A body. Raises ``IntegrityError`` when it is not what was written."""
    try:
        plain = unpacking.body(row.key)
    except IntegrityError:
        plain = b""
    if hashlib.sha256(plain).digest() != row.digest:
        raise _damaged(f"body {row.key}: what is kept is not what was written")
    return plain


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
        for part in chunks(moved):
            query = select(bodies, base.c.depth.label("base_depth"))
            query = query.join(base, base.c.key == bodies.c.base).where(bodies.c.base.in_(part))
            for row in connection.execute(query).all():
                if row.depth != row.base_depth + 1:
                    _write_body(connection, row, {"depth": row.base_depth + 1})
                    further.append(row.key)
        moved = further


def _write_body(connection: Connection, row: Row[Any], values: Mapping[str, Any]) -> None:
    connection.execute(update(bodies).where(bodies.c.key == row.key).values(**values))


def _damaged(said: str) -> IntegrityError:
    return IntegrityError(f"{said}; nothing was pruned", hint="`variorum verify` names every fault.")


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
