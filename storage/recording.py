"""After a check: what it saw, in one transaction. The steps of it are in ``storage.keep``."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from storage import discovered, happening, keep, rows, runs
from storage.engine import writing
from storage.queries import chunks, one_version
from storage.records import Outcome, Validators
from storage.schema import snapshots, sources
from storage.unpacking import Unpacking

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from storage.keep import Unchanged
    from storage.records import Alert, Change, Event, Found, Snapshot, Source, Suspicion, Text, Version


class Recording:
    """The part of the archive that keeps what checks saw."""

    _engine: Engine

    def note_unchanged(self, notes: Sequence[Unchanged]) -> None:
        """Note checks that saw the latest text again, all in one transaction."""
        for part in chunks(notes):
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
            happening.keep(connection, {source: row.key}, events, alerts, keep.says(number, made))
            return rows.version(connection.execute(one_version(), {"of": row.key, "at": number}).one())

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
            happening.keep(connection, {source: row.key}, events, alerts)
            return rows.version(connection.execute(one_version(), {"of": row.key, "at": number}).one())
