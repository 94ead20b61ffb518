"""What is watched: sources as the configuration declares them, adopted from elsewhere, or renamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from storage import rows
from storage.engine import alone_in, reading, writing
from storage.queries import chunks, declared_sources
from storage.schema import sources

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from storage.records import Source


class Declaring:
    """The part of the archive that knows what is watched."""

    _engine: Engine

    def declare(self, declared: Sequence[Source], now: datetime, *, idle: Container[str] = frozenset()) -> None:
        """Make the sources what the configuration says: new ones are due at once, missing ones are retired.

        A retired source keeps its history and comes back with it when it is declared again; one of ``idle`` is declared,
        but never due. Nothing is written when nothing differs.
        """
        with reading(self._engine) as connection:
            if not any(_differences(connection, declared, now, idle)):
                return
        with writing(self._engine) as connection:
            # Looked at again, alone: a daemon and a command may declare the same at the same moment.
            alone_in(connection, sources.name)
            fresh, moved, left = _differences(connection, declared, now, idle)
            if fresh:
                connection.execute(insert(sources), fresh)
            for key, values in moved:
                connection.execute(update(sources).where(sources.c.key == key).values(**values))
            for part in chunks(left):
                connection.execute(update(sources).where(sources.c.key.in_(part)).values(retired_at=now))

    def adopt(self, source: Source, now: datetime) -> None:
        """Make a source known that no configuration declares: brought in from elsewhere, never checked by itself."""
        with writing(self._engine) as connection:
            alone_in(connection, sources.name)
            known = connection.scalar(select(sources.c.key).where(sources.c.id == source.id))
            if known is None:
                connection.execute(
                    insert(sources).values(id=source.id, **rows.declaration(source), declared_at=now, retired_at=now)
                )

    def sources(self, *, retired: bool = False) -> list[Source]:
        """The sources that are watched, by id; with the retired ones when asked."""
        with reading(self._engine) as connection:
            found = connection.execute(declared_sources().order_by(sources.c.id))
            return [rows.source(row) for row in found if retired or row.retired_at is None]

    def named(self, name: str) -> tuple[Source | None, list[str]]:
        """The source of that id, else the ids of the sources in the series of that name; the retired ones as well."""
        with reading(self._engine) as connection:
            row = connection.execute(declared_sources().where(sources.c.id == name)).one_or_none()
            if row is not None:
                return rows.source(row), []
            members = select(sources.c.id).where(sources.c.series == name).order_by(sources.c.id)
            return None, list(connection.scalars(members))

    def rename(self, was: Mapping[str, str]) -> list[str]:
        """Continue histories under new ids (new id → old id). Returns the new ids that took one over.

        An old id that is not known, or a new one that has a history of its own, is left as it is.
        """
        taken = []
        with writing(self._engine) as connection:
            for new, old in was.items():
                key = connection.scalar(select(sources.c.key).where(sources.c.id == old))
                other = connection.scalar(select(sources.c.key).where(sources.c.id == new))
                if key is None or other is not None:
                    continue
                connection.execute(
                    update(sources)
                    .where(sources.c.key == key)
                    .values(id=new, sealed_as=func.coalesce(sources.c.sealed_as, sources.c.id))
                )
                taken.append(new)
        return taken


def _differences(
    connection: Connection, declared: Sequence[Source], now: datetime, idle: Container[str]
) -> tuple[list[dict[str, Any]], list[tuple[int, dict[str, Any]]], list[int]]:
    """What is declared and not known, what is known otherwise (with its key), and the keys of what is declared no more."""
    known = {row.id: row for row in connection.execute(declared_sources())}
    fresh, moved = [], []
    for source in declared:
        wanted = rows.declaration(source)
        row = known.pop(source.id, None)
        if row is None:
            due_at = None if source.id in idle else now
            fresh.append({"id": source.id, **wanted, "declared_at": now, "next_check": due_at})
        else:
            due_at = None if source.id in idle else now if row.retired_at is not None else row.next_check or now
            wanted |= {"retired_at": None, "next_check": due_at}
            if {key: getattr(row, key) for key in wanted} != wanted:
                moved.append((row.key, wanted))
    return fresh, moved, [row.key for row in known.values() if row.retired_at is None]
