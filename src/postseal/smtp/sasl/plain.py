"""PLAIN (RFC 4616): the password itself, in one message; fit for sealed channels only."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["PlainCredentials", "decode_plain", "encode_plain"]

# RFC 4616 2: each of the three parts holds at most 255 octets of UTF-8.
_MAX_PART = 255


@dataclass(frozen=True, slots=True)
class PlainCredentials:
    """What PLAIN carries: the identity to act as (empty: one's own), the user and the password."""

    authorization_identity: str
    username: str
    password: str = field(repr=False)


def encode_plain(username: str, password: str) -> bytes:
    """Write the one message of PLAIN.

    Raises `ValueError` where a part is empty, too long or holds a NUL, which separates the parts.
    """
    for name, part in (("username", username), ("password", password)):
        if not part or "\x00" in part or len(part.encode()) > _MAX_PART:
            raise ValueError(f"the {name} for PLAIN must have 1 to {_MAX_PART} octets and no NUL")
    return f"\x00{username}\x00{password}".encode()


def decode_plain(message: bytes) -> PlainCredentials | None:
    """Read the message of a client; None where it is none."""
    try:
        parts = message.decode("utf-8").split("\x00")
    except UnicodeDecodeError:
        return None
    if len(parts) != 3 or not parts[1] or not parts[2]:
        return None
    if any(len(part.encode()) > _MAX_PART for part in parts):
        return None
    return PlainCredentials(*parts)
