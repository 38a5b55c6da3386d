"""Waiting, with a deadline, for what another process does and no event announces."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_INTERVAL = 0.02


def wait_until(
    condition: Callable[[], T | None],
    *,
    within: float,
    what: str,
    state: Callable[[], str] | None = None,
) -> T:
    """Call `condition` until it gives something true, and return that.

    After `within` seconds it fails with `what` was awaited and, where given, the `state` of things.
    """
    deadline = time.monotonic() + within
    while True:
        if found := condition():
            return found
        if time.monotonic() > deadline:
            detail = f"\n{state()}" if state else ""
            raise AssertionError(f"{what}: not within {within:g} s{detail}")
        time.sleep(_INTERVAL)
