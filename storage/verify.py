"""Proves the whole archive, or some sources of it: names every row that is not what was written.

Five questions, each one stream over a table, in one consistent view of the database:

1. Does the database hold together: SQLite's integrity check, references that lead nowhere, the append-only triggers?
2. Does each body unpack, through its dictionary, to its digest and size?
3. Is each capture as it was written, and none of its source missing?
4. Is each version in its place, its text what its digest says, and its seal right after the one before?
5. Do the states of sources, the ledger, events and time-stamps agree with that?

Columns are read as they lie in the database, past every conversion, so that a damaged one is a line and no traceback.
Memory is bounded: one version and the few texts that may be its dictionary, at most ``PLAIN_BYTES`` of bodies, 32 bytes a source.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import zstandard
from sqlalchemy import Connection, Engine, Row, Select, Table, except_, func, or_, select, tuple_, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from storage import guard, texts
from storage.chain import START, Sealed, seal
from storage.engine import engine_for, steady
from storage.errors import IntegrityError, StorageError
from storage.marks import held, mark_of
from storage.prune import pruned_numbers
from storage.records import EventKind, Outcome
from storage.rows import headers_plain
from storage.schema import (
    EPOCH,
    MICROSECOND,
    bodies,
    events,
    headings,
    heads,
    ledger,
    metadata,
    pages,
    snapshots,
    sources,
    timestamps,
    verdicts,
    versions,
)
from storage.unpacking import Unpacking

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

PLAIN_BYTES: Final = 64 << 20
MOST_FAULTS: Final = 1_000
"""So many are named; of an archive that is damaged all over, the rest is counted."""
MOST_BYTES: Final = 2 << 30
"""No body is larger: that is the most that can be configured."""
STEP: Final = 1_000
"""So many rows lie between two words of progress."""
_BROKEN: Final = (
    zstandard.ZstdError,
    StorageError,
    IntegrityError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
)
"""What unpacking and reading a damaged value can raise; ``ValueError`` holds the errors of Unicode and JSON."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row that is not what was written. ``what`` is the kind of thing, ``said`` the line for people."""

    what: str
    said: str
    source: str | None = None
    version: int | None = None


