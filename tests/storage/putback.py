"""Archives of today put back into the schema of an earlier day, with all that they hold: what a migration is given.

Each step undoes what one migration did to tables and rows, the newest first, so that the rows are as the programs of that
day wrote them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, select, update

from storage import guard
from storage.engine import engine_for, writing
from storage.queries import EVENT, telling
from storage.schema import events

MARKED: Final = ("snapshots", "versions", "timestamps")


def put_back(url: str, revision: str) -> None:
    """Put an archive of the newest schema back to ``revision``, which is 0009 or later."""
    engine = engine_for(url)
    with writing(engine) as connection:
        for newer, undo in UNDOES.items():
            if newer > revision:
                undo(connection)
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    engine.dispose()


def _events_said_all(connection: Connection) -> None:
    found = connection.execute(telling(select(*EVENT)).where(events.c.kind.is_(None))).mappings().all()
    assert found
    with guard.opened(connection, ("bodies", "events")):
        for row in found:
            connection.execute(update(events).where(events.c.number == row["number"]).values(**row))


def _told_had_no_marks(connection: Connection) -> None:
    for table in ("events", "alerts"):
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN mark")
    for column in ("told", "sent"):
        connection.exec_driver_sql(f"ALTER TABLE sources DROP COLUMN {column}")
    for statement in (
        "DROP INDEX versions_pruned",
        "DROP INDEX bodies_prefix",
        "CREATE INDEX bodies_prefix ON bodies (substr(digest, 1, 4))",
    ):
        connection.exec_driver_sql(statement)


def _nothing_was_worked_out(connection: Connection) -> None:
    connection.exec_driver_sql("DROP TABLE memories")


def _nothing_had_marks(connection: Connection) -> None:
    for table in MARKED:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN mark")
    connection.exec_driver_sql("ALTER TABLE sources DROP COLUMN held")
    if connection.dialect.name == "sqlite":
        for table in guard.EVIDENCE:
            connection.exec_driver_sql(f"DROP TRIGGER {table}_no_replace")


UNDOES: Final[dict[str, Callable[[Connection], None]]] = {
    "0013": _events_said_all,
    "0012": _told_had_no_marks,
    "0011": _nothing_was_worked_out,
    "0010": _nothing_had_marks,
}
