"""Time-stamps of the chain heads (RFC 3161): what an authority has signed, for ever."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "timestamps",
        sa.Column("number", counter, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("authority", sa.Text, nullable=False),
        sa.Column("heads", sa.LargeBinary, nullable=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER timestamps_no_{verb.lower()} BEFORE {verb} ON timestamps "
                "BEGIN SELECT RAISE(ABORT, 'timestamps is append-only'); END"
            )
        return
    # The function is the first schema's.
    op.execute(
        "CREATE TRIGGER timestamps_append_only BEFORE UPDATE OR DELETE ON timestamps "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER timestamps_no_truncate BEFORE TRUNCATE ON timestamps "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
