"""Sessions become counts: exact, bounded, and the same in whatever order they are added."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import (
    CertificateReason,
    CertificateRejected,
    Disconnected,
    TLSResultType,
)
from postseal.tls import PeerProof, TLSLevel, TLSOutcome
from postseal.tls.reports import (
    AppliedPolicy,
    Failure,
    FailureCount,
    PolicyResults,
    SessionEnds,
    day_of,
    merged,
    session_results,
)

DAY = date(2026, 11, 21)
POLICY = AppliedPolicy.none("example.org")
SEALED = TLSOutcome(TLSLevel.ENCRYPTED)


def one(policy: AppliedPolicy = POLICY, reason: str = "") -> PolicyResults:
    failure = Failure(result_type="certificate-expired", failure_reason_code=reason)
    return PolicyResults(policy=policy, failed_sessions=1, failures=(FailureCount(failure, 1),))


small = st.builds(
    PolicyResults,
    policy=st.sampled_from([POLICY, AppliedPolicy.none("example.net")]),
    successful_sessions=st.integers(0, 5),
    failed_sessions=st.integers(0, 5),
    failures=st.lists(
        st.builds(
            FailureCount,
            st.builds(Failure, result_type=st.sampled_from(["a", "b", "c"])),
            st.integers(1, 5),
        ),
        max_size=3,
        unique_by=lambda count: count.failure,
    ).map(tuple),
)


def as_counts(results: tuple[PolicyResults, ...]) -> object:
    return {
        each.policy: (
            each.successful_sessions,
            each.failed_sessions,
            {count.failure: count.sessions for count in each.failures},
        )
        for each in results
    }


def test_a_failed_session_says_who_talked_to_whom_and_why() -> None:
    ends = SessionEnds(
        receiving_mx_hostname="mx.example.org",
        receiving_mx_helo="mx",
        receiving_ip=ip_address("192.0.2.1"),
        sending_mta_ip=ip_address("2001:db8::1"),
    )
    error = CertificateRejected("the certificate " + "x" * 500, reason=CertificateReason.WRONG_NAME)
    results = session_results(POLICY, TLSOutcome.in_clear(), error, ends=ends)
    assert results is not None
    (count,) = results.failures
    assert count.failure == Failure(
        result_type=TLSResultType.CERTIFICATE_HOST_MISMATCH,
        sending_mta_ip=ip_address("2001:db8::1"),
        receiving_mx_hostname="mx.example.org",
        receiving_mx_helo="mx",
        receiving_ip=ip_address("192.0.2.1"),
        failure_reason_code=error.text[:200],
    )


def test_a_success_under_one_policy_may_be_a_failure_under_another() -> None:
    by_dane = TLSOutcome(TLSLevel.AUTHENTICATED, proof=PeerProof.DANE)
    tlsa = AppliedPolicy(type="tlsa", domain="mx.example.org")
    sts = AppliedPolicy(type="sts", domain="example.org")
    counted = [session_results(each, by_dane, ends=SessionEnds()) for each in (tlsa, sts)]
    assert [each.successful_sessions for each in counted if each] == [1, 0]


def test_what_says_nothing_of_tls_is_not_counted() -> None:
    lost = Disconnected("the server closed the connection")
    assert session_results(POLICY, SEALED, lost, ends=SessionEnds()) is None


@given(st.lists(small, max_size=6), st.randoms())
def test_the_order_of_adding_does_not_matter(results: list[PolicyResults], random: object) -> None:
    shuffled = list(results)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert as_counts(merged(results)) == as_counts(merged(shuffled))


@given(st.lists(small, max_size=6), st.integers(0, 6))
def test_parts_may_be_merged_before(results: list[PolicyResults], cut: int) -> None:
    parts = (*merged(results[:cut]), *merged(results[cut:]))
    assert as_counts(merged(parts)) == as_counts(merged(results))


def test_beyond_so_many_ways_to_fail_only_the_type_is_counted() -> None:
    (results,) = merged(one(reason=f"reason {number}") for number in range(300))
    assert results.failed_sessions == 300
    assert len(results.failures) == 257
    assert results.failures[-1] == FailureCount(Failure(result_type="certificate-expired"), 44)
    assert sum(count.sessions for count in results.failures) == 300


def test_a_destination_with_a_new_policy_for_each_session_is_bounded() -> None:
    results = merged(one(AppliedPolicy.none(f"{number}.example")) for number in range(100))
    assert len(results) == 32


def test_a_day_is_one_of_utc() -> None:
    late = datetime(2026, 11, 21, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    assert day_of(late) == date(2026, 11, 22)
    assert day_of(late.astimezone(UTC)) == date(2026, 11, 22)
