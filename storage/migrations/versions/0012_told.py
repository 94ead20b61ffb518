"""Marks on events and alerts, chained in their source; a smaller index of bodies, and one of what was pruned.

The triggers refuse updates, so they are lifted while rows kept before are marked: in the same transaction as the rest.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic import op

from storage.marks import held, mark_of  # the format of marks is frozen: variorum/mark/1

# ruff: noqa: S608  (the names of tables are those below)

revision = "0012"
down_revision = "0011"

MARKED = ("events", "alerts")
EVENT = ("source", "kind", "at", "version", "severity", "silent", "after", "before", "detail")
ALERT = ("id", "event", "source", "chain")
PART = 500


def upgrade() -> None:
    op.execute("DROP INDEX bodies_prefix")
    op.execute("CREATE INDEX bodies_prefix ON bodies (substr(digest, 1, 3))")
    op.execute("CREATE INDEX versions_pruned ON versions (source) WHERE length(packed) = 0")
    for table in MARKED:
        op.add_column(table, sa.Column("mark", sa.LargeBinary))
    for chained in ("told", "sent"):
        op.add_column("sources", sa.Column(chained, sa.LargeBinary))
    bind = op.get_bind()
    lifted = lift(bind)
    mark_rows(bind)
    for statement in lifted:
        op.execute(statement)


def lift(bind: sa.Connection) -> list[str]:
    """Take the update triggers away; returns what puts them back."""
    if bind.dialect.name != "sqlite":
        for table in MARKED:
            op.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
        return [f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only" for table in MARKED]
    back = []
    for table in MARKED:
        name = f"{table}_no_update"
        back.append(bind.execute(sa.text(f"SELECT sql FROM sqlite_master WHERE name = '{name}'")).scalar_one())
        op.execute(f"DROP TRIGGER {name}")
    return back


def mark_rows(bind: sa.Connection) -> None:
    for rows in parts(bind, "SELECT x.*, x.number AS n FROM events x"):
        marks = [{"m": mark_of("events", EVENT, plain(row)), "n": row["n"]} for row in rows]
        bind.execute(sa.text("UPDATE events SET mark = :m WHERE number = :n"), marks)
    event = "SELECT x.*, x.key AS n, e.mark AS event_mark FROM alerts x JOIN events e ON e.number = x.event"
    for rows in parts(bind, event, "x.key"):
        marks = [
            {"m": mark_of("alerts", ALERT, plain(row), event=bytes(row["event_mark"])), "n": row["n"]} for row in rows
        ]
        bind.execute(sa.text("UPDATE alerts SET mark = :m WHERE key = :n"), marks)
    for table, key, chained in (("events", "number", "told"), ("alerts", "key", "sent")):
        chains: dict[int, bytes] = {}
        for rows in parts(bind, f"SELECT x.{key} AS n, x.source, x.mark FROM {table} x", f"x.{key}"):
            for row in rows:
                chains[row["source"]] = held(chains.get(row["source"]), row["n"], bytes(row["mark"]))
        for source, chain in chains.items():
            bind.execute(sa.text(f"UPDATE sources SET {chained} = :c WHERE key = :k"), {"c": chain, "k": source})


def plain(row: sa.RowMapping) -> dict[str, object]:
    """The row as the program sees it: bytes are bytes on both engines."""
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}


def parts(bind: sa.Connection, query: str, key: str = "x.number") -> Iterator[Sequence[sa.RowMapping]]:
    """The rows by their key, some hundreds at a time."""
    asked = sa.text(f"{query} WHERE {key} > :last ORDER BY {key} LIMIT {PART}")
    last = 0
    while rows := bind.execute(asked, {"last": last}).mappings().all():
        yield rows
        last = rows[-1]["n"]
