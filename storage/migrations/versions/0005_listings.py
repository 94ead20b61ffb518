"""What listings found, and texts on several pages."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0001"

counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
moment = sa.BigInteger


def upgrade() -> None:
    op.create_table(
        "found",
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key"), primary_key=True, autoincrement=False),
        sa.Column("listing", sa.Integer, sa.ForeignKey("sources.key"), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("published_at", moment),
        sa.Column("stamp", sa.Text),
        sa.Column("kept_stamp", sa.Text),
        sa.Column("first_listed", moment, nullable=False),
        sa.Column("missing_since", moment),
    )
    op.create_index("found_listing", "found", ["listing"])
    op.create_table(
        "pages",
        sa.Column("first", counter, sa.ForeignKey("snapshots.number"), primary_key=True, autoincrement=False),
        sa.Column("place", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("snapshot", counter, sa.ForeignKey("snapshots.number"), nullable=False),
    )
    for statement in append_only(op.get_bind().dialect.name):
        op.execute(statement)


def append_only(dialect: str) -> list[str]:
    """Which pages a snapshot had is evidence; PostgreSQL's function comes from the first migration."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER pages_no_{verb.lower()} BEFORE {verb} ON pages "
            "BEGIN SELECT RAISE(ABORT, 'pages is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        f"CREATE TRIGGER pages_{name} BEFORE {verb} ON pages FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        for name, verb, each in (("append_only", "UPDATE OR DELETE", "ROW"), ("no_truncate", "TRUNCATE", "STATEMENT"))
    ]
