"""What was found out about a destination's TLS, and what a sender of ours makes of it: values.

`explaining` beside it finds it out, `explained_json` writes it down.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from postseal.dns import BogusAnswer, ResolverFailure
from postseal.dns.recording import RecordedLookup
from postseal.errors import ConnectError, Disconnected, MailError, TimedOut
from postseal.send.mx.dane import DaneFinding
from postseal.send.mx.mta_sts import DiscoveredPolicy
from postseal.tls import TLSOutcome
from postseal.tls.ladder import Decision, Defer, Refuse, Statement

__all__ = ["Action", "ExplainedDestination", "ExplainedServer", "Trial", "Verdict"]


@unique
class Action(StrEnum):
    """What a sender of ours would do with a message."""

    DELIVER = "deliver"
    DEFER = "defer"
    """Keep it, and try again later."""
    REFUSE = "refuse"
    """Give it back to its sender."""


@unique
class Verdict(StrEnum):
    """What the examination came to."""

    CLEAN = "clean"
    """Each server can be sent mail as the policies ask."""
    FALLS_SHORT = "falls short"
    """Some server cannot, or did not have all that the policies ask."""
    INCONCLUSIVE = "inconclusive"
    """Something could not be had, so nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A connection to one server, without a message; either `outcome` or `problem` is there.

    `shortfalls` are why less was had than was tried first, and `fallen_short` the rules that only
    watch and were not met.
    """

    peer_address: str = ""
    outcome: TLSOutcome | None = None
    problem: MailError | None = None
    shortfalls: tuple[MailError, ...] = ()
    fallen_short: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedServer:
    """One server of a destination; `preference` is None for the domain itself, without MX records.

    `lookups` are the questions to the DNS that are about this server alone. Without a `decision`
    there is a `problem`, such as a host without addresses; there may be both. `trial` is there
    where a connection was asked for, and the decision allowed it.
    """

    host: str
    preference: int | None
    lookups: tuple[RecordedLookup, ...] = ()
    dane: DaneFinding | None = None
    decision: Decision | None = None
    problem: MailError | None = None
    trial: Trial | None = None

    @property
    def action(self) -> Action:
        """What a sender of ours does at this server."""
        if isinstance(self.decision, Defer):
            return Action.DEFER
        if isinstance(self.decision, Refuse):
            return Action.REFUSE
        problem = self.problem or (self.trial.problem if self.trial else None)
        return Action.DELIVER if problem is None else _action_after(problem)

    @property
    def verdict(self) -> Verdict:
        """What the examination of this server came to."""
        for problem in (
            self.problem,
            self.dane.problem if self.dane else None,
            self.trial.problem if self.trial else None,
        ):
            if problem is not None:
                return _verdict_after(problem)
        falls_short = self.trial is not None and (self.trial.shortfalls or self.trial.fallen_short)
        if falls_short or self.action is not Action.DELIVER:
            return Verdict.FALLS_SHORT
        return Verdict.CLEAN


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedDestination:
    """A destination with its servers, the one that is tried first at the front.

    `domain` is in A-labels. `lookups` are the questions to the DNS that are about the domain as a
    whole. Where there is a `problem`, such as a null MX, there are no servers. `left_out` counts
    the servers beyond those that were examined. `can_validate` is false where the resolver cannot
    tell what is authentic.
    """

    domain: str
    port: int
    lookups: tuple[RecordedLookup, ...]
    mta_sts: DiscoveredPolicy | None = None
    servers: tuple[ExplainedServer, ...] = ()
    left_out: int = 0
    can_validate: bool = True
    problem: MailError | None = None

    @property
    def action(self) -> Action:
        """What a sender of ours does: a server that can be used is enough to deliver."""
        if self.problem is not None:
            return _action_after(self.problem)
        found = {server.action for server in self.servers}
        return next(action for action in Action if action in found)

    @property
    def verdict(self) -> Verdict:
        """What the examination came to: a failing server counts, though others may do."""
        if self.problem is not None:
            return _verdict_after(self.problem)
        found = {server.verdict for server in self.servers}
        has_no_word = self.mta_sts is not None and self.mta_sts.problem is not None
        if has_no_word or not self.can_validate:
            found.add(Verdict.INCONCLUSIVE)
        for verdict in (Verdict.FALLS_SHORT, Verdict.INCONCLUSIVE):
            if verdict in found:
                return verdict
        return Verdict.CLEAN


def _action_after(problem: MailError) -> Action:
    return Action.DEFER if problem.is_temporary else Action.REFUSE


def _verdict_after(problem: MailError) -> Verdict:
    # A forged answer and a server that breaks its own rules are findings; silence is none.
    if isinstance(problem, BogusAnswer):
        return Verdict.FALLS_SHORT
    is_silence = isinstance(problem, ResolverFailure | ConnectError | TimedOut | Disconnected)
    return Verdict.INCONCLUSIVE if is_silence else Verdict.FALLS_SHORT
