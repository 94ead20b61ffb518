"""Events that say no more than their version does keep only its number; their marks, over what they say, stay as they are.

SQLite replaces the table, which also frees what the columns took; PostgreSQL empties the columns.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

FOLLOWING = ("kind", "at", "severity", "silent", "after", "before")
# What storage.keep.says would say of the version. (Not IS NOT DISTINCT FROM: SQLite has that from 3.39 on.)
FOLLOWS = """
EXISTS (
  SELECT 1 FROM versions v JOIN verdicts d ON d.key = v.verdict JOIN snapshots s ON s.number = v.snapshot
  WHERE v.source = e.source AND v.number = e.version AND e.detail IS NULL
  AND e.kind = d.outcome AND e.silent = d.silent
  AND (e.severity = d.severity OR (e.severity IS NULL AND d.severity IS NULL))
  AND e.at = coalesce(v.before, s.fetched_at) AND e.before = coalesce(v.before, s.fetched_at)
  AND (e.after = v.after OR (e.after IS NULL AND v.after IS NULL))
)
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        replace()
    else:
        for name in ("kind", "at", "silent"):
            op.alter_column("events", name, nullable=True)
        op.execute("ALTER TABLE events DISABLE TRIGGER events_append_only")
        emptied = ", ".join(f"{name} = NULL" for name in FOLLOWING)
        op.execute(f"UPDATE events e SET {emptied} WHERE {FOLLOWS}")  # noqa: S608
        op.execute("ALTER TABLE events ENABLE TRIGGER events_append_only")


def replace() -> None:
    """The table anew, with its index and triggers as they were."""
    made = "SELECT sql FROM sqlite_master WHERE tbl_name = 'events' AND type IN ('index', 'trigger') ORDER BY type"
    again = list(op.get_bind().execute(sa.text(made)).scalars())
    op.create_table(
        "new_events",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key"), nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("at", sa.BigInteger),
        sa.Column("version", sa.Integer),
        sa.Column("severity", sa.SmallInteger),
        sa.Column("silent", sa.Boolean),
        sa.Column("after", sa.BigInteger),
        sa.Column("before", sa.BigInteger),
        sa.Column("detail", sa.Text),
        sa.Column("mark", sa.LargeBinary),
    )
    kept = ", ".join(f"CASE WHEN follows THEN NULL ELSE {name} END" for name in FOLLOWING)
    op.execute(
        f"INSERT INTO new_events (number, source, version, detail, mark, {', '.join(FOLLOWING)}) "  # noqa: S608
        f"SELECT number, source, version, detail, mark, {kept} "
        f"FROM (SELECT e.*, {FOLLOWS} AS follows FROM events e) ORDER BY number"
    )
    op.execute("DROP TABLE events")
    op.execute("ALTER TABLE new_events RENAME TO events")
    for statement in again:
        op.execute(statement)
