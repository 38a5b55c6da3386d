"""The ways to carry out a decision of the ladder, the best first, and a connection by one of them.

A connection that asks for no proof gets none, so a rule that only watches, such as MTA-STS in
testing mode, would never be met by it: its level is asked for first, and only where that fails
the policy's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from postseal.errors import MailError, Phase, StartTLSInjection, TLSError
from postseal.send.endpoint import Endpoint
from postseal.send.mx.dane import DaneFinding
from postseal.send.mx.server_policy import sealed_by
from postseal.send.networks.network import Network
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.tls import PolicySource, TLSLevel, TLSPolicy
from postseal.tls.ladder import Deliver

__all__ = ["Way", "connect", "is_shortfall", "ways_to_connect"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to connect; what tells it from another is all that a connection was made with."""

    endpoint: Endpoint
    options: ConnectionOptions


def ways_to_connect(made: Deliver, way: Way, dane: DaneFinding) -> tuple[Way, ...]:
    """Give the connections by which a decision may be carried out, the best first.

    `way` is without a level yet. Where a rule that only watches asks the server to prove who it
    is, that is tried before all else. Where TLS is opportunistic, the last does without: a server
    whose TLS is broken would otherwise be worse off than one that has none.
    """

    def by(policy: TLSPolicy) -> Way:
        return Way(*sealed_by(replace(made, policy=policy), way.endpoint, way.options, dane))

    policy = made.policy
    ways = [by(policy)]
    # What no proof satisfies, no connection can show.
    wishes = [one for one in made.watched if one.level is TLSLevel.AUTHENTICATED and one.proofs]
    if wishes and policy.level < TLSLevel.AUTHENTICATED:
        wish = max(wishes, key=lambda one: one.strictness)
        ways.insert(0, by(TLSPolicy(wish.level, wish.source, wish.proofs)))
    if policy.level is TLSLevel.OPPORTUNISTIC:
        ways.append(by(TLSPolicy(TLSLevel.NONE, PolicySource.DEFAULT)))
    return tuple(ways)


async def connect(
    network: Network, ways: tuple[Way, ...], *, deadline: float
) -> tuple[Connection, tuple[MailError, ...]]:
    """Connect by the first of the ways that succeeds; give the failures of those before it, too.

    Raises what `Connection.open` does: for the last way, or for what is no shortfall.
    """
    *wishes, last = ways
    shortfalls: list[MailError] = []
    for way in wishes:
        try:
            connection = await Connection.open(
                network, way.endpoint, way.options, deadline=deadline
            )
        except MailError as error:
            if not is_shortfall(error):
                raise
            shortfalls.append(error)
        else:
            return connection, tuple(shortfalls)
    connection = await Connection.open(network, last.endpoint, last.options, deadline=deadline)
    return connection, tuple(shortfalls)


def is_shortfall(error: MailError) -> bool:
    """Tell whether TLS was what failed, and nobody was seen to tamper with it."""
    is_tls = isinstance(error, TLSError) or error.phase is Phase.HANDSHAKE
    return is_tls and not isinstance(error, StartTLSInjection)
