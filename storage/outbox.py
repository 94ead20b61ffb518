"""The outbox: alerts and their deliveries, written with what they tell of, and the letters that are sent.

A delivery is an alert on its way to a channel. It waits until a plan puts it into a letter, alone or with others; from
then on the letter is what is attempted, under a lease, until it is sent or dead. Its id is made of the alerts in it, so
it is the same at every attempt, whoever makes it and whatever crashed before. The functions that take a connection are
steps inside a transaction of the archive; the others are transactions of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, literal, or_, select, update

from storage import rows
from storage.engine import reading, writing
from storage.errors import StorageError
from storage.frozen import dataclass
from storage.queries import chunks
from storage.records import (
    Alert,
    Bundle,
    ChannelState,
    Delivery,
    Event,
    EventKind,
    LetterState,
    Plan,
    Severity,
    Source,
    Text,
    Version,
    Waiting,
)
from storage.schema import Moment, alerts, channels, deliveries, events, letters, sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from storage.archive import Archive

Planner = Callable[[Sequence[Waiting], Sequence[datetime]], Plan]
"""From what waits on a channel, and when letters were made there lately (oldest first), to what becomes of it."""

PLANNED_MOST: Final = 1000
"""Waiting alerts that are planned in one transaction; a storm of more is planned in turns."""
LATELY_MOST: Final = 1000

_UNBOUND: Final = deliveries.c.letter.is_(None) & deliveries.c.fate.is_(None)
_WAITING: Final = letters.c.state == LetterState.WAITING.value


# channels


def declare(archive: Archive, told_as: Mapping[str, str], now: datetime) -> list[str]:
    """Make the channels those that are configured (name → digest of its configuration). Returns what was buried for.

    A channel that is configured anew is no longer stopped, and what was held there is planned again. What still waits
    for a channel that is no more becomes a dead letter, which says so. Nothing is written when nothing differs.
    """
    with reading(archive.engine) as connection:
        known = {row.name: row.told_as for row in connection.execute(select(channels))}
        lost = [name for name in _with_waiting(connection) if name not in told_as]
    if known == dict(told_as) and not lost:
        return []
    with writing(archive.engine) as connection:
        for name in lost:
            _bury(connection, name, now, f"there is no channel '{name}' in the configuration any more")
        connection.execute(delete(channels).where(channels.c.name.not_in(list(told_as))))
        for name, digest in told_as.items():
            if name not in known:
                connection.execute(insert(channels).values(name=name, told_as=digest))
            elif known[name] != digest:
                anew = {"told_as": digest, "stopped_at": None, "stopped_why": None}
                connection.execute(update(channels).where(channels.c.name == name).values(**anew))
                again = update(deliveries).where(_UNBOUND, deliveries.c.channel == name)
                connection.execute(again.values(due=now))
    return lost


def stop(archive: Archive, name: str, at: datetime, why: str) -> None:
    """The receiver wants nothing any more: what waits for it becomes dead letters, and so does what comes."""
    with writing(archive.engine) as connection:
        connection.execute(update(channels).where(channels.c.name == name).values(stopped_at=at, stopped_why=why))
        _bury(connection, name, at, f"the channel is stopped: {why}")


def states(archive: Archive) -> list[ChannelState]:
    """How it stands with every channel, by name; those that are no more while they have dead letters."""
    with reading(archive.engine) as connection:
        known = {row.name: row for row in connection.execute(select(channels))}
        held = _counts(connection, select(deliveries.c.channel, func.count()).where(_UNBOUND))
        waiting = _counts(connection, select(letters.c.channel, func.count()).where(_WAITING))
        dead = _counts(connection, select(letters.c.channel, func.count()).where(letters.c.state == "dead"))
        oldest = _counts(connection, select(letters.c.channel, func.min(letters.c.made_at)).where(_WAITING))
    return [
        ChannelState(
            name,
            known[name].stopped_at if name in known else None,
            known[name].stopped_why if name in known else None,
            held.get(name, 0),
            waiting.get(name, 0),
            dead.get(name, 0),
            oldest.get(name),
        )
        for name in sorted({*known, *held, *waiting, *dead})
    ]


def _counts(connection: Connection, query: Select[Any]) -> dict[str, Any]:
    return {row[0]: row[1] for row in connection.execute(query.group_by(query.selected_columns[0]))}


def _with_waiting(connection: Connection) -> list[str]:
    unbound = select(deliveries.c.channel).where(_UNBOUND).distinct()
    return sorted({*connection.scalars(unbound), *connection.scalars(select(letters.c.channel).where(_WAITING))})


def _bury(connection: Connection, name: str, now: datetime, why: str) -> None:
    """Make dead letters of all that waits for a channel, but for what is being sent just now."""
    unbound = list(connection.scalars(select(deliveries.c.key).where(_UNBOUND, deliveries.c.channel == name)))
    for key in unbound:
        _bind(connection, name, Bundle((key,)), now)
    free = or_(letters.c.lease_until.is_(None), letters.c.lease_until <= now)
    connection.execute(
        update(letters)
        .where(_WAITING, letters.c.channel == name, free)
        .values(state=LetterState.DEAD.value, due=None, error=why, lease_until=None, lease_owner=None)
    )


# from waiting alerts to letters


def prepare(archive: Archive, now: datetime, planners: Mapping[str, tuple[float, Planner]], *, held: bool) -> int:
    """Have what is due planned and put into letters, one transaction a channel; returns how many letters were made.

    ``planners``: for each channel how far back it looks for letters made lately, in seconds (0: not at all), and its
    plan. ``held``: whether what was held before is planned, or what is fresh.
    """
    due = (_UNBOUND, deliveries.c.due <= now, deliveries.c.held.is_(held))
    with reading(archive.engine) as connection:
        names = sorted(connection.scalars(select(deliveries.c.channel).where(*due).distinct()))
    made = 0
    for name in names:
        if name not in planners:
            continue
        window_s, planner = planners[name]
        with writing(archive.engine) as connection:
            # Two processes that plan one channel would count the same room twice: its row makes them take turns.
            row = connection.execute(select(channels).where(channels.c.name == name).with_for_update()).one_or_none()
            if row is not None and row.stopped_at is not None:
                _bury(connection, name, now, f"the channel is stopped: {row.stopped_why}")
                continue
            waiting = _waiting(connection, name, now)
            lately = _lately(connection, name, now - timedelta(seconds=window_s)) if window_s else []
            made += _carry_out(connection, name, planner(waiting, lately), now)
    return made


def _waiting(connection: Connection, name: str, now: datetime) -> list[Waiting]:
    """What is due on a channel; and failures that are held there, of sources that recovered meanwhile."""
    query = (
        select(
            deliveries.c.key,
            deliveries.c.held,
            alerts.c.id,
            alerts.c.source,
            sources.c.id.label("source_id"),
            events.c.kind,
            events.c.severity,
            events.c.at,
        )
        .join(alerts, alerts.c.key == deliveries.c.alert)
        .join(events, events.c.number == alerts.c.event)
        .join(sources, sources.c.key == alerts.c.source)
        .where(_UNBOUND, deliveries.c.channel == name)
        .order_by(deliveries.c.key)
    )
    due = list(connection.execute(query.where(deliveries.c.due <= now).limit(PLANNED_MOST)))
    over = [row.source for row in due if row.kind == EventKind.RECOVERED.value]
    if over:
        failing = query.where(events.c.kind == EventKind.FAILING.value, deliveries.c.due > now)
        due += [row for part in chunks(over) for row in connection.execute(failing.where(alerts.c.source.in_(part)))]
    return [
        Waiting(
            row.key,
            row.id,
            row.source_id,
            EventKind(row.kind),
            Severity(row.severity) if row.severity is not None else None,
            row.at,
            row.held,
        )
        for row in sorted(due, key=lambda row: row.key)
    ]


def _lately(connection: Connection, name: str, since: datetime) -> list[datetime]:
    query = select(letters.c.made_at).where(letters.c.channel == name, letters.c.made_at > since)
    return sorted(connection.scalars(query.order_by(letters.c.made_at.desc()).limit(LATELY_MOST)))


def _carry_out(connection: Connection, name: str, plan: Plan, now: datetime) -> int:
    for bundle in plan.letters:
        _bind(connection, name, bundle, now)
    for key, until in plan.held:
        connection.execute(update(deliveries).where(deliveries.c.key == key).values(due=until, held=True))
    for part in chunks(plan.dropped):
        connection.execute(update(deliveries).where(deliveries.c.key.in_(part)).values(fate="dropped"))
    return len(plan.letters)


def _bind(connection: Connection, name: str, bundle: Bundle, now: datetime) -> None:
    """Make the letter of a bundle, in the thread of its source."""
    keys = [*bundle.keys, *bundle.counted]
    told = [
        row
        for part in chunks(keys)
        for row in connection.execute(
            select(alerts.c.id, alerts.c.source)
            .join(deliveries, deliveries.c.alert == alerts.c.key)
            .where(deliveries.c.key.in_(part))
        )
    ]
    source = told[0].source if len(told) == 1 else None
    thread = None
    if source is not None:
        first = select(letters.c.id).where(
            letters.c.channel == name, letters.c.source == source, letters.c.thread.is_(None), letters.c.state != "dead"
        )
        thread = connection.scalar(first.order_by(letters.c.made_at, letters.c.key).limit(1))
    made = connection.execute(
        insert(letters).values(
            id=letter_id(name, [row.id for row in told]),
            channel=name,
            source=source,
            thread=thread,
            digest=bundle.digest,
            made_at=now,
            state=LetterState.WAITING.value,
            due=now,
        )
    )
    letter = made.inserted_primary_key[0] if made.inserted_primary_key else None
    for part in chunks(keys):
        connection.execute(update(deliveries).where(deliveries.c.key.in_(part)).values(letter=letter))
    for part in chunks(bundle.counted):
        connection.execute(update(deliveries).where(deliveries.c.key.in_(part)).values(fate="counted"))


def letter_id(channel: str, alert_ids: Sequence[str]) -> str:
    """The id of a letter: of its channel and what it tells. Written into archives and mailboxes: it must not change."""
    return hashlib.sha256("\n".join([channel, *sorted(alert_ids)]).encode()).hexdigest()[:32]


# attempts


def channels_due(archive: Archive, now: datetime) -> list[str]:
    """The channels for which something is to be done now: alerts to be put into letters, letters to be sent."""
    fresh = select(deliveries.c.channel).where(_UNBOUND, deliveries.c.due <= now)
    free = or_(letters.c.lease_until.is_(None), letters.c.lease_until <= now)
    waiting = select(letters.c.channel).where(_WAITING, letters.c.due <= now, free)
    with reading(archive.engine) as connection:
        return sorted({*connection.scalars(fresh.distinct()), *connection.scalars(waiting.distinct())})


def claim(
    archive: Archive, now: datetime, *, free: Mapping[str, int], lease_s: float, owner: str
) -> tuple[Delivery, ...]:
    """Take letters that are due, oldest first, under a lease: of each channel at most as many as ``free`` says."""
    due = (_WAITING, letters.c.due <= now, or_(letters.c.lease_until.is_(None), letters.c.lease_until <= now))
    with reading(archive.engine) as connection:
        names = [
            name for name in connection.scalars(select(letters.c.channel).where(*due).distinct()) if free.get(name)
        ]
    if not names:
        return ()
    with writing(archive.engine) as connection:
        keys: list[int] = []
        for name in sorted(names):
            query = select(letters.c.key).where(*due, letters.c.channel == name)
            query = query.order_by(letters.c.due, letters.c.key).limit(free[name])
            if connection.dialect.name == "postgresql":
                query = query.with_for_update(skip_locked=True)
            keys += connection.scalars(query)
        for part in chunks(keys):
            lease = {"lease_until": now + timedelta(seconds=lease_s), "lease_owner": owner}
            connection.execute(update(letters).where(letters.c.key.in_(part)).values(**lease))
        return _deliveries(connection, letters.c.key.in_(keys))


def note_sent(archive: Archive, letter: str, at: datetime) -> None:
    """The other side has it. Noted whoever holds the lease by now: it is true."""
    with writing(archive.engine) as connection:
        connection.execute(
            update(letters)
            .where(letters.c.id == letter)
            .values(**_tried(at), state=LetterState.SENT.value, sent_at=at, due=None, error=None, left_to=None)
        )


def note_undelivered(
    archive: Archive,
    letter: str,
    at: datetime,
    error: str,
    *,
    owner: str,
    due: datetime | None,
    left_to: Sequence[str] = (),
) -> None:
    """An attempt failed: it is due again, or (``due`` None) dead. Not noted when another took the letter meanwhile."""
    state = LetterState.DEAD if due is None else LetterState.WAITING
    values = {**_tried(at), "state": state.value, "due": due, "error": error}
    if left_to:
        values["left_to"] = json.dumps(list(left_to), ensure_ascii=False)
    with writing(archive.engine) as connection:
        held = (letters.c.id == letter, _WAITING, letters.c.lease_owner == owner)
        connection.execute(update(letters).where(*held).values(**values))


def _tried(at: datetime) -> dict[str, Any]:
    return {
        "attempts": letters.c.attempts + 1,
        "first_at": func.coalesce(letters.c.first_at, literal(at, Moment())),
        "last_at": at,
        "lease_until": None,
        "lease_owner": None,
    }


def release(archive: Archive, ids: Sequence[str], owner: str) -> None:
    """Give back letters that were claimed and not attempted: they are due as before."""
    with writing(archive.engine) as connection:
        ours = (letters.c.id.in_(list(ids)), letters.c.lease_owner == owner)
        connection.execute(update(letters).where(*ours).values(lease_until=None, lease_owner=None))


def release_of_kind(archive: Archive, owners: str) -> None:
    """Give back what owners whose names begin so had claimed: for who knows that none of them lives any more."""
    with writing(archive.engine) as connection:
        theirs = (_WAITING, letters.c.lease_owner.startswith(owners, autoescape=True))
        connection.execute(update(letters).where(*theirs).values(lease_until=None, lease_owner=None))


# what is asked


@dataclass(frozen=True, slots=True)
class Told:
    """All that the archive knows of an alert: what happened beside its event, the version it is about, the one before.

    The two texts are there when the event is about a change between two versions.
    """

    alert: Alert
    source: Source
    beside: tuple[Event, ...] = ()
    version: Version | None = None
    before: Version | None = None
    texts: tuple[Text, Text] | None = None
    title: str | None = None


CHANGES: Final = frozenset(
    {EventKind.CHANGED, EventKind.COSMETIC, EventKind.REVERTED, EventKind.REREAD, EventKind.PHRASE, EventKind.DRIFT}
)
"""Events about the step from one version to the next."""


def told(archive: Archive, alert: Alert) -> Told:
    """What a letter says of an alert. Raises ``StorageError`` when what it tells of is not there."""
    event = alert.event
    with reading(archive.engine) as connection:
        row = connection.execute(select(sources).where(sources.c.id == event.source)).one_or_none()
        if row is None:
            raise StorageError(f"{event.source}: renamed meanwhile; the letter is gathered again")
        same = (events.c.source == row.key, events.c.at == event.at)
        query = select(events, sources.c.id.label("source_id")).join(sources, sources.c.key == events.c.source)
        found = [rows.event(one) for one in connection.execute(query.where(*same).order_by(events.c.number))]
    beside = tuple(one for one in found if one != event)
    if event.version is None:
        return Told(alert, rows.source(row), beside)
    version = archive.version(event.source, event.version)
    if event.kind not in CHANGES or event.version == 1:
        return Told(alert, rows.source(row), beside, version, title=version.title)
    before = archive.version(event.source, event.version - 1)
    texts = archive.text(event.source, before.number), archive.text(event.source, version.number)
    return Told(alert, rows.source(row), beside, version, before, texts, version.title)


def list_letters(
    archive: Archive, *, state: LetterState | None = None, limit: int | None = None
) -> tuple[Delivery, ...]:
    """Letters, newest first: all, or those in one state."""
    query = select(letters.c.key).order_by(letters.c.key.desc()).limit(limit)
    if state is not None:
        query = query.where(letters.c.state == state.value)
    with reading(archive.engine) as connection:
        keys = list(connection.scalars(query))
        found = [one for part in chunks(keys) for one in _deliveries(connection, letters.c.key.in_(part))]
    return tuple(sorted(found, key=lambda one: one.made_at, reverse=True))


def held(archive: Archive) -> list[tuple[Alert, str, datetime]]:
    """Alerts that wait for a letter, with the channel and until when, the next ones first."""
    query = _alerts().where(_UNBOUND).order_by(deliveries.c.due, deliveries.c.key)
    with reading(archive.engine) as connection:
        return [(_alert(row), row.channel, row.until) for row in connection.execute(query)]


def next_due(archive: Archive) -> datetime | None:
    """When the next letter or waiting alert is due; None when nothing waits."""
    with reading(archive.engine) as connection:
        moments = (
            connection.scalar(select(func.min(deliveries.c.due)).where(_UNBOUND)),
            connection.scalar(select(func.min(letters.c.due)).where(_WAITING)),
        )
    return min((one for one in moments if one is not None), default=None)


def revive(
    archive: Archive, now: datetime, *, ids: Sequence[str] | None = None, channels_named: Sequence[str] = ()
) -> list[str]:
    """Have dead letters sent again, and their channels opened where they were stopped. Returns the ids of the letters.

    ``ids`` None: all of them, and all channels; else these, and the channels of these and those named. A letter of a
    channel that is not configured stays dead.
    """
    query = select(letters.c.key, letters.c.id, letters.c.channel).where(letters.c.state == LetterState.DEAD.value)
    query = query.where(letters.c.channel.in_(select(channels.c.name)))
    with writing(archive.engine) as connection:
        found = [row for row in connection.execute(query) if ids is None or row.id in ids]
        for part in chunks([row.key for row in found]):
            anew = {"state": LetterState.WAITING.value, "due": now, "attempts": 0, "first_at": None}
            connection.execute(update(letters).where(letters.c.key.in_(part)).values(**anew))
        opened = update(channels).where(channels.c.stopped_at.is_not(None)).values(stopped_at=None, stopped_why=None)
        names = {row.channel for row in found} | set(channels_named)
        connection.execute(opened if ids is None else opened.where(channels.c.name.in_(names)))
    return [row.id for row in found]


def fold(archive: Archive, before: datetime, *, limit: int = 5000) -> int:
    """Forget letters that were sent (or died) before that moment; returns how many went, at most ``limit``.

    The alerts stay, with the chain heads that mailboxes hold; so does the first letter of each thread, which later ones
    name.
    """
    over = and_(letters.c.state == LetterState.SENT.value, letters.c.sent_at < before)
    died = and_(letters.c.state == LetterState.DEAD.value, func.coalesce(letters.c.last_at, letters.c.made_at) < before)
    inner = or_(letters.c.source.is_(None), letters.c.thread.is_not(None))
    query = select(letters.c.key).where(or_(and_(over, inner), died)).limit(limit)
    with reading(archive.engine) as connection:
        keys = list(connection.scalars(query))
    for part in chunks(keys):
        with writing(archive.engine) as connection:
            connection.execute(delete(deliveries).where(deliveries.c.letter.in_(part)))
            connection.execute(delete(letters).where(letters.c.key.in_(part)))
    dropped = and_(deliveries.c.fate == "dropped", deliveries.c.due < before)
    with reading(archive.engine) as connection:
        silent = list(connection.scalars(select(deliveries.c.key).where(dropped).limit(limit)))
    for part in chunks(silent):
        with writing(archive.engine) as connection:
            connection.execute(delete(deliveries).where(deliveries.c.key.in_(part)))
    return len(keys)


def _alerts() -> Select[Any]:
    columns = (alerts.c.id.label("alert_id"), alerts.c.chain.label("alert_chain"), sources.c.id.label("source_id"))
    return (
        select(
            deliveries.c.letter,
            deliveries.c.channel,
            deliveries.c.fate,
            deliveries.c.due.label("until"),
            *columns,
            *(column for column in events.c if column.name != "source"),
        )
        .join(alerts, alerts.c.key == deliveries.c.alert)
        .join(events, events.c.number == alerts.c.event)
        .join(sources, sources.c.key == alerts.c.source)
    )


def _alert(row: Row[Any]) -> Alert:
    chain = row.alert_chain.hex() if row.alert_chain is not None else None
    return Alert(row.alert_id, rows.event(row), (row.channel,), chain)


def _deliveries(connection: Connection, chosen: Any) -> tuple[Delivery, ...]:
    """Letters with their alerts, in the order in which they are due."""
    query = select(letters, sources.c.id.label("source_id")).outerjoin(sources, sources.c.key == letters.c.source)
    found = list(connection.execute(query.where(chosen).order_by(letters.c.due, letters.c.key)))
    inside: dict[int, list[Row[Any]]] = {row.key: [] for row in found}
    for part in chunks(list(inside)):
        for row in connection.execute(_alerts().where(deliveries.c.letter.in_(part)).order_by(deliveries.c.key)):
            inside[row.letter].append(row)
    return tuple(
        Delivery(
            id=row.id,
            channel=row.channel,
            state=LetterState(row.state),
            made_at=row.made_at,
            alerts=tuple(_alert(one) for one in inside[row.key] if one.fate is None),
            counted=sum(one.fate is not None for one in inside[row.key]),
            digest=row.digest,
            source=row.source_id,
            thread=row.thread,
            due=row.due,
            attempts=row.attempts,
            first_at=row.first_at,
            last_at=row.last_at,
            sent_at=row.sent_at,
            error=row.error,
            left_to=tuple(json.loads(row.left_to)) if row.left_to else (),
        )
        for row in found
    )
