"""The results of many messages: from the tasks that send them to the one that asks for them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from postseal.send.many import KEPT_EACH, Arranged, Order
from postseal.send.pending import Sent

__all__ = ["Gathered"]

T = TypeVar("T")


class Gathered(Generic[T]):
    """What so many tasks give and one takes, as it comes or in the order of the messages.

    A task waits with its result while too many others have not been taken.
    """

    def __init__(self, order: Order, *, tasks: int) -> None:
        self._tasks = tasks
        self._arranged: Arranged[T] = Arranged(order)
        self._is_in_order = order is Order.AS_GIVEN
        self._room = KEPT_EACH * tasks if self._is_in_order else tasks
        self._ready: deque[Sent[T]] = deque()
        self._given = 0
        self._came = asyncio.Event()
        self._went = asyncio.Event()

    async def put(self, number: int, sent: Sent[T]) -> None:
        """Give the result of one message."""
        while not self._has_room(number):
            self._went.clear()
            await self._went.wait()
        self._ready.extend(self._arranged.ready(number, sent))
        self._came.set()

    def leave(self) -> None:
        """End the part of one task."""
        self._tasks -= 1
        self._came.set()

    async def take(self) -> Sent[T] | None:
        """Wait for the next result; None when every task has left."""
        while not self._ready:
            if not self._tasks:
                return None
            self._came.clear()
            await self._came.wait()
        self._given += 1
        self._went.set()
        return self._ready.popleft()

    def _has_room(self, number: int) -> bool:
        if not self._is_in_order:
            return len(self._ready) < self._room
        # Those before it are all taken, ready, or kept until their turn comes.
        return number <= self._given + self._room
