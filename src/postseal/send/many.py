"""Many messages: taken one after the other, put off until they are due, told of in their order."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, Generic, Protocol, TypeVar

from postseal.send.networks.network import Network
from postseal.send.pending import Pending, Sent

__all__ = ["Backlog", "Given", "InOrder", "Order", "Source", "TakenInTurn"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# A server that puts off everything must not make us keep everything.
_MAX_PUT_OFF: Final = 1000


@unique
class Order(Enum):
    """In which order the results of many messages come."""

    AS_COMPLETED = "as completed"
    """Each as soon as it is known. A message that has to wait for another try holds up no other."""
    AS_GIVEN = "as given"
    """In the order of the messages; results that are known early are kept until their turn."""


class Source(Protocol[T_co]):
    """Where messages come from; several lanes may share one."""

    @property
    def is_over(self) -> bool:
        """True when there will be no more."""
        ...

    def take_now(self) -> T_co | None:
        """Take the next message, if it is there."""
        ...

    async def take(self, until: float) -> T_co | None:
        """Take the next message; None if it has not come by `until`, or will never."""
        ...


class TakenInTurn(Source[T]):
    """Messages of an iterator, which is read no further than it is asked for."""

    def __init__(self, messages: Iterator[T]) -> None:
        self._messages = messages
        self._is_over = False

    @property
    def is_over(self) -> bool:
        return self._is_over

    def take_now(self) -> T | None:
        for message in self._messages:
            return message
        self._is_over = True
        return None

    async def take(self, until: float) -> T | None:
        return self.take_now()


@dataclass(frozen=True, slots=True)
class Given(Generic[T]):
    """A message as it was given, and its place among the others."""

    number: int
    message: T


class Backlog(Generic[T]):
    """The messages of one call, for all its lanes: those still to come, and those put off."""

    def __init__(self, network: Network, source: Source[T]) -> None:
        self._network = network
        self._source = source
        self._count = 0
        self._put_off: list[tuple[float, int, Pending[T]]] = []

    def take_now(self) -> Given[T] | Pending[T] | None:
        """Take what is there and due; the first attempt of a message is its `Given`."""
        if self._put_off and self._put_off[0][0] <= self._network.now():
            return heapq.heappop(self._put_off)[2]
        return self._numbered(self._source.take_now()) if self._has_room else None

    async def take(self) -> Given[T] | Pending[T] | None:
        """Wait for the next; None at the end of all."""
        while True:
            if (found := self.take_now()) is not None:
                return found
            due = self._put_off[0][0] if self._put_off else float("inf")
            if self._has_room:
                if (given := self._numbered(await self._source.take(due))) is not None:
                    return given
            elif self._put_off:
                await self._network.sleep(due - self._network.now())
            else:
                return None

    def put_off(self, pending: Pending[T]) -> None:
        """Keep a message until it is due."""
        heapq.heappush(self._put_off, (pending.due, pending.number, pending))

    @property
    def _has_room(self) -> bool:
        return not self._source.is_over and len(self._put_off) < _MAX_PUT_OFF

    def _numbered(self, message: T | None) -> Given[T] | None:
        if message is None:
            return None
        self._count += 1
        return Given(self._count, message)


class InOrder(Generic[T]):
    """Results kept until those of all messages before them have been given."""

    def __init__(self) -> None:
        self._next = 1
        self._kept: dict[int, Sent[T]] = {}

    def ready(self, number: int, sent: Sent[T]) -> Iterator[Sent[T]]:
        """Take one result; give all whose turn it is now."""
        self._kept[number] = sent
        while self._next in self._kept:
            yield self._kept.pop(self._next)
            self._next += 1
