"""How sealed one hop has to be: what the ladder decided, as connections to try in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from postseal.errors import MailError, PolicyUnavailable
from postseal.send.mx.dane import DaneFinding
from postseal.send.mx.ways import Way, ways_to_connect
from postseal.tls.ladder import Decision, Deliver, Statement
from postseal.tls.reports import AppliedPolicy
from postseal.tls.requiretls import HostAssurance

__all__ = ["Hop"]


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
