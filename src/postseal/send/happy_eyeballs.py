"""Several addresses of one host: in which order they are tried, and the race between them.

Source: RFC 8305 4, 5.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain, zip_longest
from typing import Final, TypeVar

from postseal.send.network import IPAddress

__all__ = ["ATTEMPT_DELAY", "in_turn", "race"]

T = TypeVar("T")

ATTEMPT_DELAY: Final = 0.25
"""How long an attempt is alone before the next one begins, in seconds (RFC 8305 5)."""


def in_turn(addresses: Iterable[IPAddress]) -> tuple[IPAddress, ...]:
    """Order addresses for the attempts: IPv6 first, then the two families by turns."""
    distinct = tuple(dict.fromkeys(addresses))
    by_family = ([one for one in distinct if one.version == version] for version in (6, 4))
    turns = chain.from_iterable(zip_longest(*by_family))
    return tuple(address for address in turns if address is not None)


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
