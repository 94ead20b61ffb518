"""How one check is written: the steps inside the archive's transactions. Each takes an open connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, bindparam, case, func, insert, select, update

from storage import chained, guard, happening, rows, runs, search, texts
from storage.chain import START, seal
from storage.errors import Pruned, StorageError
from storage.frozen import dataclass
from storage.inserting import into
from storage.marks import mark_of
from storage.records import Alert, Change, Event, Outcome, Snapshot, Suspicion, Text, Validators
from storage.schema import (
    BODY_PREFIX,
    PREFIX_BYTES,
    bodies,
    headings,
    heads,
    pages,
    snapshots,
    sources,
    verdicts,
    versions,
)
from storage.unpacking import Unpacking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

WORTH: Final = 0.9
"""A body is packed with the one before it when that is smaller than this share of the body packed with its text alone."""
HEAD_WORTH: Final = 0.5
"""Headers are kept as a difference from the last head when that is smaller than this share of them packed alone."""
DEEPEST: Final = 16
"""A body is packed with the one before it so many times in a row."""


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
    after: datetime | None
    before: datetime
    outcome: Outcome
    change: Change | None = None
    imported: datetime | None = None
    reread: bool = False


def locked(connection: Connection, source: str) -> Row[Any]:
    """The source's row, held until the transaction ends (SQLite holds the whole database anyway)."""
    row = connection.execute(_LOCKED, {"of": source}).one_or_none()
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


@dataclass(frozen=True, slots=True)
class Wording:
    """The text that a body was read to: version ``number`` of a source, which is kept in the same transaction."""

    source: int
    number: int
    plain: bytes


def body(connection: Connection, snapshot: Snapshot, before: int | None, wording: Wording | None = None) -> int:
    """Keep a body once per digest; returns its key.

    It is packed with the text that was read from it (the words are kept already) and, when that is smaller, with the body
    of snapshot ``before`` as well (so is the furniture).
    """
    guard.shared(connection)
    digest = bytes.fromhex(snapshot.body_digest)
    known = connection.execute(_SAME_BODY, {"is": digest, "begins": digest[:PREFIX_BYTES]}).one_or_none()
    if known is not None:
        if not known.bytes:
            _put_back(connection, known.key, snapshot.body)
        return int(known.key)
    words = wording.plain if wording is not None else b""
    packed, base, depth = texts.pack(snapshot.body, words), None, 0
    if before is not None and len(packed) > _SMALL:
        near = connection.execute(_BODY_OF, {"at": before}).one()
        if near.depth + 1 < DEEPEST:
            small = texts.pack(snapshot.body, Unpacking(connection).body(near.key) + words)
            if len(small) < WORTH * len(packed):
                packed, base, depth = small, near.key, near.depth + 1
    values = {"digest": digest, "size": len(snapshot.body), "base": base, "depth": depth, "packed": packed}
    if wording is not None:
        values |= {"source": wording.source, "number": wording.number}
    return into(connection, bodies, values)


def _put_back(connection: Connection, key: int, plain: bytes) -> None:
    """Bytes that were pruned came again: the row that kept their digest takes them up again, packed alone."""
    values = {"depth": 0, "base": None, "source": None, "number": None, "packed": texts.pack(plain)}
    with guard.opened(connection, ("bodies",)):
        connection.execute(update(bodies).where(bodies.c.key == key).values(values))


_SMALL: Final = 48
"""Bytes: a body packed to so few is not tried with another."""


def snapshot(
    connection: Connection,
    source: int,
    taken: Snapshot,
    body_key: int,
    before: int | None = None,
    *,
    wording: Wording | None = None,
    doubt: str | None = None,
) -> int:
    """Keep how bytes were received, its headers as a difference from those of snapshot ``before``; returns its number."""
    further = [
        snapshot(connection, source, page, body(connection, page, None, wording), None, wording=wording)
        for page in taken.pages
    ]
    head, headers = _headers(connection, taken, before)
    values: dict[str, Any] = {
        "source": source,
        "head": head,
        "fetched_at": taken.fetched_at,
        "headers": headers,
        "body": body_key,
        "doubt": doubt,
    }
    linked = {
        **rows.answer(taken),
        "head": None,
        "headers": rows.headers_words(taken),
        "body": bytes.fromhex(taken.body_digest),
        "pages": b"".join(_mark(connection, one) for one in further),
    }
    values["mark"] = mark_of("snapshots", snapshots.c.keys(), values, **linked)
    number = into(connection, snapshots, values)
    for place, one in enumerate(further, 2):
        connection.execute(insert(pages).values(first=number, place=place, snapshot=one))
    chained.on(connection, sources.c.held, source, number, values["mark"])
    return number


