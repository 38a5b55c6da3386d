"""Where mail for a domain goes: a route, an address literal, or its mail exchangers in order."""

from __future__ import annotations

from collections.abc import MutableSequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from postseal.dns import MX, Lookup, NameDoesNotExist, ResolverFailure
from postseal.errors import MailError, PermanentlyRejected, Phase
from postseal.serve.routing import Errand, Router
from postseal.serve.sealing import Hop
from postseal.serve.settings import Settings
from postseal.testing import MemoryResolver
from postseal.tls import Opening, PolicySource, TLSLevel
from tests.parts.routers import make_router


def knowing(*records: MX) -> MemoryResolver:
    """A DNS in which example.org, and a name below it, have these exchangers."""
    resolver = MemoryResolver(authentic=False)
    resolver.add("example.org", IPv4Address("192.0.2.1"), *records)
    resolver.add("sub.example.org", *records)
    for host in {record.host for record in records if record.host}:
        resolver.add(host, IPv4Address("192.0.2.2"), IPv6Address("2001:db8::2"))
    return resolver


def backwards(records: MutableSequence[MX]) -> None:
    records.reverse()


def settings(**delivery: object) -> Settings:
    return Settings.load(overrides={"hostname": "mail.example.com", "delivery": delivery})


async def to(domain: str, router: Router) -> list[Hop]:
    return [hop async for hop in router.hops(Errand(domain=domain))]


async def hosts(domain: str, router: Router) -> list[str]:
    return [hop.host for hop in await to(domain, router)]


async def test_a_route_comes_before_the_dns() -> None:
    resolver = knowing(MX(10, "mx.example.org"))
    routes = {"example.org": "smtp://relay.example.net:26", "*": "smtps://smarthost.example.net"}
    router = make_router(settings(routes=routes), resolver)
    (hop,) = await to("example.org", router)
    assert (hop.host, hop.port) == ("relay.example.net", 26)
    assert hop.policy == "authenticated (configuration)"
    assert hop.explanation[0] == (
        'configuration requires authenticated: set by delivery.routes."example.org".'
    )
    (way,) = hop.ways
    assert (way.endpoint.host, way.endpoint.port) == ("relay.example.net", 26)
    assert way.options.policy_source is PolicySource.CONFIGURATION
    assert way.options.local_name == "mail.example.com"
    (hop,) = await to("elsewhere.example", router)
    assert hop.ways[0].endpoint.opening is Opening.IMPLICIT
    assert resolver.asked == []


async def test_a_route_is_for_its_domain_and_not_for_those_below_it() -> None:
    resolver = knowing(MX(10, "mx.example.org"))
    router = make_router(settings(routes={"example.org": "smtp://relay.example.net"}), resolver)
    assert await hosts("sub.example.org", router) == ["mx.example.org"]
    assert (Lookup.MX, "sub.example.org") in resolver.asked


async def test_exchangers_are_tried_by_preference_and_equals_in_random_order() -> None:
    records = [MX(10, "a.example"), MX(10, "b.example"), MX(20, "c.example"), MX(30, "d.example")]
    kept = make_router(settings(), knowing(*records))
    assert await hosts("example.org", kept) == ["a.example", "b.example", "c.example", "d.example"]
    turned = make_router(settings(), knowing(*records), shuffle=backwards)
    assert (await hosts("example.org", turned))[:2] == ["b.example", "a.example"]


async def test_a_host_is_looked_up_when_its_turn_comes_and_not_before() -> None:
    resolver = knowing(MX(10, "a.example"), MX(20, "b.example"))
    hops = make_router(settings(), resolver).hops(Errand(domain="example.org"))
    assert (await anext(hops)).host == "a.example"
    await hops.aclose()
    assert (Lookup.ADDRESSES, "b.example") not in resolver.asked


async def test_no_more_than_five_are_tried() -> None:
    router = make_router(settings(), knowing(*(MX(n, f"{n}.example") for n in range(9))))
    assert await hosts("example.org", router) == [f"{n}.example" for n in range(5)]


