"""What both mailers are: the coroutines that prepare messages and hand them to a transport."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from postseal.errors import MailError
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.send.hooks import Hooks
from postseal.send.many import Given, Job, Jobs, Order
from postseal.send.networks.blocking import run
from postseal.send.networks.network import Network
from postseal.send.outgoing import Outgoing
from postseal.send.pending import Pending, Retrying, Sent
from postseal.send.rates import Pace, Rate
from postseal.send.reporting import Reporting
from postseal.send.results import Delivery
from postseal.send.retrying import RetryPolicy
from postseal.send.session.signing import signed
from postseal.send.transport import Following, Lane, Transport, Verification, nothing_follows

if TYPE_CHECKING:
    from postseal.mail.authentication.dkim_signing import DKIMSigner
    from postseal.send.events import Observer
    from postseal.smtp.delivery_options import DeliveryOptions

__all__ = ["Core", "Handling", "M", "Outcome"]

M = TypeVar("M", bound=Message | PreparedMessage | Outgoing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """What a mailer does with each message, whatever the transport.

    `total` is how many seconds all attempts for a message may take together. `chance` gives numbers
    at random between 0 and 1.
    """

    total: float
    retry: RetryPolicy = field(default_factory=RetryPolicy.none)
    rate: Rate = field(default_factory=Rate)
    hooks: Hooks = field(default_factory=Hooks)
    observer: Observer | None = None
    dkim: DKIMSigner | None = None
    chance: Callable[[], float] = random.random


class Outcome(NamedTuple, Generic[M]):
    """What became of one message of many, its number, and when its first attempt began."""

    number: int
    sent: Sent[M]
    began: float


class Core:
    """A transport, and the coroutines over it.

    `is_blocking` says that nothing ever suspends, not even an application's own hooks.
    """

    def __init__(
        self, network: Network, transport: Transport, handling: Handling, *, is_blocking: bool
    ) -> None:
        self.transport = transport
        self._network = network
        self._handling = handling
        self._is_blocking = is_blocking
        self._reporting = Reporting(handling.hooks, handling.observer)
        self._retrying = Retrying(handling.retry, network, handling.chance)
        self._pace = Pace(network, handling.rate.per_second, burst=handling.rate.burst)

    async def send(self, message: M, *, options: DeliveryOptions | None = None) -> Delivery:
        """Send one message; raise `Rejected` when it reached nobody."""
        began = self._network.now()
        lane = self.transport.lane()
        try:
            step = await self.begin(Given(1, message), options)
            while isinstance(step, Pending):
                step = await self._advance(step, lane)
        finally:
            lane.leave()
        await self.conclude(Outcome(1, step, began))
        return step.result()

    async def send_some(self, jobs: Jobs[M], order: Order) -> AsyncGenerator[Outcome[M], None]:
        """Send what is to be sent, one behind the other; the outcomes are left to be concluded.

        Any number of these may share the jobs. Where results are wanted in order, a message that
        has to be tried again is waited for.
        """
        lane = self.transport.lane()
        upcoming: deque[tuple[int, Job[M] | Sent[M]]] = deque()
        waits_in_place = order is Order.AS_GIVEN
        announces = not waits_in_place or self._handling.retry.attempts == 1

        def following() -> Outgoing | None:
            if not announces or upcoming or not self._pace.is_free():
                return None
            if (job := jobs.take_now()) is None:
                return None
            step = run(self.begin(job)) if self._is_begun_at_once(job) else job
            upcoming.append((job.number, step))
            return step.outgoing if isinstance(step, Pending) else None

        try:
            while True:
                if upcoming:
                    number, step = upcoming.popleft()
                elif (job := jobs.take_now()) is not None:
                    number, step = job.number, job
                else:
                    lane.leave()
                    if (job := await jobs.take()) is None:
                        return
                    number, step = job.number, job
                if isinstance(step, Given):
                    step = await self.begin(step)
                began = (
                    step.deadline - self._handling.total
                    if isinstance(step, Pending)
                    else self._network.now()
                )
                while isinstance(step, Pending):
                    made = step.made
                    step = await self._advance(step, lane, following)
                    if isinstance(step, Pending) and step.made > made and not waits_in_place:
                        jobs.put_off(step)
                        break
                else:
                    yield Outcome(number, step, began)
        finally:
            lane.leave()

    async def verify(self) -> Verification:
        """Go as far as can be gone without a message."""
        return await self.transport.verify(deadline=self.deadline())

    async def close(self) -> None:
        """Say goodbye."""
        await self.transport.close()

    async def begin(
        self, job: Job[M], options: DeliveryOptions | None = None
    ) -> Pending[M] | Sent[M]:
        """Make a message ready to go, unless it is; its end, where a hook or a signer refuses."""
        if isinstance(job, Pending):
            return job
        message, handling = job.message, self._handling
        deadline = self.deadline()
        try:
            meant = await handling.hooks.intercept(message)
            outgoing = meant if isinstance(meant, Outgoing) else Outgoing.of(meant)
            if options is not None and outgoing.options is None:
                outgoing = replace(outgoing, options=options)
            if handling.dkim is not None:
                outgoing = await signed(outgoing, handling.dkim)
        except MailError as error:
            return Sent(message, error=error, attempts=0)
        return Pending(message, outgoing, deadline, number=job.number)

    async def conclude(self, outcome: Outcome[M]) -> None:
        """Tell those who want to know what became of a message. Never raises for them."""
        seconds = self._network.now() - outcome.began
        await self._reporting.conclude(outcome.sent, seconds=seconds)

    def _is_begun_at_once(self, job: Job[M]) -> bool:
        """Tell whether a message can be prepared while another is being written."""
        if self._is_blocking or isinstance(job, Pending):
            return True
        handling = self._handling
        return handling.dkim is None and not handling.hooks.before_send

    async def _advance(
        self, pending: Pending[M], lane: Lane, following: Following = nothing_follows
    ) -> Pending[M] | Sent[M]:
        if pending.due and (wait := pending.due - self._network.now()) > 0:
            lane.leave()
            await self._network.sleep(wait)
        try:
            await self._pace.take(deadline=pending.deadline)
            delivery = await lane.deliver(
                pending.outgoing, deadline=pending.deadline, following=following
            )
        except MailError as error:
            return pending.failed(error, self._retrying)
        return pending.delivered(delivery, self._retrying)

    def deadline(self) -> float:
        """The moment by which a message that is begun now has come to its end."""
        return self._network.now() + self._handling.total