def _mark(connection: Connection, number: int) -> bytes:
    return bytes(connection.execute(_MARK_OF, {"at": number}).scalar_one())


def _headers(connection: Connection, taken: Snapshot, before: int | None) -> tuple[int, bytes | None]:
    """The head that the answer is kept with, and how its headers differ from those (None: they do not)."""
    plain = rows.headers_words(taken)
    answer = rows.answer(taken)
    alone = texts.pack(plain)
    if before is not None:
        head = connection.execute(_HEAD_OF, {"at": before}).one()
        if all(getattr(head, name) == value for name, value in answer.items()):
            base = texts.unpack(head.packed)
            if base == plain:
                return int(head.key), None
            packed = texts.pack(plain, rows.headers_base(base, taken.fetched_at))
            if len(packed) < HEAD_WORTH * len(alone):
                return int(head.key), packed
    return into(connection, heads, {**answer, "packed": alone}), None


def version(connection: Connection, row: Row[Any], taken: Snapshot, made: Made) -> bytes:
    """Keep a version and seal it onto the chain of its source; returns the seal."""
    number = (row.number or 0) + 1
    plain = rows.encoded(made.text)
    unpacking = Unpacking(connection)
    before = unpacking.text(row.key, row.number) if row.number is not None else None
    back, base = _dictionary(unpacking, row.key, number)
    verdict = _verdict(made)
    values: dict[str, Any] = {
        "source": row.key,
        "number": number,
        "digest": bytes.fromhex(made.text.digest),
        "heading": _heading(connection, row, made),
        "verdict": _kept_verdict(connection, verdict),
        "back": back,
        "packed": texts.pack(plain, base),
        "snapshot": made.snapshot,
        "imported": made.imported,
        "after": made.after,
        "before": made.before if made.before != taken.fetched_at else None,
        "looks": runs.end_with_version(connection, row),
    }
    told = {"reader": made.reader, "reread": made.reread, "captured": taken.fetched_at, "before": made.before}
    sealed = rows.sealed(row.sealed_as or row.id, rows.Fields({**values, **told}), taken)
    values["chain"] = seal(row.chain or START, sealed)
    linked: dict[str, Any] = {
        "heading": None,
        "title": made.text.title,
        "published": made.text.published,
        "reader": made.reader,
    }
    linked |= {"verdict": None, **verdict, "snapshot": _mark(connection, made.snapshot)}
    values["mark"] = mark_of("versions", versions.c.keys(), values, **linked)
    into(connection, versions, values)
    search.add(connection, row.key, plain, before)
    return bytes(values["chain"])


def _dictionary(unpacking: Unpacking, source: int, number: int) -> tuple[int, bytes | None]:
    """How many versions back the dictionary of version ``number`` stands, and its text; none where that was pruned."""
    back = texts.back_of(number)
    try:
        return back, unpacking.text(source, number - back) if back else None
    except Pruned:
        return 0, None


def _heading(connection: Connection, row: Row[Any], made: Made) -> int:
    text, reader = made.text, made.reader
    if row.number is not None:
        last = connection.execute(_HEADING_OF, {"of": row.key, "at": row.number}).one()
        if (last.title, last.published, last.reader) == (text.title, text.published, reader):
            return int(last.key)
    return into(connection, headings, {"title": text.title, "published": text.published, "reader": reader})


def _verdict(made: Made) -> dict[str, Any]:
    change = made.change
    return {
        "outcome": made.outcome.value,
        "severity": change.severity if change is not None else None,
        "silent": change is not None and change.silent,
        "reread": made.reread,
        "differ": change.differ if change is not None else None,
        "kinds": _kinds(change) if change is not None else None,
    }


def _kept_verdict(connection: Connection, verdict: dict[str, Any]) -> int:
    known: int | None = connection.scalar(_SAME_VERDICT, verdict)
    return known if known is not None else into(connection, verdicts, verdict)


_SAME_VERDICT: Final = (
    select(verdicts.c.key)
    .where(*(column.is_not_distinct_from(bindparam(column.name)) for column in verdicts.c if column.name != "key"))
    .limit(1)
)


def _kinds(change: Change) -> str:
    return ",".join(dict.fromkeys(kind.value for edit in change.edits for kind in edit.kinds))