async def test_an_exchanger_is_spoken_to_as_the_settings_say() -> None:
    resolver = knowing(MX(10, "mx.example.org"))
    router = make_router(settings(mx_tls="encrypted", mx_port=2625), resolver)
    (hop,) = await to("example.org", router)
    (way,) = hop.ways
    assert hop.port == way.endpoint.port == 2625
    assert way.endpoint.level is TLSLevel.ENCRYPTED
    assert way.endpoint.opening is Opening.STARTTLS
    assert hop.policy == "encrypted (configuration)"
    assert "configuration requires encrypted: set by delivery.mx_tls." in hop.explanation
    (hop,) = await to("example.org", make_router(settings(), resolver))
    assert hop.policy == "opportunistic (default)"
    assert hop.port == 25


async def test_the_addresses_are_those_of_our_resolver() -> None:
    (hop,) = await to("example.org", make_router(settings(), knowing(MX(10, "mx.example.org"))))
    options = hop.ways[0].options
    assert options.addresses == {IPv4Address("192.0.2.2"), IPv6Address("2001:db8::2")}
    assert options.beyond_this_machine


async def test_without_mx_the_domain_itself_is_the_host() -> None:
    # RFC 5321 5.1
    (hop,) = await to("example.org", make_router(settings(), knowing()))
    assert hop.host == "example.org"
    assert hop.explanation[0] == "example.org has no MX records and takes its mail itself."


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
        await to("example.org", make_router(settings(), knowing(*records)))
    assert refused.value.enhanced_code == enhanced_code
    assert refused.value.phase is Phase.RESOLVE
    assert not refused.value.is_temporary


async def test_we_hand_mail_only_to_better_exchangers_than_ourselves() -> None:
    records = [MX(10, "primary.example.org"), MX(20, "mail.example.com"), MX(30, "c.example.org")]
    router = make_router(settings(), knowing(*records))
    assert await hosts("example.org", router) == ["primary.example.org"]


@pytest.mark.parametrize(
    ("error", "is_temporary"),
    [(NameDoesNotExist("no"), False), (ResolverFailure("no"), True)],
)
async def test_what_the_resolver_raises_is_passed_on(error: MailError, is_temporary: bool) -> None:
    resolver = MemoryResolver()
    resolver.fail("example.org", error)
    with pytest.raises(type(error)) as raised:
        await to("example.org", make_router(settings(), resolver))
    assert raised.value.is_temporary is is_temporary


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "224.0.0.1", "ff02::1"],
)
async def test_strangers_do_not_lead_us_to_ourselves(address: str) -> None:
    resolver = MemoryResolver(authentic=False)
    resolver.add("example.org", MX(10, "mx.example.org"))
    resolver.add("mx.example.org", ip_address(address))
    (hop,) = await to("example.org", make_router(settings(), resolver))
    assert isinstance(hop.obstacle, PermanentlyRejected)
    assert hop.obstacle.enhanced_code == "5.4.6"
    assert hop.ways == ()
    resolver.add("mx.example.org", IPv4Address("192.0.2.2"))
    (hop,) = await to("example.org", make_router(settings(), resolver))
    assert hop.ways[0].options.addresses == {IPv4Address("192.0.2.2")}
    here = make_router(settings(dangerous_mx_on_this_machine=True), resolver)
    (hop,) = await to("example.org", here)
    assert ip_address(address) in hop.ways[0].options.addresses
    assert not hop.ways[0].options.beyond_this_machine


async def test_a_host_without_an_address_stands_in_the_way_of_nothing_else() -> None:
    resolver = knowing(MX(10, "gone.example"), MX(20, "bare.example"), MX(30, "mx.example.org"))
    resolver.remove("gone.example")
    resolver.remove("bare.example")
    resolver.add("bare.example", "a text")
    gone, bare, good = await to("example.org", make_router(settings(), resolver))
    assert isinstance(gone.obstacle, NameDoesNotExist)
    assert bare.obstacle is not None
    assert bare.obstacle.enhanced_code == "5.4.4"
    assert good.obstacle is None


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
    (hop,) = await to(literal, make_router(settings(), resolver))
    assert hop.host == host
    assert hop.policy == "opportunistic (default)"
    assert hop.ways[0].options.addresses == {ip_address(host)}
    assert resolver.asked == []
