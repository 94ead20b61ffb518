"""Which sources stand still: what has not moved for so long, and was not told so yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import func, not_, or_, select

from storage import happening, rows
from storage.engine import reading, writing
from storage.records import EventKind
from storage.schema import events, found, sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.archive import Archive
    from storage.records import Alert, Event, Source


def still(archive: Archive, before: datetime, after_s: float) -> list[tuple[Source, datetime]]:
    """Watched sources that have not moved since ``before``, with their last movement: told nothing of it since.

    What moves a source is a change, a listing what it newly names. Sources that a listing found are left out (nobody
    waits for them: their listing is the one that should move), and so is what is failing or gone.
    """
    listed = select(func.max(found.c.first_listed)).where(found.c.listing == sources.c.key).scalar_subquery()
    moved = func.coalesce(listed, sources.c.last_change, sources.c.first_seen, sources.c.declared_at)
    detail = json.dumps({"after_s": after_s}, ensure_ascii=False, sort_keys=True)
    told = select(events.c.number).where(
        events.c.source == sources.c.key,
        events.c.kind == EventKind.QUIET.value,
        events.c.detail == detail,
        events.c.at > moved,
    )
    query = select(sources, moved.label("moved")).where(
        sources.c.retired_at.is_(None),
        sources.c.next_check.is_not(None),
        sources.c.last_good.is_not(None),
        not_(or_(sources.c.failing, sources.c.gone)),
        sources.c.key.not_in(select(found.c.source)),
        moved <= before,
        not_(told.exists()),
    )
    with reading(archive.engine) as connection:
        return [(rows.source(row), row.moved) for row in connection.execute(query.order_by(sources.c.id))]


def note(archive: Archive, told: Sequence[Event], alerts: Sequence[Alert]) -> None:
    """Keep events that no check brought, with the alerts about them, in one transaction."""
    names = [one.source for one in told]
    with writing(archive.engine) as connection:
        known = connection.execute(select(sources.c.id, sources.c.key).where(sources.c.id.in_(names)))
        happening.keep(connection, {row.id: row.key for row in known}, told, alerts)
