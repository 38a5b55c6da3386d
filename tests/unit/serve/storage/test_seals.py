"""What is remembered of destinations' TLS outlives the process, and stays within its bounds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from postseal.errors import TLSResultType
from postseal.send.mx.policy_cache import CachedPolicy
from postseal.serve.storage import Store, seals
from postseal.tls import TLSLevel
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.remembered import Sighting
from postseal.tls.reports import (
    AppliedPolicy,
    Failure,
    FailureCount,
    PolicyResults,
    merged,
)

POLICY = MTAStsPolicy(MTAStsMode.ENFORCE, ("mx.example.org", "*.example.net"), 86_400)
MONDAY, TUESDAY, WEDNESDAY = (date(2027, 3, day) for day in (1, 2, 3))


def results(domain: str, *, successes: int = 0, failures: int = 0) -> PolicyResults:
    failure = Failure(
        result_type=TLSResultType.CERTIFICATE_EXPIRED, receiving_mx_hostname="mx.example.org"
    )
    return PolicyResults(
        policy=AppliedPolicy.of_mta_sts(domain, POLICY),
        successful_sessions=successes,
        failed_sessions=failures,
        failures=(FailureCount(failure, failures),) if failures else (),
    )


async def test_a_restart_forgets_nothing(path: Path) -> None:
    cached = CachedPolicy("20270301", POLICY, 1_800_000_000.25)
    seen = Sighting(TLSLevel.AUTHENTICATED, 1_800_000_001.5)
    counted = results("example.org", successes=2, failures=1)
    store = await Store.open(path)
    await store.policies.put("example.org", cached)
    await store.levels.remember("example.org", seen)
    await store.tls_results.add(MONDAY, "example.org", counted)
    await store.close()
    store = await Store.open(path)
    assert await store.policies.get("example.org") == cached
    assert await store.levels.recall("example.org") == seen
    assert await store.tls_results.results(MONDAY, "example.org") == (counted,)
    await store.close()


async def test_the_latest_policy_counts_and_a_removed_one_is_gone(store: Store) -> None:
    for number in (1, 2):
        await store.policies.put("example.org", CachedPolicy(str(number), POLICY, float(number)))
    found = await store.policies.get("example.org")
    assert found is not None
    assert found.id == "2"
    await store.policies.put("example.net", CachedPolicy("1", POLICY, 0.0))
    assert await store.policies.domains() == ("example.net", "example.org")
    await store.policies.remove("example.org")
    await store.policies.remove("example.org")
    assert await store.policies.get("example.org") is None
    assert await store.policies.domains() == ("example.net",)


async def test_a_policy_that_expires_first_makes_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "_MAX_POLICIES", 2)
    for domain, fetched_at in (("a.example", 2.0), ("b.example", 1.0), ("c.example", 3.0)):
        await store.policies.put(domain, CachedPolicy("1", POLICY, fetched_at))
    assert await store.policies.domains() == ("a.example", "c.example")


async def test_a_level_is_replaced_and_forgotten(store: Store) -> None:
    for level in (TLSLevel.ENCRYPTED, TLSLevel.AUTHENTICATED):
        await store.levels.remember("example.org", Sighting(level, 1.0))
    assert await store.levels.recall("example.org") == Sighting(TLSLevel.AUTHENTICATED, 1.0)
    await store.levels.remember("example.org", None)
    assert await store.levels.recall("example.org") is None


async def test_the_level_seen_the_longest_ago_makes_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "_MAX_SIGHTINGS", 1)
    await store.levels.remember("new.example", Sighting(TLSLevel.ENCRYPTED, 2.0))
    await store.levels.remember("old.example", Sighting(TLSLevel.ENCRYPTED, 1.0))
    assert await store.levels.recall("old.example") is None
    assert await store.levels.recall("new.example") is not None


async def test_results_add_up_as_a_report_merges_them(store: Store) -> None:
    counted = (
        results("example.org", successes=1),
        results("example.org", failures=2),
        PolicyResults(policy=AppliedPolicy.none("example.org"), successful_sessions=3),
    )
    for each in counted:
        await store.tls_results.add(MONDAY, "example.org", each)
    await store.tls_results.add(TUESDAY, "example.net", results("example.net", successes=1))
    assert await store.tls_results.results(MONDAY, "example.org") == merged(counted)
    assert await store.tls_results.reportable(TUESDAY) == ((MONDAY, "example.org"),)


async def test_what_is_reported_or_too_old_is_dropped(store: Store) -> None:
    for day, domain in (
        (TUESDAY, "b.example"),
        (MONDAY, "a.example"),
        (TUESDAY, "a.example"),
        (WEDNESDAY, "a.example"),
    ):
        await store.tls_results.add(day, domain, results(domain, successes=1))
    assert await store.tls_results.reportable(WEDNESDAY) == (
        (MONDAY, "a.example"),
        (TUESDAY, "a.example"),
        (TUESDAY, "b.example"),
    )
    await store.tls_results.remove(TUESDAY, "a.example")
    await store.tls_results.forget(TUESDAY)
    assert await store.tls_results.reportable(date.max) == (
        (TUESDAY, "b.example"),
        (WEDNESDAY, "a.example"),
    )


async def test_made_up_domains_do_not_fill_the_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "_MAX_RESULTS", 1)
    for domain in ("a.example", "b.example", "a.example"):
        await store.tls_results.add(MONDAY, domain, results(domain, successes=1))
    ((day, domain),) = await store.tls_results.reportable(date.max)
    (kept,) = await store.tls_results.results(day, domain)
    assert (domain, kept.successful_sessions) == ("a.example", 2)
