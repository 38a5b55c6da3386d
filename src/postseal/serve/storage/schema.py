"""The tables, as SQLAlchemy Core knows them; `migrations/` makes them on disk.

Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

__all__ = [
    "accounts",
    "attempts",
    "chunks",
    "credentials",
    "deliveries",
    "level_sightings",
    "messages",
    "metadata",
    "mta_sts_policies",
    "platform_keys",
    "tls_results",
    "web_sessions",
]

# Named constraints, so that a later migration can address them.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column(
        "account_id",
        ForeignKey("accounts.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("username", Text, nullable=False, unique=True),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    # As RFC 5803 writes it; none for who has not logged in since before there were any.
    Column("scram_record", Text),
)

platform_keys = Table(
    "platform_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("received_at", Double, nullable=False),
    Column("size", Integer, nullable=False),
    Column("reverse_path", Text, nullable=False),
    Column("is_8bit", Boolean, nullable=False),
    Column("is_internationalized", Boolean, nullable=False),
    Column("subject", Text, nullable=False),
    Column("header_from", Text, nullable=False),
    Column("header_to", Text, nullable=False),
    Column("header_message_id", Text, nullable=False),
    Column("listener", Text, nullable=False),
    Column("client_address", Text, nullable=False),
    Column("client_name", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("tls_version", Text),
    Column("tls_cipher", Text),
    Column("authenticated_as", Text),
    # How the message may travel (RFC 8689), in the words of `TLSRequirement`.
    Column("tls_requirement", Text, nullable=False, server_default="unstated"),
    # The list of messages, newest first.
    Index("ix_messages_received_at", "received_at", "id"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("message_id", "sequence"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Double),
    Column("lease_owner", Text),
    Column("lease_until", Double),
    Column("reason", Text, nullable=False, server_default=""),
    Column("updated_at", Double, nullable=False),
    CheckConstraint("state IN ('queued', 'sent', 'deferred', 'failed', 'held')", name="state"),
    # The queue is the rows that have a next attempt, and no others.
    CheckConstraint(
        "(next_attempt_at IS NOT NULL) = (state IN ('queued', 'deferred'))", name="due"
    ),
    CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name="lease"),
    CheckConstraint("lease_owner IS NULL OR next_attempt_at IS NOT NULL", name="lease_due"),
    Index("ix_deliveries_message_id", "message_id", "state"),
)

# Partial: they grow with the queue, not with the history.
Index(
    "ix_deliveries_next_attempt_at",
    deliveries.c.next_attempt_at,
    deliveries.c.id,
    sqlite_where=deliveries.c.next_attempt_at.is_not(None),
    postgresql_where=deliveries.c.next_attempt_at.is_not(None),
)
Index(
    "ix_deliveries_lease_owner",
    deliveries.c.lease_owner,
    deliveries.c.lease_until,
    sqlite_where=deliveries.c.lease_owner.is_not(None),
    postgresql_where=deliveries.c.lease_owner.is_not(None),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "delivery_id",
        ForeignKey("deliveries.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("started_at", Double, nullable=False),
    Column("finished_at", Double, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer),
    Column("peer_address", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("code", Integer),
    Column("enhanced_code", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("tls_level", Text, nullable=False),
    Column("tls_version", Text),
    Column("tls_cipher", Text),
    Column("peer_certificate", Text, nullable=False),
    Column("authenticated_by", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("explanation", Text, nullable=False, server_default=""),
    CheckConstraint("outcome IN ('sent', 'deferred', 'failed')", name="outcome"),
)

mta_sts_policies = Table(
    "mta_sts_policies",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("record_id", Text, nullable=False),
    # As the file that it was (RFC 8461 3.2).
    Column("policy", LargeBinary, nullable=False),
    Column("fetched_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)

level_sightings = Table(
    "level_sightings",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("level", Text, nullable=False),
    Column("seen_at", Double, nullable=False, index=True),
)

tls_results = Table(
    "tls_results",
    metadata,
    # In UTC, as ISO 8601 writes it: the order of texts is that of days.
    Column("day", Text, nullable=False),
    Column("domain", Text, nullable=False),
    # A list of the entries of RFC 8460 4.4, in JSON.
    Column("results", Text, nullable=False),
    PrimaryKeyConstraint("day", "domain"),
)
