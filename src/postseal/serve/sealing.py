"""How sealed one hop has to be: what the ladder decided, as connections to try in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from postseal.errors import MailError, PolicyUnavailable
from postseal.send.connection import ConnectionOptions
from postseal.send.dane import DaneFinding
from postseal.send.endpoint import Endpoint
from postseal.send.server_policy import sealed_by
from postseal.tls import PolicySource, TLSLevel
from postseal.tls.ladder import Decision, Deliver, Statement
from postseal.tls.levels import TLSPolicy
from postseal.tls.reports import AppliedPolicy
from postseal.tls.requiretls import HostAssurance

__all__ = ["Hop", "Way", "ways_to_connect"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to connect; what tells it from another is all that a connection was made with."""

    endpoint: Endpoint
    options: ConnectionOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A server of a destination: how it may be connected to, and why so.

    `ways` are in order; the next is for where TLS failed by the one before. `obstacle` is why there
    is none. `policy` is the level that is asked for and the rule that asks, `explanation` what all
    rules said. `watched` are the rules that only report. `destination` is the domain that the
    outcome is remembered for, and `applied` the policies that it is counted under (RFC 8460 4.4);
    both are empty for a route that was fixed.
    """

    host: str
    port: int
    policy: str = ""
    explanation: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()
    obstacle: MailError | None = None
    watched: tuple[Statement, ...] = ()
    assurance: HostAssurance = HostAssurance.NONE
    destination: str = ""
    applied: tuple[AppliedPolicy, ...] = ()
    policy_problem: PolicyUnavailable | None = None

    def decided(self, decision: Decision, way: Way, dane: DaneFinding) -> Self:
        """Add what the ladder says; `way` is without a level yet, and `dane` what DANE found."""
        lines = decision.explanation.lines()
        if isinstance(decision, Deliver):
            return replace(
                self,
                policy=str(decision.policy),
                explanation=(*self.explanation, *lines),
                ways=ways_to_connect(decision, way, dane),
                watched=decision.watched,
            )
        decisive = decision.explanation.decisive
        return replace(
            self,
            policy=f"{decisive.stance.value} ({decisive.source})",
            explanation=(*self.explanation, *lines),
            obstacle=decision.error(host=self.host),
        )


def ways_to_connect(made: Deliver, way: Way, dane: DaneFinding) -> tuple[Way, ...]:
    """Give the connections by which a decision may be carried out, the best first.

    Where a rule that only reports asks the server to prove who it is, that is tried before:
    whether it can is not known otherwise. Where TLS is opportunistic, a last one goes without: a
    server whose TLS is broken would else be worse off than one that has none (RFC 7435 3).
    """

    def by(policy: TLSPolicy) -> Way:
        return Way(*sealed_by(replace(made, policy=policy), way.endpoint, way.options, dane))

    policy = made.policy
    ways = [by(policy)]
    wishes = [each for each in made.watched if each.level is TLSLevel.AUTHENTICATED and each.proofs]
    if wishes and policy.level < TLSLevel.AUTHENTICATED:
        wish = max(wishes, key=lambda each: each.strictness)
        ways.insert(0, by(TLSPolicy(wish.level, wish.source, wish.proofs)))
    if policy.level is TLSLevel.OPPORTUNISTIC:
        ways.append(by(TLSPolicy(TLSLevel.NONE, PolicySource.DEFAULT)))
    return tuple(ways)
