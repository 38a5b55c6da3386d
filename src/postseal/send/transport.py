"""What mailers hand messages to: one server, a group of servers, a program, a directory.

A transport carries one message at a time and says what became of it. Retries, rates, hooks and the
order of results are the mailer's business, so no transport has its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from postseal.errors import Phase
from postseal.send.outgoing import Outgoing
from postseal.send.results import Delivery

if TYPE_CHECKING:
    from postseal.tls.levels import TLSOutcome

__all__ = [
    "BEFORE_THE_BODY",
    "Following",
    "Lane",
    "LaneTransport",
    "SingleFile",
    "Transport",
    "Verification",
    "nothing_follows",
]

BEFORE_THE_BODY: Final = (Phase.MAIL, Phase.RCPT, Phase.DATA)
"""Where nobody has been told yet to accept a body, so that nothing can be delivered twice."""

Following: TypeAlias = Callable[[], Outgoing | None]
"""Gives the message to come next, where there is one already; asked once, as a body ends."""


def nothing_follows() -> None:
    """The `Following` of a message that comes alone."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a transport without a message showed: where it leads, and how sealed the way is.

    `extensions` are those of the server after TLS; a transport that is no server has none.
    """

    host: str
    peer_address: str
    tls: TLSOutcome
    extensions: tuple[str, ...] = ()


class Lane(Protocol):
    """Messages one behind the other, for one thread or task; it may keep a connection meanwhile."""

    async def deliver(
        self, outgoing: Outgoing, *, deadline: float, following: Following = nothing_follows
    ) -> Delivery:
        """Hand one message over; see `Transport.deliver`.

        What `following` gives may be announced to the server together with the end of this
        message. It has then to be the next one on this lane, whatever becomes of this one.
        """
        ...

    def leave(self) -> None:
        """Give back what the lane keeps. Never waits and never fails."""
        ...


class Transport(ABC):
    """One way for messages to leave; a subclass that implements `deliver` has its lanes for free.

    A deadline is a point on the network's clock. Threads, or tasks of one event loop, may share it.
    """

    @property
    def lanes(self) -> int:
        """How many messages it is worth while to hand over at the same time."""
        return 1

    def lane(self) -> Lane:
        """Begin a row of messages."""
        return SingleFile(self)

    @abstractmethod
    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        """Hand one message over.

        Refusals are part of the result, a refusal of all recipients included. Raises `MailError`
        for what kept the message from being judged; it says phase and host.
        """

    @abstractmethod
    async def verify(self, *, deadline: float) -> Verification:
        """Go as far as can be gone without a message. Raises what `deliver` would raise."""

    @abstractmethod
    async def close(self) -> None:
        """Say goodbye; messages under way come to their end."""

    async def tend(self) -> None:  # noqa: B027
        """Do what keeps the transport ready between messages; called now and then."""


class LaneTransport(Transport):
    """A transport that is its lanes: a message that comes alone has one for itself."""

    @abstractmethod
    def lane(self) -> Lane:
        """Begin a row of messages."""

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        """Hand one message over; see `Lane.deliver`."""
        lane = self.lane()
        try:
            return await lane.deliver(outgoing, deadline=deadline)
        finally:
            lane.leave()


class SingleFile(Lane):
    """The lane of a transport that keeps nothing from one message to the next."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def deliver(
        self, outgoing: Outgoing, *, deadline: float, following: Following = nothing_follows
    ) -> Delivery:
        return await self._transport.deliver(outgoing, deadline=deadline)

    def leave(self) -> None:
        return None
