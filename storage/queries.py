"""Queries that several parts of the archive ask. Nothing here runs one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, select

from storage.schema import PRUNED, bodies, events, headings, snapshots, sources, verdicts, versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

CHUNK: Final = 500

T = TypeVar("T")


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The items, some hundreds at a time: no statement may have too many."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def known() -> Select[Any]:
    """Sources with all that a check must know of them (``rows.latest``)."""
    query = select(sources, bodies.c.digest.label("body"), bodies.c.size.label("body_bytes"))
    query = query.outerjoin(snapshots, snapshots.c.number == sources.c.snapshot)
    return query.outerjoin(bodies, bodies.c.key == snapshots.c.body)


AT: Final[ColumnElement[datetime]] = func.coalesce(events.c.at, versions.c.before, snapshots.c.fetched_at)
"""When an event was: in queries that go through :func:`telling`, as the two below."""
KIND: Final = func.coalesce(events.c.kind, verdicts.c.outcome)
SILENT: Final = func.coalesce(events.c.silent, verdicts.c.silent)
EVENT: Final = (
    events.c.number,
    KIND.label("kind"),
    AT.label("at"),
    events.c.version,
    func.coalesce(events.c.severity, verdicts.c.severity).label("severity"),
    SILENT.label("silent"),
    func.coalesce(events.c.after, versions.c.after).label("after"),
    func.coalesce(events.c.before, versions.c.before, snapshots.c.fetched_at).label("before"),
    events.c.detail,
)
"""What an event says, in queries that go through :func:`telling`: itself, or the version that it is of."""


def telling(query: Select[Any]) -> Select[Any]:
    """A query over ``events`` with the versions beside those that say no more than their version does."""
    of_version = and_(
        events.c.kind.is_(None), versions.c.source == events.c.source, versions.c.number == events.c.version
    )
    query = query.outerjoin(versions, of_version).outerjoin(verdicts, verdicts.c.key == versions.c.verdict)
    return query.outerjoin(snapshots, snapshots.c.number == versions.c.snapshot)


def declared_sources() -> Select[Any]:
    """Sources as they were declared (``rows.source``)."""
    columns = ("key", "id", "url", "series", "tags", "baseline", "retired_at", "next_check")
    return select(*(sources.c[name] for name in columns))


@cache
def all_versions() -> Select[Any]:
    """Versions as they are, not as they are kept: with the names, times and headings that their rows refer to.

    ``last_seen`` is where the window of the next version begins; for the newest, the last good check.
    """
    following = versions.alias("following")
    seen = case((sources.c.number == versions.c.number, sources.c.last_good), else_=following.c.after)
    plain = ("source", "number", "digest", "snapshot", "imported", "after", "chain")
    pruned = PRUNED.label("pruned")
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


@cache
def one_version() -> Select[Any]:
    """The version ``at`` of the source with key ``of``, like :func:`all_versions`."""
    return all_versions().where(versions.c.source == bindparam("of"), versions.c.number == bindparam("at"))
