"""A source may be renamed: its chain goes on under the name that was sealed into it first."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("sources", sa.Column("sealed_as", sa.Text))
