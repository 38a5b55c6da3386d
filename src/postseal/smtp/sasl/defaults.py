"""Where nonces and salts come from, unless told otherwise."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final, TypeAlias

__all__ = ["NonceSource", "RandomSource", "random_nonce", "random_octets"]

RandomSource: TypeAlias = Callable[[int], bytes]
"""Gives as many octets as asked for, which nobody can predict."""

NonceSource: TypeAlias = Callable[[], str]
"""Gives a text that was never used before: printable ASCII without a comma (RFC 5802 5.1)."""

_NONCE_OCTETS: Final = 18


def random_octets(count: int) -> bytes:
    """Draw from the operating system's cryptographic source."""
    return secrets.token_bytes(count)


def random_nonce() -> str:
    """Draw a nonce of 144 random bits."""
    return secrets.token_urlsafe(_NONCE_OCTETS)