@dataclass(slots=True)
class Report:
    """What was proved, and what could not be."""

    sources: int = 0
    versions: int = 0
    captures: int = 0
    bodies: int = 0
    pruned: int = 0
    timestamps: int = 0
    faults: list[Fault] = field(default_factory=list)
    more: int = 0
    """Faults beyond those that are named."""

    def add(self, what: str, said: str, source: str | None = None, version: int | None = None) -> None:
        """Note a fault."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(what, said, source, version))
        else:
            self.more += 1


def unheard(_what: str, _done: int) -> None:
    """Progress that nobody listens to."""


def verify(url: str, only: Collection[str] | None = None, progress: Callable[[str, int], None] = unheard) -> Report:
    """Prove the archive at ``url``, or the sources of the ids in ``only``; ``progress`` hears what and how many.

    Raises ``StorageError`` when it cannot be opened at all; a file that is damaged beyond reading is a fault.
    """
    engine = engine_for(url, readonly=True)
    try:
        return prove(engine, only, progress)
    finally:
        engine.dispose()


def prove(
    engine: Engine, only: Collection[str] | None = None, progress: Callable[[str, int], None] = unheard
) -> Report:
    """As :func:`verify`, by an engine that is there already."""
    report = Report()
    try:
        with steady(engine) as connection:
            if engine.dialect.name == "sqlite":
                driver: Any = connection.connection.driver_connection
                driver.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            _Proof(connection, report, progress, only).run()
    except IntegrityError as error:
        report.add("database", error.message)
    except DBAPIError as error:
        report.add("database", f"cannot be read: {_said(error)}")
    return report


class _Proof:
    """One pass over the archive. Each method is one of the questions."""

    def __init__(
        self,
        connection: Connection,
        report: Report,
        progress: Callable[[str, int], None],
        only: Collection[str] | None,
    ) -> None:
        self._connection = connection
        self._report = report
        self._progress = progress
        self._names = only
        self._only: list[int] | None = None
        self._plains: OrderedDict[int, bytes] = OrderedDict()
        self._plain_bytes = 0
        self._unpacking = Unpacking(connection)
        self._keys: dict[str, list[int]] = {}
        self._gone: tuple[Any, set[int]] = (None, set())

    def run(self) -> None:
        """Ask all of them; what stops one question is a fault and does not stop the next."""
        if self._names is not None:
            with self._reading("sources"):
                known = select(sources.c.key).where(sources.c.id.in_(list(self._names)))
                self._only = list(self._connection.scalars(known))
        questions = [self._bodies, self._captures, self._versions, self._ledger, self._events, self._timestamps]
        if self._names is None:
            questions = [self._database, *questions, self._orphans]
        for ask in questions:
            with self._reading(ask.__name__.strip("_")):
                ask()

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            self._report.add("database", f"{what}: cannot be read to the end: {_said(error)}")
            if self._connection.dialect.name == "postgresql":
                # Nothing more can be asked in a transaction that failed.
                self._connection.rollback()
        except UnicodeError as error:
            # A damaged column that refers to a row, and is no text either: the driver cannot ask for it.
            self._report.add("database", f"{what}: cannot be read to the end: {_short(error)}")

    # 1. the database

    def _database(self) -> None:
        if self._connection.dialect.name == "sqlite":
            for (line,) in self._connection.exec_driver_sql("PRAGMA integrity_check(100)"):
                for one in str(line).splitlines():
                    if one != "ok" and not one.startswith("*** in database"):
                        self._report.add("database", f"SQLite's integrity check: {one}")
        for name in guard.missing(self._connection):
            self._report.add("guard", f"the trigger {name} is not there, or altered: rows could be changed without it")
        for table in metadata.sorted_tables:
            for key in table.foreign_keys:
                self._lost(table, key.parent, key.column)

    def _lost(self, table: Table, column: Any, target: Any) -> None:
        """Rows of ``table`` whose ``column`` names a row that is not there."""
        there = target.table.alias("target")
        at = [*table.primary_key.columns]
        query = select(*(_raw(one) for one in at), _raw(column).label("lost"))
        query = query.outerjoin(there, there.c[target.name] == column)
        for row in self._stream(query.where(column.is_not(None), there.c[target.name].is_(None))):
            where = " ".join(f"{one.name} {value}" for one, value in zip(at, row, strict=False))
            said = f"{table.name} ({where}): {column.name} {row.lost} is not in {target.table.name}"
            self._report.add("reference", said)

    # 2. bodies

    def _bodies(self) -> None:
        base = bodies.alias("base")
        query = select(*_raws(bodies), _raw(base.c.depth).label("base_depth"))
        query = query.outerjoin(base, base.c.key == bodies.c.base)
        # Bodies of neighbouring versions after one another: their dictionaries are then at hand.
        query = query.order_by(bodies.c.source, bodies.c.number, bodies.c.key)
        if self._only is not None:
            query = query.where(bodies.c.key.in_(select(snapshots.c.body).where(snapshots.c.source.in_(self._only))))
        for row in self._counted("raw bytes", query):
            self._report.bodies += 1
            fault = self._body_fault(row)
            if fault is not None:
                self._blame_body(row.key, fault)

    def _body_fault(self, row: Row[Any]) -> str | None:
        linked = (row.base, row.depth) == (None, 0) if row.base is None else row.base_depth == _less(row.depth)
        linked = linked and (row.source is None) == (row.number is None)
        if row.packed == b"":
            linked = linked and (row.base, row.source) == (None, None)
        else:
            try:
                plain = _unpacked(row.packed, self._dictionary(row))
            except _BROKEN as error:
                return f"cannot be unpacked ({_short(error)})"
            if hashlib.sha256(plain).digest() != row.digest:
                return "do not have their SHA-256"
            if len(plain) != row.size:
                return "do not have their size"
            self._remember(row.key, plain)
        if not linked:
            return "name another dictionary than they have"
        return None

    def _blame_body(self, key: int, fault: str) -> None:
        """Name the versions whose bytes these are, or the capture."""
        used = (
            select(sources.c.id, versions.c.number, snapshots.c.number.label("capture"))
            .select_from(snapshots)
            .join(sources, sources.c.key == snapshots.c.source)
            .outerjoin(versions, (versions.c.snapshot == snapshots.c.number))
            .where(snapshots.c.body == key)
            .order_by(snapshots.c.number)
            .limit(5)
        )
        users = self._connection.execute(used).all()
        for user in users:
            at = f"{user.id}@{user.number}" if user.number is not None else f"{user.id}, capture {user.capture}"
            self._report.add("raw bytes", f"{at}: the raw bytes (body {key}) {fault}", user.id, user.number)
        if not users:
            self._report.add("raw bytes", f"body {key}: raw bytes that {fault}")

    def _plain(self, key: int) -> bytes:
        """A body that is a dictionary: remembered, or unpacked through its own dictionaries."""
        way: list[Row[Any]] = []
        at: int | None = key
        while at is not None and at not in self._plains:
            row = self._connection.execute(select(*_raws(bodies)).where(bodies.c.key == at)).first()
            if row is None or not row.packed:
                raise ValueError("the dictionary is missing")
            way.append(row)
            at = row.base
            if len(way) > texts.FULL_EVERY:
                raise ValueError("too many dictionaries in a row")
        for row in reversed(way):
            self._remember(row.key, _unpacked(row.packed, self._dictionary(row)))
        return self._plains[key]

    def _dictionary(self, row: Row[Any]) -> bytes:
        """What a body is packed with: another body, then the text of a version; either may be none."""
        base = self._plain(row.base) if row.base is not None else b""
        return base + (self._unpacking.text(row.source, row.number) if row.source is not None else b"")

    def _remember(self, key: int, plain: bytes) -> None:
        if key not in self._plains:
            self._plains[key] = plain
            self._plain_bytes += len(plain)
        self._plains.move_to_end(key)
        while self._plain_bytes > PLAIN_BYTES and len(self._plains) > 1:
            _, gone = self._plains.popitem(last=False)
            self._plain_bytes -= len(gone)

    # 3. captures

    def _captures(self) -> None:
        query: Select[Any] = select(*_raws(snapshots), *_RECEIVED, _raw(bodies.c.digest).label("body_digest"), _FURTHER)
        query = query.select_from(snapshots).outerjoin(heads, heads.c.key == snapshots.c.head)
        query = query.outerjoin(bodies, bodies.c.key == snapshots.c.body).order_by(snapshots.c.number)
        chains: dict[int, bytes] = {}
        for row in self._counted("captures", self._of_only(query, snapshots.c.source)):
            self._report.captures += 1
            marks = self._pages(row.number, snapshots.c.mark) if row.further else []
            further = b"".join(mark for mark in marks if isinstance(mark, bytes))
            linked = {name: row._mapping[name] for name in _ANSWER}
            linked |= {
                "head": None,
                "headers": _headers(row, row.fetched_at),
                "body": row.body_digest,
                "pages": further,
            }
            mark = mark_of("snapshots", snapshots.c.keys(), row._mapping, **linked)
            if mark != row.mark or (row.further and not self._in_order(row.number, row.further)):
                self._blame_capture(row)
            try:
                chains[row.source] = held(chains.get(row.source), row.number, row.mark)
            except _BROKEN:
                chains[row.source] = b""
        for row in self._stream(self._of_only(select(sources.c.key, sources.c.id, sources.c.held), sources.c.key)):
            if chains.get(row.key) != row.held:
                said = (
                    f"{row.id}: a capture is missing, added or out of order (their marks do not chain to what is held)"
                )
                self._report.add("captures", said, row.id)

    def _blame_capture(self, row: Row[Any]) -> None:
        name = self._connection.scalar(select(sources.c.id).where(sources.c.key == row.source))
        number = self._connection.scalar(select(versions.c.number).where(versions.c.snapshot == row.number).limit(1))
        at = f"{name}@{number}" if number is not None else f"{name}"
        said = f"{at}: how it was received (capture {row.number}) is not as it was written (mark)"
        self._report.add("capture", said, name, number)

    def _in_order(self, first: int, count: int) -> bool:
        """Whether the further pages of a capture stand at 2, 3, …"""
        places = self._connection.scalars(select(_raw(pages.c.place)).where(pages.c.first == first))
        return sorted(places, key=str) == sorted(range(2, count + 2), key=str)

    def _pages(self, first: int, column: Any) -> list[Any]:
        """A column of the further pages of a capture, in their order."""
        query = select(_raw(column)).select_from(pages).join(snapshots, snapshots.c.number == pages.c.snapshot)
        query = query.outerjoin(bodies, bodies.c.key == snapshots.c.body).where(pages.c.first == first)
        return list(self._connection.scalars(query.order_by(pages.c.place)))

    # 4. versions

    def _versions(self) -> None:
        query: Select[Any] = select(
            *_raws(versions),
            *(_raw(headings.c[name]) for name in ("title", "published", "reader")),
            *(_raw(verdicts.c[name]).label(name) for name in _VERDICT),
            *(_raw(snapshots.c[name]).label(f"capture_{name}") for name in ("fetched_at", "source", "mark")),
            _raw(snapshots.c.headers).label("headers"),
            *_RECEIVED,
            _raw(bodies.c.digest).label("body_digest"),
            (func.length(bodies.c.packed) == 0).label("body_gone"),
            *(_raw(sources.c[name]).label(f"head_{name}") for name in ("number", "digest", "chain", "snapshot")),
            *(_raw(sources.c[name]) for name in ("id", "sealed_as")),
            _FURTHER,
        )
        query = query.select_from(versions).outerjoin(sources, sources.c.key == versions.c.source)
        query = query.outerjoin(headings, headings.c.key == versions.c.heading)
        query = query.outerjoin(verdicts, verdicts.c.key == versions.c.verdict)
        query = query.outerjoin(snapshots, snapshots.c.number == versions.c.snapshot)
        query = query.outerjoin(heads, heads.c.key == snapshots.c.head)
        query = query.outerjoin(bodies, bodies.c.key == snapshots.c.body)
        ordered: Select[Any] = query.order_by(versions.c.source, versions.c.number)
        rows = self._counted("versions", self._of_only(ordered, versions.c.source))
        for _, history in groupby(rows, key=attrgetter("source")):
            self._history(history)
        empty = select(sources.c.id, sources.c.number).outerjoin(versions, versions.c.source == sources.c.key)
        empty = empty.where(
            or_(sources.c.number.is_not(None), sources.c.chain.is_not(None)), versions.c.number.is_(None)
        )
        for row in self._stream(self._of_only(empty, sources.c.key)):
            self._report.add("version", f"{row.id}: all its {row.number} versions are missing", row.id)
        self._report.sources = (
            self._connection.scalar(self._of_only(select(func.count()).select_from(sources), sources.c.key)) or 0
        )

    def _history(self, history: Iterator[Row[Any]]) -> None:
        """The versions of one source, in their order, and its head."""
        previous, expected = START, 1
        near: dict[int, bytes] = {}
        row = None
        for row in history:
            self._report.versions += 1
            if row.number != expected:
                self._missing(row, expected)
            plain, said = _text(row, near)
            facts = [("text", said)] if said is not None else []
            if row.packed == b"":
                facts = self._tombstone(row)
            elif row.body_gone:
                facts.append(("raw bytes", "the raw bytes were pruned, the text was not"))
            for what, said in (*facts, *self._facts(row, previous)):
                self._report.add(what, f"{row.id}@{row.number}: {said}", row.id, row.number)
            if isinstance(row.number, int):
                near = {number: text for number, text in near.items() if _may_lean(number, row.number)}
                if plain is not None:
                    near[row.number] = plain
            previous, expected = row.chain, row.number + 1 if isinstance(row.number, int) else expected + 1
        if row is not None:
            self._head(row)

    def _tombstone(self, row: Row[Any]) -> list[tuple[str, str]]:
        """What is wrong with a version without a text: nothing, when an event tells that it was pruned."""
        self._report.pruned += 1
        if self._gone[0] != row.source:
            self._gone = (row.source, self._pruned(row.source))
        return [] if row.number in self._gone[1] else [("text", "the text is gone, and no pruning says so")]

    def _missing(self, row: Row[Any], expected: int) -> None:
        last = row.number - 1 if isinstance(row.number, int) else 0
        which = f"version {expected} is" if last == expected else f"versions {expected} to {last} are"
        said = f"{which} missing" if last >= expected else f"version {row.number} is out of order"
        self._report.add("version", f"{row.id}: {said}", row.id, expected)

    def _facts(self, row: Row[Any], previous: Any) -> Iterator[tuple[str, str]]:
        """Seal, capture and mark of one version: what is wrong with each."""
        if row.capture_source != row.source:
            yield "capture", f"its capture ({row.snapshot}) is missing, or another source's"
        try:
            holds = seal(previous, self._sealed(row)) == row.chain
        except _BROKEN as error:
            yield "seal", f"what was sealed cannot be read ({_short(error)})"
        else:
            if not holds:
                yield "seal", "the seal does not hold: text, raw bytes, times, address, headers or reader were altered"
        linked = {"snapshot": row.capture_mark, "heading": None, "verdict": None}
        linked |= {name: row._mapping[name] for name in ("title", "published", "reader", *_VERDICT)}
        if mark_of("versions", versions.c.keys(), row._mapping, **linked) != row.mark:
            yield "mark", "the row is not as it was written (mark)"

    def _sealed(self, row: Row[Any]) -> Sealed:
        headers = json.loads(_headers(row, row.capture_fetched_at).decode("utf-8", "surrogateescape"))
        further = self._pages(row.snapshot, bodies.c.digest) if row.further else []
        return Sealed(
            source=row.id if row.sealed_as is None else row.sealed_as,
            number=row.number,
            body=b"".join((row.body_digest, *further)),
            text=row.digest,
            captured=row.capture_fetched_at,
            imported=row.imported,
            after=row.after,
            before=row.capture_fetched_at if row.before is None else row.before,
            url=row.url,
            final_url=row.url if row.final_url is None else row.final_url,
            status=row.status,
            headers=tuple((name, value) for name, value in headers),
            reader=row.reader,
            reread=bool(row.reread),
        )

    def _pruned(self, source: int) -> set[int]:
        """The versions of which an event says that they were pruned."""
        kind = (events.c.source == source) & (events.c.kind == EventKind.PRUNED.value)
        found: set[int] = set()
        for detail in self._connection.scalars(select(events.c.detail).where(kind)):
            try:
                found |= pruned_numbers(json.loads(detail))
            except _BROKEN:
                continue
        return found

    def _head(self, last: Row[Any]) -> None:
        """The state of the source must be that of its last version."""
        for name in ("number", "chain", "digest", "snapshot"):
            told, kept = last._mapping[f"head_{name}"], last._mapping[name]
            if told == kept:
                continue
            said = f"{last.id}: its state has another {name} than its last version, {last.number}"
            if name == "number" and isinstance(told, int) and isinstance(kept, int) and told > kept:
                missing = f"version {told} is" if told == kept + 1 else f"versions {kept + 1} to {told} are"
                said = f"{last.id}: {missing} missing"
            self._report.add("head", said, last.id, last.number)

    # 5. what moves, and what others have signed

    def _ledger(self) -> None:
        known = [one.value for one in Outcome]
        wrong = (
            ledger.c.first > ledger.c.last,
            ledger.c["count"] < 1,
            ledger.c.version > func.coalesce(sources.c.number, 0),
        )
        query = select(_raw(ledger.c.number).label("run"), _raw(sources.c.id).label("id"))
        query = query.join(sources, sources.c.key == ledger.c.source)
        query = query.where(or_(*wrong, ledger.c.outcome.not_in(known)))
        for row in self._stream(self._of_only(query, ledger.c.source)):
            said = f"{row.id}: run {row.run} of the ledger contradicts itself (times, count, outcome or version)"
            self._report.add("ledger", said, row.id)

    def _events(self) -> None:
        known = {one.value for one in EventKind}
        query = select(*_raws(events), _raw(sources.c.id).label("id"), _raw(sources.c.number).label("newest"))
        query = query.join(sources, sources.c.key == events.c.source).order_by(events.c.number)
        for row in self._counted("events", self._of_only(query, events.c.source)):
            try:
                good = row.kind in known and isinstance(row.at, int) and (row.version or 0) <= (row.newest or 0)
                good = good and isinstance(json.loads(row.detail) if row.detail is not None else {}, dict)
            except _BROKEN:
                good = False
            if not good:
                self._report.add("event", f"{row.id}: event {row.number} cannot be right", row.id, None)

    def _timestamps(self) -> None:
        for row in self._stream(select(sources.c.key, _raw(sources.c.id).label("id"), _raw(sources.c.sealed_as))):
            if self._only is None or row.key in self._only:
                self._keys.setdefault(row.id if row.sealed_as is None else row.sealed_as, []).append(row.key)
        good: dict[str, bytes] = {}
        before: Any = b""
        for row in self._counted("time-stamps", select(*_raws(timestamps)).order_by(timestamps.c.number)):
            self._report.timestamps += 1
            at = f"time-stamp {row.number}"
            if mark_of("timestamps", timestamps.c.keys(), row._mapping, before=before) != row.mark:
                self._report.add(
                    "time-stamp", f"{at}: is not as it was written, or the one before it is missing (mark)"
                )
            before = row.mark
            try:
                heads = [line.split(b"\t") for line in _unpacked(row.heads).splitlines()]
                told = [(name.decode(), int(number), bytes.fromhex(seal.decode())) for name, number, seal in heads]
            except _BROKEN as error:
                self._report.add("time-stamp", f"{at}: the heads it covers cannot be read ({_short(error)})")
                continue
            # Most heads are those of the stamp before: one that held needs no second look.
            fresh = [
                head for head in told if good.get(head[0]) != head[2] and (self._only is None or head[0] in self._keys)
            ]
            for start in range(0, len(fresh), _MANY):
                self._stamped(at, fresh[start : start + _MANY], good)

    def _stamped(self, at: str, heads: list[tuple[str, int, bytes]], good: dict[str, bytes]) -> None:
        """Whether these stamped heads are in the archive, with the seals that were stamped."""
        wanted = [(key, number) for name, number, _ in heads for key in self._keys.get(name, ())]
        query = select(versions.c.source, versions.c.number, _raw(versions.c.chain).label("chain"))
        query = query.where(tuple_(versions.c.source, versions.c.number).in_(wanted))
        kept = {(row.source, row.number): row.chain for row in self._connection.execute(query)} if wanted else {}
        for name, number, stamped in heads:
            seals = [kept[key, number] for key in self._keys.get(name, ()) if (key, number) in kept]
            if stamped in seals:
                good[name] = stamped
            elif seals:
                self._report.add("time-stamp", f"{name}@{number}: has another seal than {at} says", name, number)
            else:
                self._report.add("time-stamp", f"{name}@{number}: is missing, and {at} says it stood", name, number)

    def _orphans(self) -> None:
        """Rows that nothing refers to: they were put in, or what referred to them was taken out."""
        for what, key, used in (
            ("body", bodies.c.key, snapshots.c.body),
            ("heading", headings.c.key, versions.c.heading),
            ("head", heads.c.key, snapshots.c.head),
            ("verdict", verdicts.c.key, versions.c.verdict),
        ):
            for (found,) in self._connection.execute(except_(select(key), select(used))):
                self._report.add(what, f"{what} {found}: nothing refers to it")

    # how rows are asked for

    def _of_only(self, query: Select[Any], column: Any) -> Select[Any]:
        return query if self._only is None else query.where(column.in_(self._only))

    def _stream(self, query: Select[Any]) -> Iterator[Row[Any]]:
        yield from self._connection.execute(query.execution_options(stream_results=True, yield_per=500))

    def _counted(self, what: str, query: Select[Any]) -> Iterator[Row[Any]]:
        done = 0
        for row in self._stream(query):
            yield row
            done += 1
            if done % STEP == 0:
                self._progress(what, done)
        self._progress(what, done)


_FURTHER: Final = (
    select(func.count())
    .select_from(pages)
    .where(pages.c.first == snapshots.c.number)
    .scalar_subquery()
    .label("further")
)
_MANY: Final = 300


def _raw(column: Any) -> Any:
    """A column as it lies in the database."""
    return type_coerce(column, NullType())


def _raws(table: Table) -> list[Any]:
    return [_raw(column).label(column.name) for column in table.c]


_ANSWER: Final = ("url", "final_url", "status", "redirects")
_VERDICT: Final = tuple(column.name for column in verdicts.c if column.name != "key")
_RECEIVED: Final = (*(_raw(heads.c[name]).label(name) for name in _ANSWER), _raw(heads.c.packed).label("head_packed"))


def _headers(row: Row[Any], fetched_at: Any) -> bytes:
    """The headers of a capture as they were packed; what cannot be unpacked is other headers than were written."""
    try:
        return headers_plain(row.head_packed, row.headers, EPOCH + fetched_at * MICROSECOND)
    except _BROKEN:
        return b"broken"


def _may_lean(number: int, newest: int) -> bool:
    """Whether a version after ``newest`` may have the text of version ``number`` as its dictionary."""
    return number == newest or ((number - 1) % texts.STRIDE == 0 and newest - number < texts.FULL_EVERY)


def _text(row: Row[Any], near: dict[int, bytes]) -> tuple[bytes | None, str | None]:
    """The text of a version, and what is wrong with it; ``near`` are the texts that may be its dictionary."""
    if row.packed == b"":
        return None, None
    base = None
    if row.back != 0:
        try:
            base = near[row.number - row.back] if row.back in (1, texts.back_of(row.number)) else None
        except _BROKEN:
            base = None
        if base is None:
            return None, "the text does not follow the one that is its dictionary"
    try:
        plain = _unpacked(row.packed, base)
    except _BROKEN as error:
        return None, f"the text cannot be unpacked ({_short(error)})"
    return plain, None if hashlib.sha256(plain).digest() == row.digest else "the text does not have its SHA-256"


def _unpacked(packed: bytes, base: bytes | None = None) -> bytes:
    """As ``texts.unpack``; a damaged head that promises gigabytes is not believed."""
    promised = zstandard.get_frame_parameters(
        packed if packed.startswith(texts.MAGIC) else texts.MAGIC + packed
    ).content_size
    if promised > MOST_BYTES:
        raise ValueError(f"it promises {promised:,} bytes")
    return texts.unpack(packed, base)


def _less(depth: object) -> int | None:
    return depth - 1 if isinstance(depth, int) else None


def _short(error: BaseException) -> str:
    return str(error).splitlines()[0][:80] if str(error) else type(error).__name__


def _said(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error).__name__
