"""Is each capture as it was written, and none of its source missing?"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select

from storage.marks import held, mark_of
from storage.proving.asking import ANSWER, BROKEN, FURTHER, RECEIVED, Asking, headers_of, raw, raws
from storage.schema import bodies, heads, pages, snapshots, sources, versions


def captures(asking: Asking) -> None:
    """Prove the mark of each capture, and that the marks chain to what each source holds."""
    query: Select[Any] = select(*raws(snapshots), *RECEIVED, raw(bodies.c.digest).label("body_digest"), FURTHER)
    query = query.select_from(snapshots).outerjoin(heads, heads.c.key == snapshots.c.head)
    query = query.outerjoin(bodies, bodies.c.key == snapshots.c.body).order_by(snapshots.c.number)
    chains: dict[int, bytes] = {}
    for row in asking.counted("captures", asking.of_only(query, snapshots.c.source)):
        asking.report.captures += 1
        marks = asking.further(row.number, snapshots.c.mark) if row.further else []
        further = b"".join(mark for mark in marks if isinstance(mark, bytes))
        linked = {name: row._mapping[name] for name in ANSWER}
        linked |= {
            "head": None,
            "headers": headers_of(row, row.fetched_at),
            "body": row.body_digest,
            "pages": further,
        }
        mark = mark_of("snapshots", snapshots.c.keys(), row._mapping, **linked)
        if mark != row.mark or (row.further and not _in_order(asking, row.number, row.further)):
            _blame(asking, row)
        try:
            chains[row.source] = held(chains.get(row.source), row.number, row.mark)
        except BROKEN:
            chains[row.source] = b""
    for row in asking.stream(asking.of_only(select(sources.c.key, sources.c.id, sources.c.held), sources.c.key)):
        if chains.get(row.key) != row.held:
            said = f"{row.id}: a capture is missing, added or out of order (their marks do not chain to what is held)"
            asking.report.add("captures", said, row.id)


def _blame(asking: Asking, row: Row[Any]) -> None:
    name = asking.connection.scalar(select(sources.c.id).where(sources.c.key == row.source))
    number = asking.connection.scalar(select(versions.c.number).where(versions.c.snapshot == row.number).limit(1))
    at = f"{name}@{number}" if number is not None else f"{name}"
    said = f"{at}: how it was received (capture {row.number}) is not as it was written (mark)"
    asking.report.add("capture", said, name, number)


def _in_order(asking: Asking, first: int, count: int) -> bool:
    """Whether the further pages of a capture stand at 2, 3, …"""
    places = asking.connection.scalars(select(raw(pages.c.place)).where(pages.c.first == first))
    return sorted(places, key=str) == sorted(range(2, count + 2), key=str)
