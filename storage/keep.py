"""How one check is written: the steps inside the archive's transactions. Each takes an open connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from storage import guard, rows, runs, search, texts
from storage.chain import START, seal
from storage.engine import insert_missing
from storage.errors import Pruned, StorageError
from storage.marks import held, mark_of
from storage.records import Change, Event, Outcome, Snapshot, Suspicion, Text, Validators
from storage.schema import (
    BODY_PREFIX,
    PREFIX_BYTES,
    bodies,
    events,
    headings,
    heads,
    names,
    pages,
    snapshots,
    sources,
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
    row = connection.execute(select(sources).where(sources.c.id == source).with_for_update()).one_or_none()
    if row is None:
        raise StorageError(f"{source}: not a declared source", hint="Declare it in config.yaml.")
    return row


def require_held(row: Row[Any], expected: int | None, owner: str | None) -> None:
    """Raise ``ClaimLost`` unless the latest version is the expected one, and the lease (where there is one) is ours."""
    if row.number != expected:
        raise ClaimLost(f"{row.id}: another process recorded version {row.number} meanwhile; nothing was written")
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
    digest = bytes.fromhex(snapshot.body_digest)
    same = (bodies.c.digest == digest) & (digest[:PREFIX_BYTES] == BODY_PREFIX)
    known = connection.execute(
        select(bodies.c.key, func.length(bodies.c.packed).label("bytes")).where(same)
    ).one_or_none()
    if known is not None:
        if not known.bytes:
            _put_back(connection, known.key, snapshot.body)
        return int(known.key)
    words = wording.plain if wording is not None else b""
    packed, base, depth, base_digest = texts.pack(snapshot.body, words), None, 0, None
    if before is not None and len(packed) > _SMALL:
        near = connection.execute(
            select(bodies.c.key, bodies.c.depth, bodies.c.digest)
            .join(snapshots, snapshots.c.body == bodies.c.key)
            .where(snapshots.c.number == before)
        ).one()
        if near.depth + 1 < DEEPEST:
            small = texts.pack(snapshot.body, Unpacking(connection).body(near.key) + words)
            if len(small) < WORTH * len(packed):
                packed, base, depth, base_digest = small, near.key, near.depth + 1, near.digest
    values = {"digest": digest, "size": len(snapshot.body), "base": base, "depth": depth, "packed": packed}
    if wording is not None:
        values |= {"source": wording.source, "number": wording.number}
    values["mark"] = mark_of("bodies", bodies.c.keys(), values, base=base_digest)
    return _key(connection, insert(bodies).values(values))


def _put_back(connection: Connection, key: int, plain: bytes) -> None:
    """Bytes that were pruned came again: the row that kept their digest takes them up again, packed alone."""
    at = bodies.c.key == key
    values: dict[str, Any] = {"depth": 0, "base": None, "source": None, "number": None, "packed": texts.pack(plain)}
    row = connection.execute(select(bodies.c.digest, bodies.c.size).where(at)).one()
    values["mark"] = mark_of("bodies", bodies.c.keys(), {"digest": row.digest, "size": row.size, **values})
    with guard.opened(connection, ("bodies",)):
        connection.execute(update(bodies).where(at).values(values))


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
        snapshot(connection, source, page, body(connection, page, None, wording), before, wording=wording)
        for page in taken.pages
    ]
    moved = taken.final_url if taken.final_url != taken.url else None
    known = named(connection, taken.url, *([moved] if moved is not None else ()))
    head, headers = _headers(connection, taken, before)
    values: dict[str, Any] = {
        "source": source,
        "url": known[taken.url],
        "final_url": known[moved] if moved is not None else None,
        "status": taken.status,
        "fetched_at": taken.fetched_at,
        "redirects": "\n".join(taken.redirects) or None,
        "head": head,
        "headers": headers,
        "body": body_key,
        "doubt": doubt,
    }
    as_it_is = {"url": taken.url, "final_url": moved, "head": None, "headers": rows.headers_words(taken)}
    digest = bytes.fromhex(taken.body_digest)
    marks = b"".join(mark(connection, one) for one in further)
    values["mark"] = mark_of("snapshots", snapshots.c.keys(), values, **as_it_is, body=digest, pages=marks)
    number = _key(connection, insert(snapshots).values(values))
    for place, one in enumerate(further, 2):
        connection.execute(insert(pages).values(first=number, place=place, snapshot=one))
    chained = connection.scalar(select(sources.c.held).where(sources.c.key == source))
    connection.execute(
        update(sources).where(sources.c.key == source).values(held=held(chained, number, values["mark"]))
    )
    return number


def mark(connection: Connection, number: int) -> bytes:
    """The mark of a snapshot."""
    return bytes(connection.execute(select(snapshots.c.mark).where(snapshots.c.number == number)).scalar_one())


def _headers(connection: Connection, taken: Snapshot, before: int | None) -> tuple[int, bytes | None]:
    """The head that the headers are kept with, and their difference from it (None: they are equal)."""
    plain = rows.headers_words(taken)
    if before is not None:
        near = select(heads).join(snapshots, snapshots.c.head == heads.c.key).where(snapshots.c.number == before)
    else:
        # The first of a source: the last head is as good a guess as any, where servers are of one kind.
        near = select(heads).where(heads.c.key == select(func.max(heads.c.key)).scalar_subquery())
    alone, head = texts.pack(plain), connection.execute(near).one_or_none()
    if head is not None:
        base = texts.unpack(head.packed)
        if base == plain:
            return int(head.key), None
        packed = texts.pack(plain, base)
        if len(packed) < HEAD_WORTH * len(alone):
            return int(head.key), packed
    return _key(connection, insert(heads).values(packed=alone)), None


def named(connection: Connection, *words: str) -> dict[str, int]:
    """The keys of strings that many rows share; those that are new are kept."""
    query = select(names.c.name, names.c.key).where(names.c.name.in_(words))
    known = {row.name: int(row.key) for row in connection.execute(query)}
    missing = sorted(set(words) - known.keys())
    if missing:
        insert_missing(connection, names, [{"name": word} for word in missing])
        known |= {row.name: int(row.key) for row in connection.execute(query)}
    return known


def version(connection: Connection, row: Row[Any], taken: Snapshot, made: Made) -> bytes:
    """Keep a version and seal it onto the chain of its source; returns the seal."""
    number = (row.number or 0) + 1
    plain = rows.encoded(made.text)
    unpacking = Unpacking(connection)
    before = unpacking.text(row.key, row.number) if row.number is not None else None
    back, base = _dictionary(unpacking, row.key, number)
    judged = _judged(made.change)
    known = named(connection, made.reader, made.outcome.value, *([judged] if judged is not None else ()))
    values: dict[str, Any] = {
        "source": row.key,
        "number": number,
        "digest": bytes.fromhex(made.text.digest),
        "heading": _heading(connection, row, made.text),
        "back": back,
        "packed": texts.pack(plain, base),
        "snapshot": made.snapshot,
        "reader": known[made.reader],
        "imported": made.imported,
        "after": made.after,
        "before": made.before if made.before != taken.fetched_at else None,
        "severity": made.change.severity if made.change is not None else None,
        "silent": made.change is not None and made.change.silent,
        "reread": made.reread,
        "judged": known[judged] if judged is not None else None,
        "outcome": known[made.outcome.value],
        "looks": runs.end_with_version(connection, row),
    }
    as_it_is = {**values, "reader": made.reader, "captured": taken.fetched_at, "before": made.before}
    values["chain"] = seal(row.chain or START, rows.sealed(row.sealed_as or row.id, rows.Fields(as_it_is), taken))
    named_so = {"reader": made.reader, "judged": judged, "outcome": made.outcome.value, "heading": None}
    linked = {"snapshot": mark(connection, made.snapshot), "title": made.text.title, "published": made.text.published}
    values["mark"] = mark_of("versions", versions.c.keys(), values, **named_so, **linked)
    connection.execute(insert(versions).values(values))
    search.add(connection, row.key, plain, before)
    return bytes(values["chain"])


def _dictionary(unpacking: Unpacking, source: int, number: int) -> tuple[int, bytes | None]:
    """How many versions back the dictionary of version ``number`` stands, and its text; it stands alone where that was pruned."""
    back = texts.back_of(number)
    try:
        return back, unpacking.text(source, number - back) if back else None
    except Pruned:
        return 0, None


def _judged(change: Change | None) -> str | None:
    """The differ and the kinds of edits that it told, in their order, as one string."""
    if change is None:
        return None
    kinds = dict.fromkeys(kind.value for edit in change.edits for kind in edit.kinds)
    return f"{change.differ}: {','.join(kinds)}"


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


def happened(connection: Connection, keys: Mapping[str, int], told: Sequence[Event]) -> None:
    """Keep events; ``keys`` maps the ids of their sources to keys."""
    if told:
        connection.execute(insert(events), [rows.event_values(keys[one.source], one) for one in told])


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


def unchanged(connection: Connection, notes: Sequence[Unchanged]) -> None:
    """Note checks that saw the latest text again, with few statements for many of them."""
    columns = ("id", "key", "number", "last_check", "last_error", "run_outcome", "run_first", "run_count")
    query = select(*(sources.c[name] for name in columns))
    known = {row.id: row for row in connection.execute(query.where(sources.c.id.in_([note.source for note in notes])))}
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
    happened(connection, {name: row.key for name, row in known.items()}, [one for note in notes for one in note.events])


_MOVING: Final = ("etag", "last_modified", "last_good", "last_check", "last_outcome", "next_check")
_SEEN: Final = (
    update(sources)
    .where(sources.c.key == bindparam("in_key"))
    .values({**{name: bindparam(f"in_{name}") for name in _MOVING}, **_CALM})
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
) -> None:
    """Note a check that saw nothing fit; the run of checks goes on while outcome and reason are the same."""
    if (row.run_outcome, row.last_error) == (outcome.value, error):
        run = {"run_count": row.run_count + 1}
    else:
        if row.run_outcome is not None:
            runs.end(connection, [row])
        run = runs.begun(outcome, at)
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
            **run,
        )
    )
    happened(connection, {row.id: row.key}, told)


def _key(connection: Connection, statement: Any) -> int:
    found = connection.execute(statement).inserted_primary_key
    assert found is not None  # noqa: S101  (a single-row insert always has one)
    return int(found[0])
