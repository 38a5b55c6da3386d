"""What the platform's database says, read beside the running platform and never written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try to deliver, as recorded."""

    outcome: str
    phase: str
    text: str
    tls_level: str
    tls_version: str | None
    tls_cipher: str | None
    authenticated_by: str
    explanation: str = field(default="", compare=False)
    enhanced_code: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One recipient of one message, with the tries so far, oldest first."""

    message_id: str
    header_message_id: str
    recipient: str
    state: str
    reason: str
    is_leased: bool
    attempts: tuple[AttemptRow, ...]


def read_deliveries(data_directory: Path) -> list[DeliveryRow]:
    """Return all deliveries, oldest first, as one transaction sees them."""
    database = data_directory / "postseal.db"
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)) as reader:
        reader.execute("BEGIN")
        attempts: dict[int, list[AttemptRow]] = {}
        for delivery, *columns in reader.execute(
            "SELECT delivery_id, outcome, phase, text, tls_level, tls_version, tls_cipher,"
            " authenticated_by, explanation, enhanced_code FROM attempts ORDER BY id"
        ):
            attempts.setdefault(delivery, []).append(AttemptRow(*columns))
        rows = reader.execute(
            "SELECT deliveries.id, message_id, header_message_id, recipient, state, reason,"
            " lease_owner IS NOT NULL"
            " FROM deliveries JOIN messages ON messages.id = message_id ORDER BY deliveries.id"
        ).fetchall()
    return [
        DeliveryRow(
            message_id=message,
            header_message_id=header,
            recipient=recipient,
            state=state,
            reason=reason,
            is_leased=bool(leased),
            attempts=tuple(attempts.get(delivery, ())),
        )
        for delivery, message, header, recipient, state, reason, leased in rows
    ]
