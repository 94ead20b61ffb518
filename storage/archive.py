"""The repository: put a check, get versions. The only door to the tables.

Synchronous, safe to call from any thread. Every public method that writes is one transaction.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import ColumnElement, Engine, Select, and_, case, func, insert, select, update

from storage import browse, discovered, due, keep, memories, rows, runs, search, stamps
from storage.engine import engine_for, reading, sqlite_file, writing
from storage.errors import Pruned, StorageError
from storage.keep import ClaimLost, Unchanged
from storage.migrate import create as create_tables
from storage.migrate import require_current, revision_of
from storage.records import (
    Alert,
    Change,
    Event,
    Found,
    Latest,
    LedgerRun,
    Outcome,
    Snapshot,
    Source,
    SourceState,
    Suspicion,
    Tally,
    Text,
    Validators,
    Version,
)
from storage.schema import bodies, events, headings, snapshots, sources, verdicts, versions
from storage.unpacking import Unpacking, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from storage.chain import Sealed
    from storage.stamps import Head, Timestamp

__all__ = ["Archive", "ClaimLost", "Unchanged"]

CHUNK: Final = 500

T = TypeVar("T")


class Archive:
    """The archive of one database. Open with :meth:`open`; close it, or use it in a ``with``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = True, readonly: bool = False) -> Archive:
        """Open the database at ``url``, and make its tables when it is empty and ``create`` says so.

        Raises ``StorageError``: it cannot be opened, is not an archive, is empty (without ``create``), or has another schema.
        """
        file = sqlite_file(url)
        if file is not None and not create and not file.exists():
            raise StorageError(f"{file}: no database yet", hint="`variorum check` makes it with the first look.")
        engine = engine_for(url, readonly=readonly)
        try:
            revision = revision_of(engine)
            if revision is None and create:
                create_tables(engine)
            elif revision is None:
                raise StorageError(f"{file or url}: an empty database", hint="`variorum check` fills it.")
            else:
                require_current(engine, revision)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @property
    def engine(self) -> Engine:
        """For the rooms of ``storage`` that have transactions of their own."""
        return self._engine

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # what is watched

    def declare(self, declared: Sequence[Source], now: datetime, *, idle: Container[str] = frozenset()) -> None:
        """Make the sources what the configuration says: new ones are due at once, missing ones are retired.

        A retired source keeps its history and comes back with it when it is declared again; one of ``idle`` is declared,
        but never due. Nothing is written when nothing differs.
        """
        with reading(self._engine) as connection:
            known = {row.id: row for row in connection.execute(_declared())}
        fresh, moved = [], []
        for source in declared:
            wanted = rows.declaration(source)
            row = known.pop(source.id, None)
            if row is None:
                due_at = None if source.id in idle else now
                fresh.append({"id": source.id, **wanted, "declared_at": now, "next_check": due_at})
            else:
                due_at = None if source.id in idle else now if row.retired_at is not None else row.next_check or now
                wanted |= {"retired_at": None, "next_check": due_at}
                if {key: getattr(row, key) for key in wanted} != wanted:
                    moved.append((row.key, wanted))
        left = [row.key for row in known.values() if row.retired_at is None]
        if not (fresh or moved or left):
            return
        with writing(self._engine) as connection:
            if fresh:
                connection.execute(insert(sources), fresh)
            for key, values in moved:
                connection.execute(update(sources).where(sources.c.key == key).values(**values))
            for part in _chunks(left):
                connection.execute(update(sources).where(sources.c.key.in_(part)).values(retired_at=now))

    def adopt(self, source: Source, now: datetime) -> None:
        """Make a source known that no configuration declares: brought in from elsewhere, never checked by itself."""
        with writing(self._engine) as connection:
            known = connection.scalar(select(sources.c.key).where(sources.c.id == source.id))
            if known is None:
                connection.execute(
                    insert(sources).values(id=source.id, **rows.declaration(source), declared_at=now, retired_at=now)
                )

    def sources(self, *, retired: bool = False) -> list[Source]:
        """The sources that are watched, by id; with the retired ones when asked."""
        with reading(self._engine) as connection:
            found = connection.execute(_declared().order_by(sources.c.id))
            return [rows.source(row) for row in found if retired or row.retired_at is None]

    def named(self, name: str) -> tuple[Source | None, list[str]]:
        """The source of that id, else the ids of the sources in the series of that name; the retired ones as well."""
        with reading(self._engine) as connection:
            row = connection.execute(_declared().where(sources.c.id == name)).one_or_none()
            if row is not None:
                return rows.source(row), []
            members = select(sources.c.id).where(sources.c.series == name).order_by(sources.c.id)
            return None, list(connection.scalars(members))

    def states(
        self,
        *,
        ids: Sequence[str] | None = None,
        series: str | None = None,
        troubled: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[SourceState]:
        """Every source as ``status`` shows it, by id; or some: of these ids, of a series, failing, a page of them all."""
        with reading(self._engine) as connection:
            return browse.states(connection, _versions(), ids, series, limit, offset, troubled=troubled)

    def tally(self) -> Tally:
        """How many sources and versions there are, and how many sources are in trouble."""
        with reading(self._engine) as connection:
            return browse.tally(connection)

    # before a check

    def latest(self, source_ids: Sequence[str]) -> dict[str, Latest]:
        """What is known of each of these sources; ids that were never declared are left out."""
        found: dict[str, Latest] = {}
        with reading(self._engine) as connection:
            for part in _chunks(source_ids):
                for row in connection.execute(_latest().where(sources.c.id.in_(part))):
                    found[row.id] = rows.latest(row)
        return found

    def claim(self, now: datetime, *, limit: int, lease_s: float, owner: str) -> list[str]:
        """Take at most ``limit`` due sources, oldest first, for ``lease_s`` seconds. Returns their ids."""
        with writing(self._engine) as connection:
            return [one.source for one in due.claim(connection, now, limit=limit, lease_s=lease_s, owner=owner)]

    def hand_out(
        self,
        now: datetime,
        *,
        limit: int,
        lease_s: float,
        owner: str,
        to: Callable[[Any, Sequence[due.Claimed]], Mapping[str, datetime]],
    ) -> tuple[int, int]:
        """Claim as :meth:`claim` does, and have errands written for what was claimed in the same transaction.

        ``to`` gets the driver's own connection and what was claimed, oldest first; it returns what is to be given back,
        due at other moments. Returns how many were claimed, and how many of them were given back.
        """
        with writing(self._engine) as connection:
            taken = due.claim(connection, now, limit=limit, lease_s=lease_s, owner=owner)
            later = to(connection.connection.driver_connection, taken) if taken else {}
            due.postpone(connection, later, owner)
            return len(taken), len(later)

    def take_over(self, wanted: Sequence[due.HandedOver], now: datetime) -> dict[str, Latest]:
        """Take leases over, and learn what is known of their sources: by the new owner, without those that were lost."""
        with writing(self._engine) as connection:
            taken = due.pass_on(connection, _latest(), wanted, now)
            return {owner: rows.latest(row) for owner, row in taken.items()}

    def release(self, source_ids: Sequence[str], owner: str, *, patience_ms: int | None = None) -> None:
        """Give back sources that were claimed and not checked; ``patience_ms`` is how long another writer is waited for."""
        with writing(self._engine, patience_ms=patience_ms) as connection:
            due.release(connection, source_ids, owner)

    def postpone(self, moments: Mapping[str, datetime], owner: str) -> None:
        """Give back sources that were claimed and not checked, due at these moments instead."""
        with writing(self._engine) as connection:
            due.postpone(connection, moments, owner)

    def replan(self, now: datetime, better: Callable[[due.Pace], datetime | None]) -> int:
        """Move every due time for which ``better`` has another. Returns how many were moved."""
        with writing(self._engine) as connection:
            return due.replan(connection, now, better)

    def rename(self, was: Mapping[str, str]) -> list[str]:
        """Continue histories under new ids (new id → old id). Returns the new ids that took one over.

        An old id that is not known, or a new one that has a history of its own, is left as it is.
        """
        taken = []
        with writing(self._engine) as connection:
            for new, old in was.items():
                key = connection.scalar(select(sources.c.key).where(sources.c.id == old))
                other = connection.scalar(select(sources.c.key).where(sources.c.id == new))
                if key is None or other is not None:
                    continue
                connection.execute(
                    update(sources)
                    .where(sources.c.key == key)
                    .values(id=new, sealed_as=func.coalesce(sources.c.sealed_as, sources.c.id))
                )
                taken.append(new)
        return taken

    def next_due_at(self) -> datetime | None:
        """When the next source is due; None when none is."""
        with reading(self._engine) as connection:
            return due.next_due_at(connection)

    # after a check

    def note_unchanged(self, notes: Sequence[Unchanged]) -> None:
        """Note checks that saw the latest text again, all in one transaction."""
        for part in _chunks(notes):
            with writing(self._engine) as connection:
                keep.unchanged(connection, part)

    def note_failed(
        self,
        source: str,
        at: datetime,
        outcome: Outcome,
        error: str,
        *,
        events: Sequence[Event] = (),
        suspicion: Suspicion | None = None,
        next_due: datetime | None = None,
        gone: bool = False,
        failing: bool = False,
        alerts: Sequence[Alert] = (),
        owner: str | None = None,
    ) -> None:
        """Note a check that saw nothing fit: the reason, what is believed after it, and who is told of it.

        Raises ``ClaimLost`` when the lease of ``owner`` is another's by now.
        """
        with writing(self._engine) as connection:
            row = keep.locked(connection, source)
            keep.require_lease(row, owner)
            keep.doubt(connection, row, at, outcome, error, events, suspicion, next_due, gone, failing, alerts)

    def note_suspect(
        self,
        source: str,
        snapshot: Snapshot,
        error: str,
        suspicion: Suspicion,
        *,
        outcome: Outcome = Outcome.SUSPECT,
        events: Sequence[Event] = (),
        next_due: datetime | None = None,
        gone: bool = False,
        failing: bool = False,
        alerts: Sequence[Alert] = (),
        owner: str | None = None,
    ) -> None:
        """Note a capture that the quality gate held back, and keep its snapshot as evidence (once per body).

        Raises ``ClaimLost`` when the lease of ``owner`` is another's by now.
        """
        with writing(self._engine) as connection:
            row = keep.locked(connection, source)
            keep.require_lease(row, owner)
            body = keep.body(connection, snapshot, row.snapshot)
            kept = select(snapshots.c.number).where(snapshots.c.source == row.key, snapshots.c.body == body)
            if connection.scalar(kept.limit(1)) is None:
                keep.snapshot(connection, row.key, snapshot, body, row.snapshot, doubt=error)
            at = snapshot.fetched_at
            keep.doubt(connection, row, at, outcome, error, events, suspicion, next_due, gone, failing, alerts)

    def record(
        self,
        source: str,
        snapshot: Snapshot,
        text: Text,
        *,
        reader: str,
        outcome: Outcome,
        expected: int | None,
        change: Change | None = None,
        events: Sequence[Event] = (),
        validators: Validators = Validators(),
        next_due: datetime | None = None,
        owner: str | None = None,
        imported: datetime | None = None,
        alerts: Sequence[Alert] = (),
    ) -> Version:
        """Keep a new wording: snapshot, version, change, ledger, events and alerts in one transaction.

        ``expected`` is the number of the version it was compared with (None: none), ``owner`` the holder of the lease.
        Raises ``ClaimLost`` when either is no longer so.
        """
        at = snapshot.fetched_at
        with writing(self._engine) as connection:
            row = keep.locked(connection, source)
            keep.require_held(row, expected, owner)
            number = (row.number or 0) + 1
            wording = keep.Wording(row.key, number, rows.encoded(text))
            body = keep.body(connection, snapshot, row.snapshot, wording)
            kept = keep.snapshot(connection, row.key, snapshot, body, row.snapshot, wording=wording)
            # A clock that was set back must not turn the window round.
            after = min(row.last_good, at) if row.last_good is not None else None
            made = keep.Made(text, reader, kept, after, at, outcome, change, imported)
            chain = keep.version(connection, row, snapshot, made)
            keep.stand(
                connection,
                row.key,
                {
                    **keep.good(at, outcome, validators, next_due),
                    **runs.begun(outcome, at),
                    **keep.base(number, text, reader, kept, chain),
                    "final_url": snapshot.final_url,
                    "first_seen": row.first_seen or at,
                    "last_change": at,
                },
            )
            discovered.version_kept(connection, row.key)
            keep.happened(connection, {source: row.key}, events, alerts)
            return rows.version(connection.execute(_versions().where(_is(row.key, number))).one())

    # what listings found

    def found(self, listing: str | None = None, *, ids: Sequence[str] | None = None) -> list[Found]:
        """What listings found: by one of them, or the sources of these ids, or everything; oldest finds first."""
        with reading(self._engine) as connection:
            return discovered.all_of(connection, listing, ids)

    def first_look(self, listing: str) -> datetime | None:
        """When a listing first named sources; None when it never did."""
        with reading(self._engine) as connection:
            return discovered.first_look(connection, listing)

    def note_listed(
        self,
        listing: Source,
        note: Unchanged,
        *,
        reader: str,
        fresh: Sequence[Found] = (),
        stamps: Mapping[str, str | None] = MappingProxyType({}),
        missing: Sequence[str] = (),
        back: Sequence[str] = (),
        taken: Container[str] = frozenset(),
        owner: str | None = None,
    ) -> list[Found]:
        """Keep what a look at a listing showed, in one transaction; returns what was newly found, with its ids.

        ``fresh`` become sources that are due at once; ``stamps`` are changed ones by source; ``missing`` and ``back`` are
        named no more and again; ``taken`` are ids that the configuration uses. Raises ``ClaimLost`` when the lease of
        ``owner`` ran out.
        """
        with writing(self._engine) as connection:
            row = keep.locked(connection, listing.id)
            keep.require_held(row, row.number, owner)
            kept = discovered.keep(connection, row.key, listing, fresh, note.at, taken)
            discovered.move(connection, dict(stamps), note.at)
            discovered.mark(connection, missing, note.at)
            discovered.mark(connection, back, None)
            keep.unchanged(connection, [note])
            connection.execute(update(sources).where(sources.c.key == row.key).values(reader=reader))
            return kept

    def record_reread(
        self,
        source: str,
        at: datetime,
        text: Text | None,
        reader: str,
        *,
        events: Sequence[Event] = (),
        alerts: Sequence[Alert] = (),
        owner: str | None = None,
    ) -> Version | None:
        """Keep what a changed reader makes of the latest snapshot: the new base to compare with.

        ``text`` None: the same text came out; only the fingerprint of the base moves, and None is returned. Raises
        ``ClaimLost`` when the lease of ``owner`` is another's by now.
        """
        with writing(self._engine) as connection:
            row = keep.locked(connection, source)
            keep.require_lease(row, owner)
            if text is None or row.snapshot is None:
                connection.execute(update(sources).where(sources.c.key == row.key).values(reader=reader))
                return None
            snapshot = Unpacking(connection).snapshot(row.snapshot)
            after = min(row.last_good, at) if row.last_good is not None else None
            made = keep.Made(text, reader, row.snapshot, after, at, Outcome.REREAD, reread=True)
            chain = keep.version(connection, row, snapshot, made)
            number = row.number + 1
            keep.stand(
                connection,
                row.key,
                {
                    **keep.base(number, text, reader, row.snapshot, chain),
                    **runs.begun(Outcome.REREAD, at),
                    "last_outcome": Outcome.REREAD.value,
                },
            )
            keep.happened(connection, {source: row.key}, events, alerts)
            return rows.version(connection.execute(_versions().where(_is(row.key, number))).one())

    # the history

    def candidates(self, wanted: Iterable[str]) -> set[str] | None:
        """The ids of the sources whose texts may hold every one of these strings; None when that is any of them."""
        with reading(self._engine) as connection:
            return search.candidates(connection, wanted)

    def index(self, *, anew: bool = False) -> int:
        """Make the search signatures of sources that have none, or all of them anew; returns of how many."""
        with writing(self._engine) as connection:
            return search.rebuild(connection, every=anew)

    def versions(self, source: str, *, limit: int | None = None) -> list[Version]:
        """The versions of a source, newest first."""
        query = _versions().where(sources.c.id == source).order_by(versions.c.number.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [rows.version(row) for row in connection.execute(query)]

    def version(self, source: str, number: int) -> Version:
        """One version. Raises ``StorageError`` when there is none of that number."""
        query = _versions().where(sources.c.id == source, versions.c.number == number)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise StorageError(f"{source}: no version {number}", hint=f"`variorum log {source}` lists what there is.")
        return rows.version(row)

    def text(self, source: str, number: int) -> Text:
        """The canonical text of a version. Raises ``StorageError`` when there is none of that number."""
        with reading(self._engine) as connection:
            found = text_of(connection, source, number)
        if found is None:
            raise StorageError(f"{source}: no version {number}", hint=f"`variorum log {source}` lists what there is.")
        return found

    def texts(self, source: str, *, after: int = 0, upto: int | None = None) -> Iterator[tuple[Version, Text]]:
        """Versions with their texts, oldest first, but for pruned ones: those after number ``after``, as far as ``upto``.

        Each text is unpacked once, from the one before it; at most eighteen before ``after`` are, too.
        """
        query = _versions().add_columns(versions.c.back, versions.c.packed)
        query = query.where(sources.c.id == source, versions.c.number > after).order_by(versions.c.number)
        if upto is not None:
            query = query.where(versions.c.number <= upto)
        with reading(self._engine) as connection:
            unpacking = Unpacking(connection)
            for row in connection.execute(query).all():
                if not row.pruned:
                    plain = unpacking.next_text(row.source, row.number, row.back, row.packed)
                    yield rows.version(row), rows.text(plain, row.title, row.published)

    def earlier(self, source: str, digest: str) -> int | None:
        """The newest version of the source with that text digest; None when it never had that wording."""
        query = (
            select(func.max(versions.c.number))
            .join(sources, sources.c.key == versions.c.source)
            .where(sources.c.id == source, versions.c.digest == bytes.fromhex(digest))
        )
        with reading(self._engine) as connection:
            found: int | None = connection.scalar(query)
            return found

    def snapshot(self, number: int, *, bodiless: bool = False) -> Snapshot:
        """A snapshot with its body (or without), by the number that versions carry. ``Pruned``: the body is no more."""
        with reading(self._engine) as connection:
            return Unpacking(connection).snapshot(number, bodiless=bodiless)

    def events(self, source: str | None = None, *, limit: int | None = None, silent: bool = False) -> list[Event]:
        """What happened, newest first: to one source, or to all; with ``silent`` the silent edits only."""
        query = select(events, sources.c.id.label("source_id")).join(sources, sources.c.key == events.c.source)
        if source is not None:
            query = query.where(sources.c.id == source)
        if silent:
            query = query.where(events.c.silent)
        with reading(self._engine) as connection:
            return [rows.event(row) for row in connection.execute(query.order_by(events.c.number.desc()).limit(limit))]

    def ledger(self, source: str) -> list[LedgerRun]:
        """The runs of checks of a source, oldest first."""
        with reading(self._engine) as connection:
            return runs.told(connection, source)

    def seals(self, source: str) -> Iterator[tuple[Sealed, bytes]]:
        """What each seal of a source's chain covers, with the stored seal, oldest first: for ``chain.first_fault``.

        The digest of the raw bytes is taken of them; where they were pruned, it is the one that was kept.
        """
        with reading(self._engine) as connection:
            query = _versions().where(sources.c.id == source).order_by(versions.c.number)
            unpacking = Unpacking(connection)
            for row in connection.execute(query).all():
                try:
                    snapshot, digests = unpacking.snapshot(row.snapshot), None
                except Pruned:
                    snapshot = unpacking.snapshot(row.snapshot, bodiless=True)
                    digests = unpacking.digests(row.snapshot)
                yield rows.sealed(row.sealed_as or row.source_id, row, snapshot, digests), row.chain

    # what was worked out from it

    def memory(self, subject: str) -> memories.Kept | None:
        """The memory kept of that history; None where there is none, or a damaged one."""
        return memories.kept(self._engine, subject)

    def keep_memory(self, memory: memories.Kept) -> bool:
        """Keep a memory in place of the one there was; False where the database may not be written, or is busy."""
        return memories.keep(self._engine, memory)

    # time-stamps

    def heads(self, only: Collection[str] | None = None) -> tuple[Head, ...]:
        """The chain heads as they are now, by source id: what a time-stamp is taken of."""
        return stamps.heads(self._engine, only)

    def keep_timestamp(self, at: datetime, authority: str, heads: Sequence[Head], token: bytes) -> int:
        """Keep an authority's proof that these heads were at ``at``; returns its number."""
        return stamps.keep(self._engine, at, authority, heads, token)

    def timestamps(self, *, last: int | None = None) -> list[Timestamp]:
        """The time-stamps, oldest first: all, or the ``last`` so many."""
        return stamps.kept(self._engine, last=last)

    def timestamp_faults(self) -> list[str]:
        """One line for each stamped head that the archive contradicts; the tokens are not looked into."""
        return stamps.faults(self._engine, self.timestamps())


def _is(source_key: int, number: int) -> ColumnElement[bool]:
    return (versions.c.source == source_key) & (versions.c.number == number)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def _latest() -> Select[Any]:
    query = select(sources, bodies.c.digest.label("body"), bodies.c.size.label("body_bytes"))
    query = query.outerjoin(snapshots, snapshots.c.number == sources.c.snapshot)
    return query.outerjoin(bodies, bodies.c.key == snapshots.c.body)


def _declared() -> Select[Any]:
    columns = ("key", "id", "url", "series", "tags", "baseline", "retired_at", "next_check")
    return select(*(sources.c[name] for name in columns))


@cache
def _versions() -> Select[Any]:
    """Versions as they are, not as they are kept: with the names, times and headings that their rows refer to.

    ``last_seen`` is where the window of the next version begins; for the newest, the last good check.
    """
    following = versions.alias("following")
    seen = case((sources.c.number == versions.c.number, sources.c.last_good), else_=following.c.after)
    plain = ("source", "number", "digest", "snapshot", "imported", "after", "chain")
    pruned = (func.length(versions.c.packed) == 0).label("pruned")
    return (
        select(
            *(versions.c[name] for name in plain),
            *(verdicts.c[name] for name in ("severity", "silent", "reread")),
            snapshots.c.fetched_at.label("captured"),
            func.coalesce(versions.c.before, snapshots.c.fetched_at).label("before"),
            seen.label("last_seen"),
            pruned,
            headings.c.title,
            headings.c.published,
            headings.c.reader,
            sources.c.id.label("source_id"),
            sources.c.sealed_as,
        )
        .join(sources, sources.c.key == versions.c.source)
        .join(snapshots, snapshots.c.number == versions.c.snapshot)
        .join(headings, headings.c.key == versions.c.heading)
        .join(verdicts, verdicts.c.key == versions.c.verdict)
        .outerjoin(
            following, and_(following.c.source == versions.c.source, following.c.number == versions.c.number + 1)
        )
    )
