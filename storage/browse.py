"""What a page shows of many sources: some of the states, and the counts. Each takes an open connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, case, false, func, select

from storage import rows
from storage.records import SourceState, Tally
from storage.schema import sources, versions

if TYPE_CHECKING:
    from collections.abc import Sequence


def states(
    connection: Connection,
    all_versions: Select[Any],
    ids: Sequence[str] | None,
    series: str | None,
    limit: int | None,
    offset: int,
    *,
    troubled: bool,
) -> list[SourceState]:
    """The chosen sources with their latest versions, by id. ``all_versions`` is the query of versions to narrow down."""
    query = select(sources).order_by(sources.c.id).limit(limit).offset(offset)
    chosen: list[ColumnElement[bool]] = []
    if ids is not None:
        chosen.append(sources.c.id.in_(ids))
    if series is not None:
        chosen.append(sources.c.series == series)
    if troubled:
        chosen += [sources.c.failures > 0, sources.c.retired_at.is_(None)]
    found = list(connection.execute(query.where(*chosen)))
    latest = all_versions.where(versions.c.number == sources.c.number, *chosen)
    if limit is not None or offset:
        latest = latest.where(sources.c.key.in_([row.key for row in found]))
    newest = {row.source_id: rows.version(row) for row in connection.execute(latest)}
    return [rows.state(row, newest.get(row.id)) for row in found]


def tally(connection: Connection) -> Tally:
    """The counts, in one look over the sources."""
    watched = sources.c.retired_at.is_(None)

    def how_many(*conditions: Any) -> Any:
        holds = watched
        for condition in conditions:
            holds &= condition
        return func.coalesce(func.sum(case((holds, 1), else_=0)), 0)

    told = (sources.c.failing == false()) & (sources.c.gone == false())
    row = connection.execute(
        select(
            how_many(),
            func.coalesce(func.sum(sources.c.number), 0),
            how_many(sources.c.gone),
            how_many(sources.c.failing, sources.c.gone == false()),
            how_many(sources.c.failures > 0, told),
        )
    ).one()
    return Tally(*(int(count) for count in row))
