"""The first schema.

A released migration never changes, so it names its tables itself instead of taking them from ``storage.schema``; a test
holds that both are equal at the newest revision.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
moment = sa.BigInteger


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("key", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("series", sa.Text),
        sa.Column("tags", sa.Text, nullable=False, server_default=""),
        sa.Column("baseline", sa.Text),
        sa.Column("declared_at", moment, nullable=False),
        sa.Column("retired_at", moment),
        sa.Column("next_check", moment),
        sa.Column("lease_until", moment),
        sa.Column("lease_owner", sa.Text),
        sa.Column("etag", sa.Text),
        sa.Column("last_modified", sa.Text),
        sa.Column("final_url", sa.Text),
        sa.Column("number", sa.Integer),
        sa.Column("digest", sa.LargeBinary),
        sa.Column("length", sa.Integer, nullable=False, server_default="0"),
        sa.Column("reader", sa.Text),
        sa.Column("snapshot", counter),
        sa.Column("chain", sa.LargeBinary),
        sa.Column("first_seen", moment),
        sa.Column("last_good", moment),
        sa.Column("last_change", moment),
        sa.Column("last_check", moment),
        sa.Column("last_outcome", sa.Text),
        sa.Column("last_error", sa.Text),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failing_since", moment),
        sa.Column("failing", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("suspicion", sa.Text),
        sa.Column("run", counter),
    )
    watched = sa.text("retired_at IS NULL")
    op.create_index("sources_due", "sources", ["next_check"], sqlite_where=watched, postgresql_where=watched)
    op.create_table(
        "bodies",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("base", counter, sa.ForeignKey("bodies.key")),
        sa.Column("depth", sa.SmallInteger, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("number", counter, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key"), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("final_url", sa.Text),
        sa.Column("status", sa.SmallInteger),
        sa.Column("fetched_at", moment, nullable=False),
        sa.Column("redirects", sa.Text),
        sa.Column("headers", sa.LargeBinary, nullable=False),
        sa.Column("body", counter, sa.ForeignKey("bodies.key"), nullable=False),
        sa.Column("doubt", sa.Text),
    )
    op.create_table(
        "headings",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("title", sa.Text),
        sa.Column("published", sa.Text),
    )
    op.create_table(
        "versions",
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("heading", counter, sa.ForeignKey("headings.key"), nullable=False),
        sa.Column("depth", sa.SmallInteger, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
        sa.Column("snapshot", counter, sa.ForeignKey("snapshots.number"), nullable=False),
        sa.Column("reader", sa.Text, nullable=False),
        sa.Column("captured", moment, nullable=False),
        sa.Column("imported", moment),
        sa.Column("after", moment),
        sa.Column("before", moment, nullable=False),
        sa.Column("severity", sa.SmallInteger),
        sa.Column("silent", sa.Boolean, nullable=False),
        sa.Column("reread", sa.Boolean, nullable=False),
        sa.Column("differ", sa.Text),
        sa.Column("kinds", sa.Text),
        sa.Column("script", sa.LargeBinary),
        sa.Column("chain", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ledger",
        sa.Column("number", counter, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key"), nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("first", moment, nullable=False),
        sa.Column("last", moment, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("error", sa.Text),
    )
    op.create_index("ledger_source", "ledger", ["source", "version"])
    op.create_table(
        "events",
        sa.Column("number", counter, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("severity", sa.SmallInteger),
        sa.Column("silent", sa.Boolean, nullable=False),
        sa.Column("after", moment),
        sa.Column("before", moment),
        sa.Column("detail", sa.Text),
    )
    op.create_index("events_source", "events", ["source"])
    for statement in append_only(op.get_bind().dialect.name):
        op.execute(statement)


def append_only(dialect: str) -> list[str]:
    tables = ("bodies", "snapshots", "headings", "versions", "events")
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for table in tables
            for verb in ("UPDATE", "DELETE")
        ]
    refuse = (
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    rows = [
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in tables
    ]
    # A row trigger does not stop TRUNCATE.
    whole = [
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in tables
    ]
    return [refuse, *rows, *whole]
