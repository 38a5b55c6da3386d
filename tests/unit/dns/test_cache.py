"""Answers are kept as long as they may be, and come back as they were."""

from __future__ import annotations

import pickle
from ipaddress import IPv4Address

import pytest

from postseal.dns import (
    MX,
    SRV,
    BogusAnswer,
    CacheLimits,
    CachingResolver,
    Lookup,
    NameDoesNotExist,
    ResolverFailure,
)
from postseal.testing import MemoryResolver
from postseal.tls.tlsa import TLSA

RECORD = MX(10, "mx.example.org")
SERVICE = SRV(0, 1, 465, "mail.example.org")


def caching(memory: MemoryResolver, limits: CacheLimits | None = None) -> CachingResolver:
    return CachingResolver(memory, limits=limits, clock=memory.clock.now)


@pytest.mark.parametrize("authentic", [True, False])
async def test_an_answer_is_asked_for_once_within_its_ttl(authentic: bool) -> None:
    memory = MemoryResolver()
    memory.add("example.org", RECORD, authentic=authentic, ttl=300)
    resolver = caching(memory)
    first = await resolver.mx("example.org")
    memory.clock.advance(100)
    # The same name, however it is written.
    again = await resolver.mx("Example.ORG.")
    assert len(memory.asked) == 1
    assert (again.records, again.authentic, again.name) == ((RECORD,), authentic, "example.org")
    assert (first.ttl, again.ttl) == (300, 200)
    memory.clock.advance(200)
    await resolver.mx("example.org")
    assert len(memory.asked) == 2


async def test_each_kind_of_question_has_its_own_answer() -> None:
    memory = MemoryResolver()
    tlsa = TLSA(3, 1, 1, b"x" * 32)
    memory.add("a.example", RECORD, IPv4Address("192.0.2.1"), tlsa, "text", SERVICE)
    resolver = caching(memory)
    for _ in range(2):
        assert (await resolver.mx("a.example")).records == (RECORD,)
        assert (await resolver.addresses("a.example")).records == (IPv4Address("192.0.2.1"),)
        assert (await resolver.tlsa("a.example")).records == (tlsa,)
        assert (await resolver.txt("a.example")).records == ("text",)
        assert (await resolver.srv("a.example")).records == (SERVICE,)
    assert [lookup for lookup, _ in memory.asked] == list(Lookup)


async def test_a_missing_name_is_remembered_with_what_is_left_of_its_ttl() -> None:
    memory = MemoryResolver()
    resolver = caching(memory)
    for left in (300, 290):
        with pytest.raises(NameDoesNotExist) as failed:
            await resolver.mx("example.org")
        assert (failed.value.ttl, failed.value.authentic) == (left, True)
        memory.clock.advance(10)
    assert len(memory.asked) == 1


async def test_a_failure_that_is_remembered_is_a_new_one_each_time() -> None:
    memory = MemoryResolver()
    memory.bogus("example.org")
    resolver = caching(memory)
    failures = []
    for _ in range(3):
        with pytest.raises(BogusAnswer) as failed:
            await resolver.mx("example.org")
        failures.append(failed.value)
    assert len({id(failure) for failure in failures}) == 3
    assert len(memory.asked) == 1


@pytest.mark.parametrize("failure", ["bogus", "time_out"])
async def test_failures_are_forgotten_within_seconds(failure: str) -> None:
    memory = MemoryResolver()
    getattr(memory, failure)("example.org")
    resolver = caching(memory)
    with pytest.raises(ResolverFailure):
        await resolver.mx("example.org")
    memory.remove("example.org")
    memory.add("example.org", RECORD)
    memory.clock.advance(5)
    assert (await resolver.mx("example.org")).records == (RECORD,)


@pytest.mark.parametrize(
    ("ttl", "records", "kept"),
    [
        (10**9, (RECORD,), 86_400),
        (10**9, (), 3_600),
        (0, (RECORD,), 0),
        (0, (), 0),
        (60, (), 60),
    ],
)
async def test_a_ttl_has_bounds(ttl: float, records: tuple[MX, ...], kept: float) -> None:
    memory = MemoryResolver()
    memory.add("example.org", *records, ttl=ttl)
    resolver = caching(memory)
    await resolver.mx("example.org")
    if kept:
        memory.clock.advance(kept - 1)
        await resolver.mx("example.org")
        assert len(memory.asked) == 1
        memory.clock.advance(1)
    await resolver.mx("example.org")
    assert len(memory.asked) == 2


async def test_the_shortest_time_can_be_longer_than_nothing() -> None:
    memory = MemoryResolver()
    memory.add("example.org", RECORD, ttl=0)
    resolver = caching(memory, CacheLimits(shortest=2))
    await resolver.mx("example.org")
    await resolver.mx("example.org")
    assert len(memory.asked) == 1


async def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    memory = MemoryResolver()
    for name in ("a.example", "b.example", "c.example"):
        memory.add(name, RECORD)
    resolver = caching(memory, CacheLimits(names=2))
    for name in ("a.example", "b.example", "a.example", "c.example", "a.example", "b.example"):
        await resolver.mx(name)
    assert [name for _, name in memory.asked] == [
        "a.example",
        "b.example",
        "c.example",
        "b.example",
    ]


def test_what_a_missing_name_says_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(NameDoesNotExist("gone", authentic=True, ttl=7.0)))
    assert (error.text, error.authentic, error.ttl) == ("gone", True, 7.0)
