"""Where mail for a domain goes: a route, an address literal, or its mail exchangers in order."""

from __future__ import annotations

from collections.abc import MutableSequence

import pytest

from postseal.dns import MX, Lookup, NameDoesNotExist, ResolverFailure
from postseal.errors import MailError, PermanentlyRejected, Phase
from postseal.serve.routing import Hop, Router
from postseal.serve.settings import Settings
from postseal.testing import MemoryResolver
from postseal.tls import Opening, PolicySource, TLSLevel


def knowing(*records: MX) -> MemoryResolver:
    """A DNS in which example.org, and a name below it, have these exchangers."""
    resolver = MemoryResolver()
    resolver.add("example.org", *records)
    resolver.add("sub.example.org", *records)
    return resolver


def backwards(records: MutableSequence[MX]) -> None:
    records.reverse()


def as_they_are(_: MutableSequence[MX]) -> None:
    return


def settings(**delivery: object) -> Settings:
    return Settings.load(overrides={"hostname": "mail.example.com", "delivery": delivery})


def hosts(hops: tuple[Hop, ...]) -> list[str]:
    return [hop.endpoint.host for hop in hops]


async def test_a_route_comes_before_the_dns() -> None:
    resolver = knowing(MX(10, "mx.example.org"))
    routes = {"example.org": "smtp://relay.example.net:26", "*": "smtps://smarthost.example.net"}
    router = Router(settings(routes=routes), resolver)
    (hop,) = await router.hops("example.org")
    assert (hop.endpoint.host, hop.endpoint.port) == ("relay.example.net", 26)
    assert hop.rule == 'authenticated, by delivery.routes."example.org"'
    assert hop.options.policy_source is PolicySource.CONFIGURATION
    assert hop.options.local_name == "mail.example.com"
    (hop,) = await router.hops("elsewhere.example")
    assert (hop.endpoint.host, hop.endpoint.opening) == ("smarthost.example.net", Opening.IMPLICIT)
    assert hop.rule == 'authenticated, by delivery.routes."*"'
    assert resolver.asked == []


async def test_a_route_is_for_its_domain_and_not_for_those_below_it() -> None:
    resolver = knowing(MX(10, "mx.example.org"))
    router = Router(settings(routes={"example.org": "smtp://relay.example.net"}), resolver)
    assert hosts(await router.hops("sub.example.org")) == ["mx.example.org"]
    assert resolver.asked == [(Lookup.MX, "sub.example.org")]


async def test_exchangers_are_tried_by_preference_and_equals_in_random_order() -> None:
    records = [MX(10, "a.example"), MX(10, "b.example"), MX(20, "c.example"), MX(30, "d.example")]
    kept = Router(settings(), knowing(*records), shuffle=as_they_are)
    assert hosts(await kept.hops("example.org")) == [
        "a.example",
        "b.example",
        "c.example",
        "d.example",
    ]
    shuffled = Router(settings(), knowing(*records), shuffle=backwards)
    assert hosts(await shuffled.hops("example.org")) == [
        "b.example",
        "a.example",
        "c.example",
        "d.example",
    ]


async def test_the_random_order_is_random_unless_told_otherwise() -> None:
    router = Router(settings(), knowing(*(MX(10, f"{n}.example") for n in range(5))))
    orders = {tuple(hosts(await router.hops("example.org"))) for _ in range(50)}
    assert len(orders) > 1


async def test_no_more_than_five_are_tried() -> None:
    router = Router(settings(), knowing(*(MX(n, f"{n}.example") for n in range(9))))
    assert hosts(await router.hops("example.org")) == [f"{n}.example" for n in range(5)]


async def test_an_exchanger_is_spoken_to_as_the_settings_say() -> None:
    resolver = knowing(MX(10, "mx.example.org"))
    router = Router(settings(mx_tls="encrypted", mx_port=2625), resolver)
    (hop,) = await router.hops("example.org")
    assert hop.endpoint.port == 2625
    assert hop.endpoint.level is TLSLevel.ENCRYPTED
    assert hop.endpoint.opening is Opening.STARTTLS
    assert hop.rule == "encrypted, by delivery.mx_tls (MX of example.org)"
    (hop,) = await Router(settings(), resolver).hops("example.org")
    assert hop.rule == "opportunistic, by delivery.mx_tls (MX of example.org)"
    assert hop.endpoint.port == 25


async def test_without_mx_the_domain_itself_is_the_host() -> None:
    # RFC 5321 5.1
    assert hosts(await Router(settings(), knowing()).hops("example.org")) == ["example.org"]


@pytest.mark.parametrize(
    ("records", "enhanced_code"),
    [
        ([MX(0, "")], "5.1.10"),
        # RFC 7505 3 forbids others beside it; who publishes a null MX wants no mail.
        ([MX(0, ""), MX(10, "mx.example.org")], "5.1.10"),
        ([MX(10, "mail.example.com")], "5.4.6"),
        ([MX(10, "mail.example.com"), MX(20, "backup.example.org")], "5.4.6"),
        ([MX(10, "mail.example.com"), MX(10, "equal.example.org")], "5.4.6"),
    ],
)
async def test_a_domain_that_takes_no_mail_is_final(records: list[MX], enhanced_code: str) -> None:
    with pytest.raises(PermanentlyRejected) as refused:
        await Router(settings(), knowing(*records)).hops("example.org")
    assert refused.value.enhanced_code == enhanced_code
    assert refused.value.phase is Phase.RESOLVE
    assert not refused.value.is_temporary


async def test_we_hand_mail_only_to_better_exchangers_than_ourselves() -> None:
    records = [MX(10, "primary.example.org"), MX(20, "mail.example.com"), MX(30, "c.example.org")]
    router = Router(settings(), knowing(*records))
    assert hosts(await router.hops("example.org")) == ["primary.example.org"]


@pytest.mark.parametrize(
    ("error", "is_temporary"),
    [(NameDoesNotExist("no"), False), (ResolverFailure("no"), True)],
)
async def test_what_the_resolver_raises_is_passed_on(error: MailError, is_temporary: bool) -> None:
    resolver = MemoryResolver()
    resolver.fail("example.org", error)
    with pytest.raises(type(error)) as raised:
        await Router(settings(), resolver).hops("example.org")
    assert raised.value.is_temporary is is_temporary


@pytest.mark.parametrize(
    ("literal", "host"),
    [
        ("[192.0.2.1]", "192.0.2.1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("[ipv6:2001:db8::1]", "2001:db8::1"),
        ("[IPV6:2001:db8::1]", "2001:db8::1"),
    ],
)
async def test_an_address_literal_is_the_host(literal: str, host: str) -> None:
    resolver = knowing()
    (hop,) = await Router(settings(), resolver).hops(literal)
    assert hop.endpoint.host == host
    assert hop.rule == "opportunistic, by delivery.mx_tls (address literal)"
    assert resolver.asked == []
