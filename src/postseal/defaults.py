"""Where the time and random octets come from, unless told otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

__all__ = ["Clock", "RandomSource", "local_now", "random_octets", "utc_now"]

Clock: TypeAlias = Callable[[], datetime]
"""Gives the present moment with its offset from UTC."""

RandomSource: TypeAlias = Callable[[int], bytes]
"""Gives as many octets as asked for, which nobody can predict."""


def local_now() -> datetime:
    """Read the system's clock, with the offset of the local time zone."""
    return datetime.now(UTC).astimezone()


def utc_now() -> datetime:
    """Read the system's clock where the offset does not matter."""
    return datetime.now(UTC)


def random_octets(count: int) -> bytes:
    """Draw from the operating system's cryptographic source."""
    return os.urandom(count)
