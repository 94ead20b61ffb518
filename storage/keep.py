"""How one check is written: the steps inside the archive's transactions. Each takes an open connection."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from storage import outbox, rows, texts
from storage.chain import START, seal
from storage.errors import StorageError
from storage.records import Alert, Change, Event, Outcome, Snapshot, Suspicion, Text, Validators
from storage.schema import bodies, events, headings, ledger, pages, snapshots, sources, versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

WORTH: Final = 0.9
"""A body is kept as a difference when that is smaller than this share of the body packed alone."""


class ClaimLost(StorageError):
    """Somebody else recorded this source meanwhile, or took it when our lease ran out; nothing was written."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A check that saw the latest text again: ``outcome`` is UNCHANGED or NOT_MODIFIED."""

    source: str
    at: datetime
    outcome: Outcome
    validators: Validators = Validators()
    next_due: datetime | None = None
    events: tuple[Event, ...] = ()
    final_url: str | None = None
    alerts: tuple[Alert, ...] = ()
    owner: str | None = None
    """Who looked under a lease: the note is left out when that is another's by now, who notes what they see."""


@dataclass(frozen=True, slots=True)
class Made:
    """A version about to be kept."""

    text: Text
    reader: str
    snapshot: int
    captured: datetime
    imported: datetime | None
    after: datetime | None
    before: datetime
    change: Change | None
    reread: bool


def locked(connection: Connection, source: str) -> Row[Any]:
    """The source's row, held until the transaction ends (SQLite holds the whole database anyway)."""
    row = connection.execute(select(sources).where(sources.c.id == source).with_for_update()).one_or_none()
    if row is None:
        raise StorageError(f"{source}: not a declared source", hint="Declare it in config.yaml.")
    return row


def require_held(row: Row[Any], expected: int | None, owner: str | None) -> None:
    """Raise ``ClaimLost`` unless the latest version is the expected one, and the lease (where there is one) is ours."""
    if row.number != expected:
        raise ClaimLost(f"{row.id}: another process recorded version {row.number} meanwhile; nothing was written")
    require_lease(row, owner)


def require_lease(row: Row[Any], owner: str | None) -> None:
    """Raise ``ClaimLost`` unless the lease on the source is that owner's, where there is one."""
    if owner is not None and row.lease_owner != owner:
        raise ClaimLost(f"{row.id}: the claim ran out before the check ended; nothing was written")


def body(connection: Connection, snapshot: Snapshot, before: int | None) -> int:
    """Keep a body once per digest, as a difference from the body of snapshot ``before`` when that is smaller."""
    digest = bytes.fromhex(snapshot.body_digest)
    known: int | None = connection.scalar(select(bodies.c.key).where(bodies.c.digest == digest))
    if known is not None:
        return known
    packed, base, depth = texts.pack(snapshot.body), None, 0
    if before is not None:
        near = connection.execute(
            select(bodies.c.key, bodies.c.depth)
            .join(snapshots, snapshots.c.body == bodies.c.key)
            .where(snapshots.c.number == before)
        ).one()
        if near.depth + 1 < texts.FULL_EVERY:
            small = texts.pack(snapshot.body, body_of(connection, near.key))
            if len(small) < WORTH * len(packed):
                packed, base, depth = small, near.key, near.depth + 1
    values = {"digest": digest, "size": len(snapshot.body), "base": base, "depth": depth, "packed": packed}
    return _key(connection, insert(bodies).values(values))


def body_of(connection: Connection, key: int | None) -> bytes:
    """A body, through the bodies it is a difference from."""
    run: list[bytes] = []
    while key is not None:
        row = connection.execute(select(bodies.c.base, bodies.c.packed).where(bodies.c.key == key)).one()
        run.append(row.packed)
        key = row.base
    return texts.unpack_run(reversed(run))


def snapshot(connection: Connection, source: int, taken: Snapshot, body_key: int, *, doubt: str | None = None) -> int:
    """Keep how bytes were received; returns the number of the snapshot."""
    values = {
        "source": source,
        "url": taken.url,
        "final_url": taken.final_url if taken.final_url != taken.url else None,
        "status": taken.status,
        "fetched_at": taken.fetched_at,
        "redirects": "\n".join(taken.redirects) or None,
        "headers": texts.pack(json.dumps(taken.headers, ensure_ascii=False).encode("utf-8", "surrogateescape")),
        "body": body_key,
        "doubt": doubt,
    }
    number = _key(connection, insert(snapshots).values(values))
    for place, page in enumerate(taken.pages, 2):
        further = snapshot(connection, source, page, body(connection, page, None))
        connection.execute(insert(pages).values(first=number, place=place, snapshot=further))
    return number


