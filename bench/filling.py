"""Versions kept through the steps of a check, many in one transaction: so that filling takes less than measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import happening, keep, rows, runs
from storage.records import Outcome, Validators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from storage.records import Change, Event, Snapshot, Text


def keep_version(
    connection: Connection,
    source: str,
    taken: Snapshot,
    text: Text,
    reader: str,
    *,
    change: Change | None = None,
    events: Sequence[Event] = (),
    validators: Validators = Validators(),
) -> None:
    """What ``Archive.record`` does inside its transaction."""
    row = keep.locked(connection, source)
    at, number = taken.fetched_at, (row.number or 0) + 1
    wording = keep.Wording(row.key, number, rows.encoded(text))
    body = keep.body(connection, taken, row.snapshot, wording)
    kept = keep.snapshot(connection, row.key, taken, body, row.snapshot, wording=wording)
    outcome = Outcome.NEW if row.number is None else Outcome.CHANGED
    chain = keep.version(connection, row, taken, keep.Made(text, reader, kept, row.last_good, at, outcome, change))
    state = {
        **keep.good(at, outcome, validators, None),
        **runs.begun(outcome, at),
        **keep.base(number, text, reader, kept, chain),
        "final_url": taken.final_url,
        "first_seen": row.first_seen or at,
        "last_change": at,
    }
    keep.stand(connection, row.key, state)
    happening.keep(connection, {source: row.key}, events)
