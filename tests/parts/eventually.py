"""Waiting inside an event loop, with a deadline, for what no event announces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_INTERVAL = 0.01


async def eventually(condition: Callable[[], T | None], *, what: str, within: float = 15.0) -> T:
    """Call `condition` until it gives something true, and return that; then fail with `what`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        if found := condition():
            return found
        if loop.time() > deadline:
            raise AssertionError(f"{what}: not within {within:g} s")
        await asyncio.sleep(_INTERVAL)