def snapshot_of(connection: Connection, number: int) -> Snapshot:
    """A snapshot with its body. Raises ``StorageError`` when there is none of that number."""
    row = connection.execute(select(snapshots).where(snapshots.c.number == number)).one_or_none()
    if row is None:
        raise StorageError(f"snapshot {number}: there is none")
    further = connection.scalars(select(pages.c.snapshot).where(pages.c.first == number).order_by(pages.c.place)).all()
    taken = rows.snapshot(row, body_of(connection, row.body))
    return replace(taken, pages=tuple(snapshot_of(connection, one) for one in further)) if further else taken


def version(connection: Connection, row: Row[Any], taken: Snapshot, made: Made) -> bytes:
    """Keep a version and seal it onto the chain of its source; returns the seal."""
    number = (row.number or 0) + 1
    plain = rows.encoded(made.text)
    packed, depth = texts.pack(plain), 0
    if row.number is not None:
        before, near = _packed_run(connection, row.key, row.number)
        if near.depth + 1 < texts.FULL_EVERY:
            packed, depth = texts.pack(plain, before), near.depth + 1
    values: dict[str, Any] = {
        "source": row.key,
        "number": number,
        "digest": bytes.fromhex(made.text.digest),
        "heading": _heading(connection, row, made.text),
        "depth": depth,
        "packed": packed,
        "snapshot": made.snapshot,
        "reader": made.reader,
        "captured": made.captured,
        "imported": made.imported,
        "after": made.after,
        "before": made.before,
        "reread": made.reread,
        **_changed(made.change, plain),
    }
    values["chain"] = seal(row.chain or START, rows.sealed(row.sealed_as or row.id, rows.Fields(values), taken))
    connection.execute(insert(versions).values(values))
    return bytes(values["chain"])


def _changed(change: Change | None, plain: bytes) -> dict[str, Any]:
    if change is None:
        return {"silent": False}
    kinds = dict.fromkeys(kind.value for edit in change.edits for kind in edit.kinds)
    return {
        "severity": change.severity,
        "silent": change.silent,
        "differ": change.differ,
        "kinds": ",".join(kinds),
        "script": texts.pack(change.script.encode("ascii"), plain),
    }


def _heading(connection: Connection, row: Row[Any], text: Text) -> int:
    if row.number is not None:
        last = connection.execute(
            select(headings)
            .join(versions, versions.c.heading == headings.c.key)
            .where(versions.c.source == row.key, versions.c.number == row.number)
        ).one()
        if (last.title, last.published) == (text.title, text.published):
            return int(last.key)
    return _key(connection, insert(headings).values(title=text.title, published=text.published))


def text_of(connection: Connection, source: int, number: int) -> Text | None:
    """The text of a version; None when there is none of that number."""
    head = connection.execute(
        select(headings)
        .join(versions, versions.c.heading == headings.c.key)
        .where(versions.c.source == source, versions.c.number == number)
    ).one_or_none()
    if head is None:
        return None
    plain, _ = _packed_run(connection, source, number)
    return rows.text(plain, head.title, head.published)


def _packed_run(connection: Connection, source: int, number: int) -> tuple[bytes, Any]:
    """The encoded text of a version and its row, through at most ``FULL_EVERY`` links."""
    found = connection.execute(
        select(versions.c.number, versions.c.depth, versions.c.packed)
        .where(versions.c.source == source, versions.c.number.between(number - texts.FULL_EVERY + 1, number))
        .order_by(versions.c.number)
    ).all()
    return texts.unpack_run(row.packed for row in found[-1 - found[-1].depth :]), found[-1]


def open_run(
    connection: Connection, source: int, outcome: Outcome, at: datetime, number: int | None, error: str | None = None
) -> int:
    """Begin a run in the ledger; returns its number."""
    values = {"source": source, "outcome": outcome.value, "first": at, "last": at, "count": 1}
    return _key(connection, insert(ledger).values(**values, version=number, error=error))


def happened(
    connection: Connection, keys: Mapping[str, int], told: Sequence[Event], alerts: Sequence[Alert] = ()
) -> None:
    """Keep events and the alerts about them, after all else: they carry chain heads. ``keys``: source id → key."""
    kept = [(_key(connection, insert(events).values(**rows.event_values(keys[one.source], one))), one) for one in told]
    outbox.tell(connection, keys, kept, alerts)


def good(at: datetime, outcome: Outcome, validators: Validators, next_due: datetime | None, run: int) -> dict[str, Any]:
    """The state of a source after a check that saw it well: nothing is doubted any more."""
    return {
        "etag": validators.etag,
        "last_modified": validators.last_modified,
        "last_good": at,
        "last_check": at,
        "last_outcome": outcome.value,
        "next_check": next_due,
        "run": run,
        **_CALM,
    }


