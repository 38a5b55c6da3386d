"""Many messages, one behind the other: the next envelope rides with the body before it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from postseal.errors import MailError
from postseal.send.pool import Pool
from postseal.send.results import Delivery, require_acceptance
from postseal.send.transaction import Deliveries, Outgoing

__all__ = ["Sent", "send_one_by_one"]

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
    waiting: list[tuple[T, Outgoing | MailError]] = []

    def take() -> bool:
        for message in messages:
            try:
                waiting.append((message, prepare(message)))
            except MailError as error:
                waiting.append((message, error))
            return True
        return False

    def following() -> Outgoing | None:
        if take() and isinstance(waiting[-1][1], Outgoing):
            return waiting[-1][1]
        return None

    while waiting or take():
        try:
            connection = await pool.take(deadline())
        except MailError as error:
            yield Sent(waiting.pop(0)[0], error=error)
            continue
        try:
            deliveries = Deliveries(connection)
            while connection.is_open and (waiting or take()):
                message, outgoing = waiting.pop(0)
                if isinstance(outgoing, MailError):
                    yield Sent(message, error=outgoing)
                    continue
                try:
                    delivery = await deliveries.deliver(
                        outgoing, deadline=deadline(), following=following
                    )
                    sent = Sent(message, require_acceptance(delivery))
                except MailError as error:
                    sent = Sent(message, error=error)
                yield sent
        finally:
            pool.put_back(connection)
