"""Where a session takes the time from, unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

__all__ = ["Clock", "utc_now"]

Clock: TypeAlias = Callable[[], datetime]
"""Gives the present moment with its offset from UTC."""


def utc_now() -> datetime:
    """Read the system's clock."""
    return datetime.now(UTC)
