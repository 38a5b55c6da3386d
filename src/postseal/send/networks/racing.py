"""A race of tasks, begun one after the other: the first that succeeds wins.

Source: RFC 8305 5.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from postseal.send.networks.happy_eyeballs import ATTEMPT_DELAY

__all__ = ["race"]

T = TypeVar("T")


async def race(
    attempts: Iterable[Callable[[], Awaitable[T]]], *, discard: Callable[[T], None]
) -> T:
    """Begin attempts one after the other, and give the result of the first that succeeds.

    The next begins when the one before has failed, or when `ATTEMPT_DELAY` has passed. The others
    are cancelled; what they have got by then is given to `discard`. Raises what the first raised,
    where all fail, and `ValueError` without any.
    """
    waiting = deque(attempts)
    running: set[asyncio.Future[T]] = set()
    failures: list[BaseException] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(waiting.popleft()()))
            done, running = await asyncio.wait(
                running,
                timeout=ATTEMPT_DELAY if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for attempt in done:
                if (error := attempt.exception()) is None:
                    running |= done - {attempt}
                    return attempt.result()
                failures.append(error)
        if not failures:
            raise ValueError("a race without anybody in it")
        raise failures[0]
    finally:
        for attempt in running:
            attempt.cancel()
        for late in await asyncio.gather(*running, return_exceptions=True):
            if not isinstance(late, BaseException):
                discard(late)
