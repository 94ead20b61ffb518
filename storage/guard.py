"""What keeps evidence from being altered: the triggers on both engines, whether they stand, and the one way past them.

The way past is for ``prune`` alone. The triggers are taken away and put back inside the transaction that prunes; both
engines undo that with the rest of it when the process dies, so the door cannot be left open.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

if TYPE_CHECKING:
    from collections.abc import Iterator

EVIDENCE: Final = (
    "heads",
    "bodies",
    "snapshots",
    "headings",
    "verdicts",
    "versions",
    "events",
    "pages",
    "timestamps",
    "alerts",
)
"""The append-only tables."""


@contextmanager
def opened(connection: Connection, tables: tuple[str, ...]) -> Iterator[None]:
    """Let rows of these tables be updated until the block ends. Inside a transaction; an error must roll it back.

    On PostgreSQL this waits for all who write to them. Name ``bodies`` first: who records begins there, too.
    """
    if connection.dialect.name == "sqlite":
        names = _listed(tables)
        found = connection.exec_driver_sql(
            f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({names}) "  # noqa: S608
            "AND name LIKE '%_no_update'"
        ).all()
        for name, _ in found:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        yield
        for _, made in found:
            connection.exec_driver_sql(made)
        return
    for table in tables:
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only"))
    yield
    for table in tables:
        connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only"))


def shared(connection: Connection) -> None:
    """Wait for one who prunes, and let nobody begin to until this transaction ends: a body that it refers to must not go.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE bodies IN ROW EXCLUSIVE MODE"))


def missing(connection: Connection) -> list[str]:
    """The triggers that should stand and do not, or are switched off, by name."""
    wanted: dict[str, str | None] = {}
    if connection.dialect.name == "sqlite":
        for table in EVIDENCE:
            for verb in ("update", "delete", "replace"):
                wanted[f"{table}_no_{verb}"] = f"RAISE(ABORT, '{table} is append-only')"
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    else:
        for table in EVIDENCE:
            wanted |= {f"{table}_append_only": "refuse_change()", f"{table}_no_truncate": "refuse_change()"}
        rows = connection.exec_driver_sql(
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        )
    found = dict(tuple(row) for row in rows)
    return [name for name, part in wanted.items() if str(part) not in str(found.get(name))]


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)
