"""SCRAM: a record beside each secret's hash, and the key that unknown users are made up with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both; the credentials that exist have no record, for nobody knows their secrets."""
    op.add_column("credentials", sa.Column("scram_record", sa.Text()))
    op.create_table(
        "platform_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform_keys")),
    )
