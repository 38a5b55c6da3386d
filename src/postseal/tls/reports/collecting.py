"""Collecting what is to be reported: sessions become counts, by destination and UTC day.

`session_results` judges one session. Counts are added by `merged`, which bounds them; a
`ResultStore` keeps them until the day is over (RFC 8460 4.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Protocol

from postseal.errors import TLSError, TLSResultType
from postseal.tls.levels import PeerProof, TLSLevel, TLSOutcome
from postseal.tls.reports.values import (
    AppliedPolicy,
    Failure,
    FailureCount,
    IPAddress,
    PolicyResults,
    PolicyType,
)

__all__ = [
    "ResultStore",
    "SessionEnds",
    "day_of",
    "merged",
    "session_results",
]

# RFC 8460 4.3.3: the reason is a short text.
_MAX_REASON: Final = 200
_MAX_POLICIES: Final = 32
_MAX_FAILURES: Final = 256
_PROOF_OF: Final[dict[str, PeerProof]] = {
    PolicyType.TLSA: PeerProof.DANE,
    PolicyType.STS: PeerProof.PKIX,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnds:
    """Who talked to whom; what is not known is left out of the report."""

    receiving_mx_hostname: str = ""
    receiving_mx_helo: str = ""
    receiving_ip: IPAddress | None = None
    sending_mta_ip: IPAddress | None = None


def session_results(
    policy: AppliedPolicy,
    outcome: TLSOutcome,
    error: Exception | None = None,
    *,
    ends: SessionEnds,
) -> PolicyResults | None:
    """Judge one session under one policy, as one success or one failure.

    `error` is why the session was given up, or, where a policy is being tested only, would have
    been. None where it failed for a reason that says nothing of TLS, such as a timeout
    (RFC 8460 4.3.4).
    """
    if error is not None and not isinstance(error, TLSError):
        return None
    result = error.result_type if error is not None else _shortcoming(policy, outcome)
    if result is None:
        return PolicyResults(policy=policy, successful_sessions=1)
    failure = Failure(
        result_type=result,
        sending_mta_ip=ends.sending_mta_ip,
        receiving_mx_hostname=ends.receiving_mx_hostname,
        receiving_mx_helo=ends.receiving_mx_helo,
        receiving_ip=ends.receiving_ip,
        failure_reason_code=error.text[:_MAX_REASON] if error is not None else "",
    )
    return PolicyResults(policy=policy, failed_sessions=1, failures=(FailureCount(failure, 1),))


def day_of(moment: datetime) -> date:
    """Give the UTC day whose report a session belongs to."""
    return moment.astimezone(UTC).date()


def merged(results: Iterable[PolicyResults]) -> tuple[PolicyResults, ...]:
    """Add up results by policy, in the order in which policies first occur.

    Sessions are always counted. Beyond 256 ways to fail under one policy, further ones are counted
    by their result type alone. Beyond 32 policies, further ones are left out: only a destination
    that changes its policy at every lookup has so many.
    """
    tallies: dict[AppliedPolicy, _Tally] = {}
    for each in results:
        tally = tallies.get(each.policy)
        if tally is None:
            if len(tallies) == _MAX_POLICIES:
                continue
            tally = tallies[each.policy] = _Tally()
        tally.add(each)
    return tuple(tally.results(policy) for policy, tally in tallies.items())


class ResultStore(Protocol):
    """Where results are kept, by UTC day and the domain that the reports are about."""

    async def add(self, day: date, domain: str, results: PolicyResults) -> None:
        """Add results to those of a day, by `merged`."""

    async def results(self, day: date, domain: str) -> tuple[PolicyResults, ...]:
        """Give the merged results of one domain."""

    async def forget(self, before: date) -> None:
        """Drop the results of all earlier days."""


class _Tally:
    """The running counts of one policy."""

    def __init__(self) -> None:
        self._successful = self._failed = 0
        self._failures: dict[Failure, int] = {}

    def add(self, results: PolicyResults) -> None:
        self._successful += results.successful_sessions
        self._failed += results.failed_sessions
        for count in results.failures:
            failure = count.failure
            if failure not in self._failures and len(self._failures) >= _MAX_FAILURES:
                failure = Failure(result_type=failure.result_type)
            self._failures[failure] = self._failures.get(failure, 0) + count.sessions

    def results(self, policy: AppliedPolicy) -> PolicyResults:
        return PolicyResults(
            policy=policy,
            successful_sessions=self._successful,
            failed_sessions=self._failed,
            failures=tuple(FailureCount(*each) for each in self._failures.items()),
        )


def _shortcoming(policy: AppliedPolicy, outcome: TLSOutcome) -> TLSResultType | None:
    """What a session that was used lacked, measured by its policy."""
    if outcome.level is TLSLevel.NONE:
        return TLSResultType.STARTTLS_NOT_SUPPORTED
    wanted = _PROOF_OF.get(policy.type)
    if wanted is None or outcome.proof is wanted:
        return None
    if policy.type == PolicyType.TLSA:
        # RFC 8460 4.3.2.1: TLS without authentication is what unusable records leave.
        return TLSResultType.TLSA_INVALID
    return TLSResultType.VALIDATION_FAILURE