_CALM: Final = {
    "last_error": None,
    "failures": 0,
    "failing_since": None,
    "failing": False,
    "gone": False,
    "suspicion": None,
    "lease_until": None,
    "lease_owner": None,
}


def base(number: int, text: Text, reader: str, snapshot_number: int, chain: bytes) -> dict[str, Any]:
    """What the next check of a source is compared with."""
    return {
        "number": number,
        "digest": bytes.fromhex(text.digest),
        "length": len(text.text),
        "reader": reader,
        "snapshot": snapshot_number,
        "chain": chain,
    }


def unchanged(connection: Connection, notes: Sequence[Unchanged]) -> None:
    """Note checks that saw the latest text again, with few statements for many of them."""
    columns = (sources.c.id, sources.c.key, sources.c.number, sources.c.run, sources.c.lease_owner)
    query = select(*columns, ledger.c.version, ledger.c.outcome).outerjoin(ledger, ledger.c.number == sources.c.run)
    query = query.where(sources.c.id.in_([note.source for note in notes]))
    if any(note.owner is not None for note in notes):
        # A lease that is looked at must not go over to another before the note is written. In one order: no deadlock.
        query = query.order_by(sources.c.key).with_for_update(of=sources)
    known = {row.id: row for row in connection.execute(query)}
    notes = [
        note
        for note in notes
        if note.owner is None or note.source not in known or known[note.source].lease_owner == note.owner
    ]
    extended, states = [], []
    for note in notes:
        row = known.get(note.source)
        if row is None:
            continue
        run = row.run
        if run is not None and row.version == row.number and row.outcome not in _DOUBTS:
            extended.append({"in_run": run, "at": note.at})
        else:
            run = open_run(connection, row.key, note.outcome, note.at, row.number)
        values = good(note.at, note.outcome, note.validators, note.next_due, run)
        states.append({"in_key": row.key, **{f"in_{key}": values[key] for key in _MOVING}})
    if extended:
        going_on = update(ledger).where(ledger.c.number == bindparam("in_run"))
        connection.execute(going_on.values(last=bindparam("at"), count=ledger.c.count + 1), extended)
    if states:
        connection.execute(_AGAIN, states)
    for note in notes:
        if note.final_url is not None and note.source in known:
            at = sources.c.key == known[note.source].key
            connection.execute(update(sources).where(at).values(final_url=note.final_url))
    for note in notes:
        if note.events and note.source in known:
            happened(connection, {note.source: known[note.source].key}, note.events, note.alerts)


_DOUBTS: Final = frozenset({Outcome.FAILED.value, Outcome.GONE.value, Outcome.SUSPECT.value, Outcome.SKIPPED.value})
_MOVING: Final = ("etag", "last_modified", "last_good", "last_check", "last_outcome", "next_check", "run")
_AGAIN: Final = (
    update(sources)
    .where(sources.c.key == bindparam("in_key"))
    .values({**{name: bindparam(f"in_{name}") for name in _MOVING}, **_CALM})
)


def doubt(
    connection: Connection,
    row: Row[Any],
    at: datetime,
    outcome: Outcome,
    error: str,
    told: Sequence[Event],
    suspicion: Suspicion | None,
    next_due: datetime | None,
    gone: bool,
    failing: bool,
    alerts: Sequence[Alert] = (),
) -> None:
    """Note a check that saw nothing fit; the run in the ledger goes on while outcome and reason are the same."""
    run = row.run
    last = connection.execute(select(ledger).where(ledger.c.number == run)).one_or_none() if run is not None else None
    if last is not None and (last.outcome, last.error) == (outcome.value, error):
        connection.execute(update(ledger).where(ledger.c.number == run).values(last=at, count=ledger.c.count + 1))
    else:
        run = open_run(connection, row.key, outcome, at, row.number, error)
    connection.execute(
        update(sources)
        .where(sources.c.key == row.key)
        .values(
            last_check=at,
            last_outcome=outcome.value,
            last_error=error,
            failures=row.failures + 1,
            failing_since=row.failing_since or at,
            failing=failing,
            gone=gone,
            suspicion=rows.suspicion_words(suspicion),
            next_check=next_due,
            lease_until=None,
            lease_owner=None,
            run=run,
        )
    )
    happened(connection, {row.id: row.key}, told, alerts)


def _key(connection: Connection, statement: Any) -> int:
    found = connection.execute(statement).inserted_primary_key
    assert found is not None  # noqa: S101  (a single-row insert always has one)
    return int(found[0])
