"""The outbox: alerts with the chain head they carry, their deliveries to channels, and the letters that are sent."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
moment = sa.BigInteger


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("event", counter, sa.ForeignKey("events.number"), nullable=False),
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key"), nullable=False),
        sa.Column("chain", sa.LargeBinary),
    )
    op.create_table(
        "letters",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key")),
        sa.Column("thread", sa.Text),
        sa.Column("digest", sa.Boolean, nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("due", moment),
        sa.Column("lease_until", moment),
        sa.Column("lease_owner", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("first_at", moment),
        sa.Column("last_at", moment),
        sa.Column("sent_at", moment),
        sa.Column("error", sa.Text),
        sa.Column("left_to", sa.Text),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index("letters_due", "letters", ["due"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("letters_channel", "letters", ["channel", "source", "made_at"])
    op.create_table(
        "deliveries",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("alert", counter, sa.ForeignKey("alerts.key"), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("due", moment, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("letter", counter, sa.ForeignKey("letters.key")),
        sa.Column("fate", sa.Text),
    )
    op.create_index("deliveries_alert", "deliveries", ["alert", "channel"], unique=True)
    op.create_index("deliveries_letter", "deliveries", ["letter"])
    free = sa.text("letter IS NULL AND fate IS NULL")
    op.create_index("deliveries_due", "deliveries", ["due"], sqlite_where=free, postgresql_where=free)
    op.create_table(
        "channels",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("told_as", sa.Text, nullable=False),
        sa.Column("stopped_at", moment),
        sa.Column("stopped_why", sa.Text),
    )
    for statement in append_only(op.get_bind().dialect.name):
        op.execute(statement)


def append_only(dialect: str) -> list[str]:
    """What a mailbox was told is evidence; PostgreSQL's function comes from the first migration."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER alerts_no_{verb.lower()} BEFORE {verb} ON alerts "
            "BEGIN SELECT RAISE(ABORT, 'alerts is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        f"CREATE TRIGGER alerts_{name} BEFORE {verb} ON alerts FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        for name, verb, each in (("append_only", "UPDATE OR DELETE", "ROW"), ("no_truncate", "TRUNCATE", "STATEMENT"))
    ]
