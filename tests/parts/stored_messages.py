"""What the platform has stored, octet for octet, read beside the running platform."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message: how it came in, for whom, and its octets with our trace field on top."""

    reverse_path: str
    recipients: tuple[str, ...]
    listener: str
    protocol: str
    tls_version: str | None
    authenticated_as: str | None
    content: bytes


def find_stored(data_directory: Path, marker: bytes) -> list[StoredMessage]:
    """Return the messages whose header or body holds `marker`, oldest first."""
    database = data_directory / "postseal.db"
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)) as reader:
        reader.execute("BEGIN")
        rows = reader.execute(
            "SELECT id, reverse_path, listener, protocol, tls_version, authenticated_as"
            " FROM messages ORDER BY received_at"
        ).fetchall()
        found = []
        for message, *columns in rows:
            pieces = reader.execute(
                "SELECT data FROM chunks WHERE message_id = ? ORDER BY sequence", (message,)
            )
            content = b"".join(piece for (piece,) in pieces)
            if marker not in content:
                continue
            recipients = reader.execute(
                "SELECT recipient FROM deliveries WHERE message_id = ? ORDER BY id", (message,)
            )
            reverse_path, listener, protocol, tls_version, authenticated_as = columns
            found.append(
                StoredMessage(
                    reverse_path=reverse_path,
                    recipients=tuple(one for (one,) in recipients),
                    listener=listener,
                    protocol=protocol,
                    tls_version=tls_version,
                    authenticated_as=authenticated_as,
                    content=content,
                )
            )
    return found
