"""Many messages, one behind the other: the next envelope rides with the body before it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from postseal.errors import MailError
from postseal.mail import Envelope
from postseal.send.outgoing import Outgoing
from postseal.send.pool import Pool
from postseal.send.results import Delivery, require_acceptance
from postseal.send.transaction import Deliveries

__all__ = ["Pending", "Sent", "send_one_by_one"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sent(Generic[T]):
    """What became of one message of many: its `delivery`, or the `error` that `send` raises."""

    message: T
    delivery: Delivery | None = None
    error: MailError | None = None

    def result(self) -> Delivery:
        """Give the delivery, or raise the error."""
        if self.delivery is None:
            raise self.error or MailError("the message was not sent")
        return self.delivery


@dataclass(frozen=True, slots=True)
class Pending(Generic[T]):
    """A message of which some recipients are still to be tried, and what became of the others."""

    message: T
    outgoing: Outgoing
    so_far: Delivery | None = None

    def delivered(self, delivery: Delivery) -> Pending[T] | Sent[T]:
        """Give what is left to do, or what the end is."""
        if self.so_far is not None:
            delivery = self.so_far.joined_with(delivery)
        if not delivery.untried:
            return self._sent(delivery)
        rest = Envelope(self.outgoing.envelope.sender, delivery.untried)
        return replace(self, outgoing=replace(self.outgoing, envelope=rest), so_far=delivery)

    def failed(self, error: MailError) -> Sent[T]:
        """Give the end when `error` came in the way of those who were left."""
        if self.so_far is None:
            return Sent(self.message, error=error)
        return self._sent(self.so_far.broken_off(self.outgoing.envelope.recipients, error))

    def _sent(self, delivery: Delivery) -> Sent[T]:
        try:
            return Sent(self.message, require_acceptance(delivery))
        except MailError as error:
            return Sent(self.message, error=error)


async def send_one_by_one(
    pool: Pool,
    messages: Iterator[T],
    prepare: Callable[[T], Outgoing],
    deadline: Callable[[], float],
) -> AsyncGenerator[Sent[T], None]:
    """Send what `messages` gives over one connection at a time, in its order.

    `messages` may be shared: each message is taken once. A message that cannot be sent is
    reported and does not stop the others; one that was only announced on a connection that broke
    goes over the next.
    """
    waiting: list[Pending[T] | Sent[T]] = []

    def take() -> bool:
        for message in messages:
            try:
                waiting.append(Pending(message, prepare(message)))
            except MailError as error:
                waiting.append(Sent(message, error=error))
            return True
        return False

    def following() -> Outgoing | None:
        if take() and isinstance(rider := waiting[-1], Pending):
            return rider.outgoing
        return None

    while waiting or take():
        try:
            connection = await pool.take(deadline())
        except MailError as error:
            first = waiting.pop(0)
            yield first if isinstance(first, Sent) else first.failed(error)
            continue
        try:
            deliveries = Deliveries(connection)
            while connection.is_open and (waiting or take()):
                step = waiting.pop(0)
                if isinstance(step, Pending):
                    step = await _advance(step, deliveries, deadline(), following)
                if isinstance(step, Pending):
                    # The server's limits for a session were reached; the next connection goes on.
                    waiting.insert(0, step)
                else:
                    yield step
        finally:
            pool.put_back(connection)


async def _advance(
    pending: Pending[T],
    deliveries: Deliveries,
    deadline: float,
    following: Callable[[], Outgoing | None],
) -> Pending[T] | Sent[T]:
    try:
        delivery = await deliveries.deliver(
            pending.outgoing, deadline=deadline, following=following
        )
    except MailError as error:
        return pending.failed(error)
    return pending.delivered(delivery)
