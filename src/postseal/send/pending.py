"""One message on its way through attempts: what is left of it to do, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

from postseal.address import Address
from postseal.errors import DeliveryUnknown, MailError
from postseal.mail.envelope import Envelope
from postseal.send.networks.network import Network
from postseal.send.outgoing import Outgoing, can_be_read_again
from postseal.send.results import Delivery, Refusal, require_acceptance
from postseal.send.retrying import RetryPolicy

__all__ = ["Pending", "Retrying", "Sent"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Retrying:
    """A policy in action: `chance` gives numbers at random between 0 and 1."""

    policy: RetryPolicy
    network: Network
    chance: Callable[[], float]

    def due(self, made: int) -> float:
        """The moment of the next attempt after `made` of them."""
        return self.network.now() + self.policy.delay(made, self.chance())


@dataclass(frozen=True, slots=True)
class Sent(Generic[T_co]):
    """What became of one message of many: its `delivery`, or the `error` that `send` raises.

    `attempts` is how often it was tried.
    """

    message: T_co
    delivery: Delivery | None = None
    error: MailError | None = None
    attempts: int = 1

    def result(self) -> Delivery:
        """Give the delivery, or raise the error."""
        if self.delivery is None:
            raise self.error or MailError("the message was not sent")
        return self.delivery


# One is made for each message, as are the other named tuples of a mailer: a frozen dataclass takes
# three times as long to make.
class Pending(NamedTuple, Generic[T]):
    """A message of which some recipients are still to be tried, and what became of the others.

    `number` is its place among many. `put_off` are the refusals after which the remaining
    recipients are tried once more, `made` the attempts so far, and `due` the moment of the next.
    """

    message: T
    outgoing: Outgoing
    deadline: float
    number: int = 0
    so_far: Delivery | None = None
    put_off: tuple[Refusal, ...] = ()
    made: int = 1
    due: float = 0.0

    def delivered(self, delivery: Delivery, retry: Retrying) -> Pending[T] | Sent[T]:
        """Give what is left to do, or what the end is."""
        if self.so_far is not None:
            delivery = self.so_far.joined_with(delivery)
        if delivery.untried:
            return self._for(delivery.untried, delivery)
        again = tuple(
            [one for one in delivery.refused if retry.policy.allows_after(self.made, one)]
        )
        if again and can_be_read_again(self.outgoing.content):
            due = retry.due(self.made)
            if due < self.deadline:
                rest = tuple(one for one in delivery.refused if one not in again)
                pending = self._for(
                    tuple(one.recipient for one in again), replace(delivery, refused=rest)
                )
                return pending._replace(put_off=again, made=self.made + 1, due=due)
        return self._sent(delivery)

    def failed(self, error: MailError, retry: Retrying) -> Pending[T] | Sent[T]:
        """Give what is left to do, or what the end is, when `error` came in the way."""
        if retry.policy.allows_after(self.made, error) and can_be_read_again(self.outgoing.content):
            due = retry.due(self.made)
            if due < self.deadline:
                return self._replace(made=self.made + 1, due=due)
        if self.so_far is None:
            return Sent(self.message, error=error, attempts=self.made)
        left = self.outgoing.envelope.recipients
        if self.put_off and not isinstance(error, DeliveryUnknown):
            # What the server said of them says more than how another attempt was cut short.
            refused = tuple(one for one in self.put_off if one.recipient in left)
            return self._sent(replace(self.so_far, refused=self.so_far.refused + refused))
        return self._sent(self.so_far.broken_off(left, error))

    def _for(self, recipients: tuple[Address, ...], so_far: Delivery) -> Pending[T]:
        rest = Envelope(self.outgoing.envelope.sender, recipients)
        return self._replace(outgoing=replace(self.outgoing, envelope=rest), so_far=so_far)

    def _sent(self, delivery: Delivery) -> Sent[T]:
        try:
            judged = replace(delivery, untried=()) if delivery.untried else delivery
            delivery = require_acceptance(judged)
        except MailError as error:
            return Sent(self.message, error=error, attempts=self.made)
        return Sent(self.message, delivery, attempts=self.made)
