"""What connections teach of a destination: its level, and results for the TLS reports."""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import structlog

from postseal.errors import MailError, TLSError
from postseal.serve.sealing import Hop
from postseal.tls import TLSLevel, TLSOutcome
from postseal.tls.ladder import Statement
from postseal.tls.remembered import LevelMemory, RememberingRule
from postseal.tls.reports import (
    AppliedPolicy,
    Failure,
    FailureCount,
    PolicyResults,
    PolicyType,
    ResultStore,
    SessionEnds,
    day_of,
    session_results,
)

__all__ = ["Experience", "results_of"]

_log = structlog.get_logger("postseal.serve.experience")


class Experience:
    """Remembers levels, and counts results where `results` is somewhere to count them.

    What cannot be kept is logged: no mail waits for it. `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        levels: LevelMemory,
        rule: RememberingRule,
        *,
        results: ResultStore | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._levels = levels
        self._rule = rule
        self._results = results
        self._clock = clock

    async def statement(self, destination: str) -> Statement | None:
        """What the memory says of the next connection; raises what the memory raises."""
        known = await self._levels.recall(destination)
        return self._rule.statement(destination, known, now=self._clock())

    async def learn_level(self, hop: Hop, outcome: TLSOutcome) -> None:
        """Remember the level of a connection to a destination's server."""
        if not hop.destination:
            return
        with _logged(hop):
            known = await self._levels.recall(hop.destination)
            updated = self._rule.updated(known, outcome, now=self._clock())
            if updated is not known:
                await self._levels.remember(hop.destination, updated)

    async def count(
        self, hop: Hop, outcome: TLSOutcome, error: MailError | None, *, peer_address: str = ""
    ) -> None:
        """Count one session, or one that could not be, under each policy that applied to it."""
        if self._results is None or not hop.destination:
            return
        day = day_of(datetime.fromtimestamp(self._clock(), UTC))
        with _logged(hop):
            for result in results_of(hop, outcome, error, peer_address=peer_address):
                await self._results.add(day, hop.destination, result)


@contextlib.contextmanager
def _logged(hop: Hop) -> Iterator[None]:
    try:
        yield
    except MailError as error:
        _log.error(
            "what a connection taught could not be kept",
            destination=hop.destination,
            error=str(error),
        )


def results_of(
    hop: Hop, outcome: TLSOutcome, error: MailError | None, *, peer_address: str
) -> Iterator[PolicyResults]:
    """Judge a session with a server under all policies that applied to it (RFC 8460 4.3).

    `error` is the first failure of TLS, even where the message was then sent with less.
    """
    address = None
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(peer_address)
    ends = SessionEnds(receiving_mx_hostname=hop.host, receiving_ip=address)
    for policy in hop.applied:
        # Who may have asked in vain for a proof is MTA-STS: for the others TLS was there.
        concerns = policy.type == PolicyType.STS or outcome.level is TLSLevel.NONE
        judged = session_results(policy, outcome, error if concerns else None, ends=ends)
        if judged is not None:
            yield judged
    problem = hop.policy_problem
    if problem is not None and (error is None or isinstance(error, TLSError)):
        failure = Failure(result_type=problem.result_type, failure_reason_code=problem.text[:200])
        yield PolicyResults(
            policy=AppliedPolicy(type=PolicyType.STS, domain=hop.destination),
            failed_sessions=1,
            failures=(FailureCount(failure, 1),),
        )