def good(at: datetime, outcome: Outcome, validators: Validators, next_due: datetime | None) -> dict[str, Any]:
    """The state of a source after a check that saw it well: nothing is doubted any more."""
    return {
        "etag": validators.etag,
        "last_modified": validators.last_modified,
        "last_good": at,
        "last_check": at,
        "last_outcome": outcome.value,
        "next_check": next_due,
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


def stand(connection: Connection, key: int, values: Mapping[str, Any]) -> None:
    """Set the state of a source."""
    connection.execute(_STAND, {"in_key": key, **values})


_STAND: Final = update(sources).where(sources.c.key == bindparam("in_key"))


def unchanged(connection: Connection, notes: Sequence[Unchanged]) -> None:
    """Note checks that saw the latest text again, with few statements for many of them."""
    columns = (
        "id", "key", "number", "last_check", "last_error", "run_outcome", "run_first", "run_count", "lease_owner"
    )  # fmt: skip
    query = select(*(sources.c[name] for name in columns))
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
    begun: set[str] = set()
    ended, states, opened = [], [], []
    for note in notes:
        row = known.get(note.source)
        if row is None:
            continue
        values = good(note.at, note.outcome, note.validators, note.next_due)
        state = {"in_key": row.key, **{f"in_{key}": values[key] for key in _MOVING}}
        if note.source in begun or (row.run_outcome is not None and row.run_outcome not in runs.DOUBTS):
            states.append(state)
        else:
            if row.run_outcome is not None:
                ended.append(row)
            begun.add(note.source)
            opened.append({**state, "in_run": note.outcome.value, "in_at": note.at})
    runs.end(connection, ended)
    if opened:
        connection.execute(_BEGUN, opened)
    if states:
        connection.execute(_AGAIN, states)
    for note in notes:
        if note.final_url is not None and note.source in known:
            at = sources.c.key == known[note.source].key
            connection.execute(update(sources).where(at).values(final_url=note.final_url))
    for note in notes:
        if note.events and note.source in known:
            happening.keep(connection, {note.source: known[note.source].key}, note.events, note.alerts)


_MOVING: Final = ("etag", "last_modified", "last_good", "last_check", "last_outcome", "next_check")
_AT: Final = bindparam("in_last_good", type_=sources.c.last_good.type)
_LATER: Final = case((sources.c.last_good > _AT, sources.c.last_good), else_=_AT)
"""A clock that was set back does not shorten what was seen."""
_SEEN: Final = (
    update(sources)
    .where(sources.c.key == bindparam("in_key"))
    .values({**{name: bindparam(f"in_{name}") for name in _MOVING}, **_CALM, "last_good": _LATER})
)
_AGAIN: Final = _SEEN.values(run_count=sources.c.run_count + 1)
_BEGUN: Final = _SEEN.values(run_outcome=bindparam("in_run"), run_first=bindparam("in_at"), run_count=1)


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
    """Note a check that saw nothing fit; the run of checks goes on while outcome and reason are the same."""
    if (row.run_outcome, row.last_error) == (outcome.value, error):
        run = {"run_count": row.run_count + 1}
    else:
        if row.run_outcome is not None:
            runs.end(connection, [row])
        run = runs.begun(outcome, at)
    stand(
        connection,
        row.key,
        {
            "last_check": at,
            "last_outcome": outcome.value,
            "last_error": error,
            "failures": row.failures + 1,
            "failing_since": row.failing_since or at,
            "failing": failing,
            "gone": gone,
            "suspicion": rows.suspicion_words(suspicion),
            "next_check": next_due,
            "lease_until": None,
            "lease_owner": None,
            **run,
        },
    )
    happening.keep(connection, {row.id: row.key}, told, alerts)


# Built once: to build a statement takes longer than to run it.
_LOCKED: Final = select(sources).where(sources.c.id == bindparam("of")).with_for_update()
_SAME_BODY: Final = (
    select(bodies.c.key, func.length(bodies.c.packed).label("bytes"))
    .where(bodies.c.digest == bindparam("is"), bindparam("begins", type_=bodies.c.digest.type) == BODY_PREFIX)
    .limit(1)
)
_BODY_OF: Final = (
    select(bodies.c.key, bodies.c.depth)
    .join(snapshots, snapshots.c.body == bodies.c.key)
    .where(snapshots.c.number == bindparam("at"))
)
_MARK_OF: Final = select(snapshots.c.mark).where(snapshots.c.number == bindparam("at"))
_HEAD_OF: Final = (
    select(heads).join(snapshots, snapshots.c.head == heads.c.key).where(snapshots.c.number == bindparam("at"))
)
_HEADING_OF: Final = (
    select(headings)
    .join(versions, versions.c.heading == headings.c.key)
    .where(versions.c.source == bindparam("of"), versions.c.number == bindparam("at"))
)
