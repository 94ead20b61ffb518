"""What happened, and the alerts about it, as rows: steps inside a transaction of the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from storage import chained, rows
from storage.inserting import into
from storage.marks import mark_of
from storage.schema import alerts, deliveries, events, sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from storage.records import Alert, Event


def keep(
    connection: Connection,
    keys: Mapping[str, int],
    told: Sequence[Event],
    fresh: Sequence[Alert] = (),
    said: Mapping[str, Any] | None = None,
) -> None:
    """Keep events and the alerts about them, after all else: they carry chain heads. ``keys``: source id → key.

    ``said`` is what a version that was just kept says itself (:func:`storage.keep.says`): of an event that says no more,
    only the version that it is about is kept, under a mark over all that it says.
    """
    kept = []
    for one in told:
        values = rows.event_values(keys[one.source], one)
        mark = mark_of("events", events.c.keys(), values)
        if said is not None and said.items() <= values.items():
            values = {"source": values["source"], "version": values["version"]}
        number = into(connection, events, {**values, "mark": mark})
        chained.on(connection, sources.c.told, keys[one.source], number, mark)
        kept.append((number, mark, one))
    _tell(connection, keys, kept, fresh)


def _tell(
    connection: Connection, keys: Mapping[str, int], told: Sequence[tuple[int, bytes, Event]], fresh: Sequence[Alert]
) -> None:
    """Keep alerts about events just kept (their numbers and marks beside them), with the chain heads that the sources have now.

    An alert that is known already is not told again.
    """
    if not fresh:
        return
    known = set(connection.scalars(select(alerts.c.id).where(alerts.c.id.in_([one.id for one in fresh]))))
    for alert in fresh:
        if alert.id in known:
            continue
        source = keys[alert.event.source]
        chain = connection.scalar(select(sources.c.chain).where(sources.c.key == source))
        known.add(alert.id)
        number, mark = next((number, mark) for number, mark, event in told if event is alert.event)
        values = {"id": alert.id, "event": number, "source": source, "chain": chain}
        marked = mark_of("alerts", alerts.c.keys(), values, event=mark)
        key = into(connection, alerts, {**values, "mark": marked})
        chained.on(connection, sources.c.sent, source, key, marked)
        waiting = [{"alert": key, "channel": name, "due": alert.event.at} for name in alert.channels]
        if waiting:
            connection.execute(insert(deliveries), waiting)
