"""Many messages: taken one after the other, put off until they are due, told of in their order."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, unique
from itertools import count
from typing import Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from postseal.send.networks.network import Network
from postseal.send.pending import Pending, Sent

__all__ = [
    "KEPT_EACH",
    "MAX_PUT_OFF",
    "Arranged",
    "Backlog",
    "Given",
    "Job",
    "Jobs",
    "Order",
    "PutOff",
    "Source",
    "TakenInTurn",
    "numbered",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MAX_PUT_OFF: Final = 1000
"""A server that puts off everything must not make us keep everything."""

KEPT_EACH: Final = 32
"""How many results may wait for one before them, for each thread or task that sends."""


@unique
class Order(Enum):
    """In which order the results of many messages come."""

    AS_COMPLETED = "as completed"
    """Each as soon as it is known. A message that has to wait for another try holds up no other."""
    AS_GIVEN = "as given"
    """In the order of the messages; results that are known early are kept until their turn."""


class Given(NamedTuple, Generic[T]):
    """A message as it was given, and its place among the others."""

    number: int
    message: T


Job: TypeAlias = Given[T] | Pending[T]
"""The first attempt of a message, or one of the later."""


def numbered(messages: Iterable[T]) -> Iterator[Given[T]]:
    """Count messages as they are read."""
    return map(Given, count(1), messages)


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


class Jobs(Protocol[T]):
    """The messages of one call, for all its lanes."""

    def take_now(self) -> Job[T] | None:
        """Take what is there and due."""
        ...

    async def take(self) -> Job[T] | None:
        """Wait for the next; None at the end of all."""
        ...

    def put_off(self, pending: Pending[T]) -> None:
        """Keep a message until it is due."""
        ...


class PutOff(Generic[T]):
    """Messages that are to be tried again, the next one first."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._heap: list[tuple[float, int, Pending[T]]] = []

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_due(self) -> float:
        """The moment of the next one; infinite without any."""
        return self._heap[0][0] if self._heap else float("inf")

    def add(self, pending: Pending[T]) -> None:
        """Keep a message until it is due."""
        heapq.heappush(self._heap, (pending.due, pending.number, pending))

    def take_due(self) -> Pending[T] | None:
        """Take the next one, if its moment has come."""
        if self._heap and self._heap[0][0] <= self._network.now():
            return heapq.heappop(self._heap)[2]
        return None


class Backlog(Jobs[T]):
    """Those still to come, as lanes in one thread take them, and those put off."""

    def __init__(self, network: Network, source: Source[Given[T]]) -> None:
        self._network = network
        self._source = source
        self._put_off: PutOff[T] = PutOff(network)

    def take_now(self) -> Job[T] | None:
        if (pending := self._put_off.take_due()) is not None:
            return pending
        return self._source.take_now() if self._has_room else None

    async def take(self) -> Job[T] | None:
        while True:
            if (found := self.take_now()) is not None:
                return found
            due = self._put_off.next_due
            if self._has_room:
                if (given := await self._source.take(due)) is not None:
                    return given
            elif self._put_off:
                await self._network.sleep(due - self._network.now())
            else:
                return None

    def put_off(self, pending: Pending[T]) -> None:
        self._put_off.add(pending)

    @property
    def _has_room(self) -> bool:
        return not self._source.is_over and len(self._put_off) < MAX_PUT_OFF


class Arranged(Generic[T]):
    """Results in the order that is wanted: as they come, or kept until those before them came."""

    def __init__(self, order: Order) -> None:
        self._is_kept = order is Order.AS_GIVEN
        self._next = 1
        self._kept: dict[int, Sent[T]] = {}

    def __len__(self) -> int:
        """Tell how many wait for one before them."""
        return len(self._kept)

    def ready(self, number: int, sent: Sent[T]) -> Sequence[Sent[T]]:
        """Take one result; give all whose turn it is now."""
        if not self._is_kept:
            return (sent,)
        self._kept[number] = sent
        ready = []
        while self._next in self._kept:
            ready.append(self._kept.pop(self._next))
            self._next += 1
        return ready
