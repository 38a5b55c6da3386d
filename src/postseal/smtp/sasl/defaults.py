"""Where nonces come from, unless told otherwise."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final, TypeAlias

__all__ = ["NonceSource", "random_nonce"]

NonceSource: TypeAlias = Callable[[], str]
"""Gives a text that was never used before: printable ASCII without a comma (RFC 5802 5.1)."""

_NONCE_OCTETS: Final = 18


def random_nonce() -> str:
    """Draw a nonce of 144 random bits."""
    return secrets.token_urlsafe(_NONCE_OCTETS)
