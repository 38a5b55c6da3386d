"""PLAIN (RFC 4616): the password itself, in one message; fit for sealed channels only."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["PlainCredentials", "decode_plain", "encode_plain", "read_credentials"]

# RFC 4616 2: each of the three parts holds at most 255 octets of UTF-8.
_MAX_PART = 255


@dataclass(frozen=True, slots=True)
class PlainCredentials:
    """What PLAIN carries: the identity to act as (empty: one's own), the user and the password."""

    authorization_identity: str
    username: str
    password: str = field(repr=False)


def encode_plain(username: str, password: str, *, authorization_identity: str = "") -> bytes:
    """Write the one message of PLAIN.

    Raises `ValueError` where a part is empty, too long or holds a NUL, which separates the parts.
    """
    parts = {"username": username, "password": password}
    if authorization_identity:
        parts["authorization identity"] = authorization_identity
    for name, part in parts.items():
        if not part or "\x00" in part or len(part.encode()) > _MAX_PART:
            raise ValueError(f"the {name} for PLAIN must have 1 to {_MAX_PART} octets and no NUL")
    return f"{authorization_identity}\x00{username}\x00{password}".encode()


def decode_plain(message: bytes) -> PlainCredentials | None:
    """Read the message of a client; None where it is none."""
    parts = message.split(b"\x00")
    return read_credentials(*parts) if len(parts) == 3 else None


def read_credentials(
    authorization_identity: bytes, username: bytes, password: bytes
) -> PlainCredentials | None:
    """Read the parts; None where one is missing, too long, or no UTF-8 without NUL."""
    parts = (authorization_identity, username, password)
    if not username or not password:
        return None
    if any(len(part) > _MAX_PART or b"\x00" in part for part in parts):
        return None
    try:
        return PlainCredentials(*(part.decode("utf-8") for part in parts))
    except UnicodeDecodeError:
        return None
