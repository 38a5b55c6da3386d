"""What is remembered of destinations' TLS, what messages ask of it, and why an attempt went so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; messages that are stored already have asked for nothing."""
    op.add_column(
        "messages",
        sa.Column("tls_requirement", sa.Text(), server_default="unstated", nullable=False),
    )
    op.add_column(
        "attempts", sa.Column("explanation", sa.Text(), server_default="", nullable=False)
    )
    op.create_table(
        "mta_sts_policies",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("policy", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_mta_sts_policies")),
    )
    op.create_index("ix_mta_sts_policies_expires_at", "mta_sts_policies", ["expires_at"])
    op.create_table(
        "level_sightings",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_level_sightings")),
    )
    op.create_index("ix_level_sightings_seen_at", "level_sightings", ["seen_at"])
    op.create_table(
        "tls_results",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("results", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", "domain", name=op.f("pk_tls_results")),
    )
