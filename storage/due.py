"""Who looks at what, when: due sources are claimed under a lease, so that no two processes check one at a time.

The due time is a column of the source. A claim takes the oldest due ones and writes its lease; a worker that dies is
outlived by its lease, after which the source is anybody's again. The index is on the end of the lease where there is
one, else on the due time: so a claim reads just the rows that it takes, however many others are leased before them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, or_, select, update

from storage.engine import relaxed
from storage.frozen import dataclass
from storage.schema import DUE, sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


LONGEST_LEASE: Final = timedelta(days=1)
"""No check takes so long: a lease that ends later was given before the clock was set back."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A due source under a lease, and where it is looked at."""

    source: str
    url: str


def claim(connection: Connection, now: datetime, *, limit: int, lease_s: float, owner: str) -> list[Claimed]:
    """At most ``limit`` due sources, oldest first, leased to ``owner`` for ``lease_s`` seconds."""
    # Lost in a crash of the server, a claim was never made: what it hands out is lost with it, or found leased to nobody.
    relaxed(connection)
    chosen = due_query(connection, now, limit).cte("chosen")
    taken = (
        update(sources)
        .where(sources.c.key.in_(select(chosen.c.key)))
        .values(lease_until=now + timedelta(seconds=lease_s), lease_owner=owner)
        .returning(sources.c.id, sources.c.url, sources.c.next_check)
    )
    found = sorted(connection.execute(taken), key=lambda row: (row.next_check, row.id))
    return [Claimed(row.id, row.url) for row in found]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A lease that goes from one of ``held_by`` to ``owner``, a name used for one errand, for ``lease_s`` seconds at least."""

    source: str
    held_by: tuple[str, ...]
    owner: str
    lease_s: float


def pass_on(
    connection: Connection, query: Select[Any], wanted: Sequence[HandedOver], now: datetime
) -> dict[str, Row[Any]]:
    """Give the leases on, those that were not lost; returns the row of each source by its new owner.

    ``query`` selects the columns of sources that are asked for. This is the one step that makes an errand good: of two
    who run the same errand, one gets the lease. One that lasts long enough keeps its end: only the name is written, and
    no index.
    """
    # In one order, as whoever notes checks does: no deadlock.
    query = query.where(sources.c.id.in_([one.source for one in wanted])).order_by(sources.c.key)
    rows = {row.id: row for row in connection.execute(query.with_for_update(of=sources))}
    found, passed = {}, []
    for one in wanted:
        row = rows.get(one.source)
        if row is None or row.lease_owner not in one.held_by or row.retired_at is not None:
            continue
        until = max(row.lease_until, now + timedelta(seconds=one.lease_s))
        passed.append({"of": row.key, "to": one.owner, "until": until})
        found[one.owner] = row
    if passed:
        given = update(sources).where(sources.c.key == bindparam("of"))
        connection.execute(given.values(lease_until=bindparam("until"), lease_owner=bindparam("to")), passed)
    return found


def due_query(connection: Connection, now: datetime, limit: int) -> Select[Any]:
    """The keys of at most ``limit`` sources that may be claimed, those that are due longest first."""
    due = select(sources.c.key).where(sources.c.retired_at.is_(None), now >= DUE).order_by(DUE).limit(limit)
    return due.with_for_update(skip_locked=True) if connection.dialect.name == "postgresql" else due


def release(connection: Connection, source_ids: Sequence[str], owner: str) -> None:
    """Give back what ``owner`` holds of these: they are due as before."""
    connection.execute(
        update(sources)
        .where(sources.c.id.in_(source_ids), sources.c.lease_owner == owner)
        .values(lease_until=None, lease_owner=None)
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """What the due time of a watched source was planned from."""

    source: str
    next_check: datetime
    last_check: datetime | None
    first_seen: datetime | None
    last_change: datetime | None
    failures: int


def replan(connection: Connection, now: datetime, better: Callable[[Pace], datetime | None]) -> int:
    """Move every due time for which ``better`` has another; what is being checked is left alone. Returns how many."""
    columns = (
        sources.c.key,
        sources.c.id,
        sources.c.next_check,
        sources.c.last_check,
        sources.c.first_seen,
        sources.c.last_change,
        sources.c.failures,
    )
    watched = select(*columns).where(
        sources.c.retired_at.is_(None),
        sources.c.next_check.is_not(None),
        or_(sources.c.lease_until.is_(None), sources.c.lease_until <= now, sources.c.lease_until > now + LONGEST_LEASE),
    )
    # Given before the clock was set back: nobody holds these any more.
    stale = update(sources).where(sources.c.lease_until > now + LONGEST_LEASE)
    connection.execute(stale.values(lease_until=None, lease_owner=None))
    moved = []
    # Row by row: a hundred thousand sources must not stand in memory at once.
    for row in connection.execute(watched.execution_options(stream_results=True, yield_per=500)):
        found = better(Pace(*row[1:]))
        if found is not None and found != row.next_check:
            moved.append({"of": row.key, "to": found})
    if moved:
        connection.execute(
            update(sources).where(sources.c.key == bindparam("of")).values(next_check=bindparam("to")), moved
        )
    return len(moved)


def postpone(connection: Connection, moments: Mapping[str, datetime], owner: str) -> None:
    """Give back what ``owner`` holds of these, due at the given moments instead."""
    for source, moment in moments.items():
        connection.execute(
            update(sources)
            .where(sources.c.id == source, sources.c.lease_owner == owner)
            .values(lease_until=None, lease_owner=None, next_check=moment)
        )


def next_due_at(connection: Connection) -> datetime | None:
    """When the next source may be claimed; None when nothing is scheduled."""
    soonest = select(DUE).where(sources.c.retired_at.is_(None), DUE.is_not(None)).order_by(DUE).limit(1)
    found: datetime | None = connection.scalar(soonest)
    return found
