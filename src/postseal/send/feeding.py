"""Messages from an async iterable, fetched a few ahead so that one can be announced in time."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterable
from itertools import count
from typing import Generic, TypeVar

from postseal.send.many import Given, Source

__all__ = ["Fed"]

T = TypeVar("T")


class Fed(Generic[T], Source[Given[T]]):
    """Reads `messages` in a task of its own, up to `ahead` more than were taken.

    What the iterable raises is raised to those who take, behind the last message it gave.
    """

    def __init__(self, messages: AsyncIterable[T], *, ahead: int) -> None:
        self._messages = messages
        self._numbers = count(1)
        self._fetched: deque[Given[T]] = deque()
        self._room = asyncio.Semaphore(ahead)
        self._changed = asyncio.Event()
        self._is_read = False
        self._error: Exception | None = None
        self._task = asyncio.create_task(self._read())

    @property
    def is_over(self) -> bool:
        return self._is_read and not self._fetched and self._error is None

    def take_now(self) -> Given[T] | None:
        if not self._fetched:
            return None
        self._room.release()
        return self._fetched.popleft()

    async def take(self, until: float) -> Given[T] | None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(None if math.isinf(until) else until):
                while not (self._fetched or self._is_read):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            if loop.time() < until:
                raise
        if self._fetched:
            return self.take_now()
        if self._error is not None:
            raise self._error
        return None

    async def close(self) -> None:
        """Read no further."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        try:
            await self._room.acquire()
            async for message in self._messages:
                self._fetched.append(Given(next(self._numbers), message))
                self._changed.set()
                await self._room.acquire()
        except Exception as error:  # noqa: BLE001
            # It belongs to whoever waits for a message, not to the event loop.
            self._error = error
        finally:
            self._is_read = True
            self._changed.set()
