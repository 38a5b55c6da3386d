"""Several servers for the same mail: the first that can be reached gets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from postseal.errors import (
    AuthError,
    Disconnected,
    InvalidSetting,
    MailError,
    Phase,
    TimedOut,
    TLSError,
)
from postseal.send.networks.network import Network
from postseal.send.outgoing import Outgoing
from postseal.send.results import Delivery
from postseal.send.transport import (
    BEFORE_THE_BODY,
    Following,
    Lane,
    LaneTransport,
    Transport,
    Verification,
    nothing_follows,
)

__all__ = ["Failover", "FailoverTransport", "says_nothing_of_the_message"]

_BEFORE_THE_MESSAGE: Final = (
    Phase.RESOLVE,
    Phase.CONNECT,
    Phase.GREETING,
    Phase.EHLO,
    Phase.STARTTLS,
    Phase.HANDSHAKE,
)


@dataclass(frozen=True, slots=True)
class Failover:
    """Servers of one policy, in the order of preference, given to a mailer in place of a URL.

    One that cannot be reached, sealed or heard is passed over for `cool_down` seconds, then tried
    again; where all are, all are tried. A server's word on a message is final: that is never put to
    another. So are refused credentials. All must have the same TLS level, for an attacker chooses
    which of them can be reached; `dangerous_mixed_levels` allows others. Raises `InvalidSetting`.
    """

    urls: Sequence[str]
    cool_down: float = field(default=30.0, kw_only=True)
    dangerous_mixed_levels: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.urls, str) or not self.urls:
            raise InvalidSetting("a list of servers holds at least one URL")
        if not self.cool_down > 0:
            raise InvalidSetting("cool_down must be more than 0 seconds")


def says_nothing_of_the_message(error: MailError) -> bool:
    """Whether another server may do better: this one was not even offered the message."""
    return isinstance(error, TLSError) or error.phase in _BEFORE_THE_MESSAGE


@dataclass(slots=True)
class _Member:
    transport: Transport
    down_until: float = 0.0


class FailoverTransport(LaneTransport):
    """Tries its members in order; those that failed lately come last.

    Their health is shared by all lanes, so a dead server costs one attempt each `cool_down`.
    """

    def __init__(
        self, network: Network, transports: Sequence[Transport], *, cool_down: float
    ) -> None:
        self._network = network
        self._members = [_Member(transport) for transport in transports]
        self._cool_down = cool_down

    @property
    def lanes(self) -> int:
        """Those of the member that has most."""
        return max(member.transport.lanes for member in self._members)

    def lane(self) -> Lane:
        """A lane that changes over to another member when it has to."""
        return _FailoverLane(self)

    async def verify(self, *, deadline: float) -> Verification:
        """Verify the first member that can be reached."""
        failure: MailError | None = None
        for member in self.in_turn():
            try:
                verification = await member.transport.verify(deadline=deadline)
            except MailError as error:
                if not self.is_passed_over(member, error, deadline):
                    raise
                failure = failure or error
            else:
                return verification
        raise failure or InvalidSetting("there is no server")

    async def tend(self) -> None:
        """Tend all members that are well."""
        for member in self.in_turn():
            if member.down_until <= self._network.now():
                await member.transport.tend()

    async def close(self) -> None:
        """Close all members."""
        for member in self._members:
            await member.transport.close()

    def in_turn(self) -> list[_Member]:
        """The members as they are to be tried: those that are down last, in the same order."""
        now = self._network.now()
        return sorted(self._members, key=lambda member: member.down_until > now)

    def is_passed_over(self, member: _Member, error: MailError, deadline: float) -> bool:
        """Note a member's failure, and tell whether another may be tried."""
        if isinstance(error, AuthError) and not error.is_temporary:
            return False
        lost_early = isinstance(error, Disconnected | TimedOut) and error.phase in BEFORE_THE_BODY
        if not (lost_early or says_nothing_of_the_message(error) or isinstance(error, AuthError)):
            return False
        now = self._network.now()
        if now >= deadline:
            return False
        member.down_until = now + self._cool_down
        return True


class _FailoverLane(Lane):
    def __init__(self, group: FailoverTransport) -> None:
        self._group = group
        self._current: tuple[_Member, Lane] | None = None

    async def deliver(
        self, outgoing: Outgoing, *, deadline: float, following: Following = nothing_follows
    ) -> Delivery:
        failure: MailError | None = None
        for member in self._group.in_turn():
            lane = self._lane_of(member)
            try:
                delivery = await lane.deliver(outgoing, deadline=deadline, following=following)
            except MailError as error:
                if not self._group.is_passed_over(member, error, deadline):
                    raise
                # What the preferred server says is what people look for.
                failure = failure or error
            else:
                member.down_until = 0.0
                return delivery
        raise failure or InvalidSetting("there is no server")

    def leave(self) -> None:
        if self._current is not None:
            self._current[1].leave()
            self._current = None

    def _lane_of(self, member: _Member) -> Lane:
        if self._current is not None and self._current[0] is member:
            return self._current[1]
        self.leave()
        lane = member.transport.lane()
        self._current = member, lane
        return lane
