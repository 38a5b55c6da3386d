"""The DNS in memory answers as the real ones do."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from postseal.dns import MX, SRV, BogusAnswer, Lookup, NameDoesNotExist, ResolverFailure
from postseal.errors import MailError
from postseal.send.networks.blocking import run
from postseal.testing import MemoryResolver
from postseal.tls.tlsa import TLSA

V4, V6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")
KEY = TLSA(3, 1, 1, b"x" * 32)


async def test_each_question_gets_the_records_of_its_type() -> None:
    resolver = MemoryResolver()
    resolver.add("Example.ORG.", MX(20, "b.example"), MX(10, "a.example"), V6, KEY, "v=x")
    resolver.add("example.org", SRV(20, 0, 587, "b.example"), SRV(10, 0, 465, "a.example"))
    resolver.add("example.org", V4)
    mx = await resolver.mx("example.org")
    assert (mx.records, mx.authentic, mx.name, mx.ttl) == (
        (MX(10, "a.example"), MX(20, "b.example")),
        True,
        "example.org",
        300,
    )
    assert (await resolver.addresses("example.org.")).records == (V4, V6)
    assert (await resolver.tlsa("example.org")).records == (KEY,)
    assert (await resolver.txt("EXAMPLE.org")).records == ("v=x",)
    services = await resolver.srv("example.org")
    assert [record.host for record in services.records] == ["a.example", "b.example"]
    assert resolver.asked == [(lookup, "example.org") for lookup in Lookup]


async def test_a_name_may_exist_without_records() -> None:
    resolver = MemoryResolver()
    resolver.add("example.org", authentic=False)
    answer = await resolver.mx("example.org")
    assert (answer.records, answer.authentic) == ((), False)


@pytest.mark.parametrize("authentic", [True, False])
async def test_other_names_do_not_exist(authentic: bool) -> None:
    resolver = MemoryResolver(authentic=authentic)
    with pytest.raises(NameDoesNotExist) as failed:
        await resolver.mx("example.org")
    assert failed.value.authentic is authentic
    assert failed.value.enhanced_code == "5.1.2"


@pytest.mark.parametrize(("link", "end"), [(True, True), (True, False), (False, True)])
async def test_an_alias_is_as_authentic_as_the_weaker_end(link: bool, end: bool) -> None:
    resolver = MemoryResolver()
    resolver.alias("www.example", "real.example", authentic=link, ttl=20)
    resolver.add("real.example", V4, authentic=end)
    answer = await resolver.addresses("www.example")
    assert (answer.records, answer.name, answer.ttl) == ((V4,), "real.example", 20)
    assert answer.authentic is (link and end)


async def test_an_alias_that_leads_nowhere_or_round_is_told() -> None:
    resolver = MemoryResolver()
    resolver.alias("a.example", "b.example", authentic=False)
    with pytest.raises(NameDoesNotExist, match=r"b\.example") as failed:
        await resolver.mx("a.example")
    assert not failed.value.authentic
    resolver.alias("b.example", "a.example")
    with pytest.raises(ResolverFailure, match="too many"):
        await resolver.mx("a.example")


async def test_failures_are_for_one_question_or_for_all() -> None:
    resolver = MemoryResolver()
    resolver.add("mx.example", V4, KEY)
    resolver.bogus("mx.example", lookup=Lookup.TLSA)
    assert (await resolver.addresses("mx.example")).records == (V4,)
    with pytest.raises(BogusAnswer):
        await resolver.tlsa("mx.example")
    resolver.fail("mx.example", ResolverFailure("SERVFAIL"))
    with pytest.raises(ResolverFailure, match="SERVFAIL"):
        await resolver.addresses("mx.example")


async def test_a_failure_behind_an_alias_is_met_there() -> None:
    resolver = MemoryResolver()
    resolver.alias("a.example", "b.example")
    resolver.bogus("b.example")
    with pytest.raises(BogusAnswer):
        await resolver.mx("a.example")


async def test_a_timeout_takes_its_time_on_the_clock_alone() -> None:
    resolver = MemoryResolver(patience=12)
    resolver.time_out("slow.example")
    with pytest.raises(ResolverFailure, match="in time"):
        await resolver.mx("slow.example")
    assert resolver.clock.now() == 12


async def test_a_scripted_error_is_raised_as_a_new_one() -> None:
    error: MailError = ResolverFailure("SERVFAIL")
    resolver = MemoryResolver()
    resolver.fail("example.org", error)
    with pytest.raises(ResolverFailure) as failed:
        await resolver.mx("example.org")
    assert failed.value is not error


async def test_a_name_can_be_forgotten() -> None:
    resolver = MemoryResolver()
    resolver.add("example.org", V4)
    resolver.remove("Example.org.")
    with pytest.raises(NameDoesNotExist):
        await resolver.addresses("example.org")


def test_it_serves_blocking_code_as_well() -> None:
    resolver = MemoryResolver()
    resolver.add("example.org", V4)
    assert run(resolver.addresses("example.org")).records == (V4,)
