"""Direct to MX: which servers, how sealed, and what is told of each recipient."""

from __future__ import annotations

import logging
import time
from ipaddress import ip_address
from typing import Any

import pytest

from postseal import Address, Delivery, Envelope, Mailer, TLSLevel
from postseal.dns import MX
from postseal.errors import (
    ConnectError,
    DeliveryUnknown,
    InvalidInput,
    InvalidSetting,
    InvalidURL,
    MailError,
    PermanentlyRejected,
    Phase,
    PolicyNotMet,
    StartTLSStripped,
)
from postseal.send import DeliveryOptions, Direct
from postseal.send.mx.mta_sts import PolicyFinder
from postseal.send.mx.policy_cache import CachedPolicy, MemoryPolicyCache
from postseal.send.mx.routes import Routes
from postseal.send.outgoing import Outgoing
from postseal.send.session.connection_options import ConnectionOptions
from postseal.testing import MemoryNetwork, MemoryResolver
from postseal.tls import PolicySource
from postseal.tls.mta_sts import MTAStsMode, MTAStsPolicy
from postseal.tls.tlsa import TLSA, MatchingType, Selector, Usage
from tests.parts.worlds import AnyMailer, World, in_each_world
from tests.unit.send.dialogues import ADA, PIPELINING

BOB, EVE, MAL = (
    Address.parse(f"{who}@{domain}")
    for who, domain in (("bob", "one.example"), ("eve", "one.example"), ("mal", "two.example"))
)
QUIT = "C: QUIT\nS: 221 bye\n"


def resolver(*, authentic: bool = True) -> MemoryResolver:
    found = MemoryResolver(authentic=authentic)
    for domain in ("one.example", "two.example"):
        found.add(domain, MX(10, f"mx.{domain}"), MX(20, f"mx2.{domain}"))
        found.add(f"mx.{domain}", ip_address("192.0.2.10"))
        found.add(f"mx2.{domain}", ip_address("192.0.2.20"))
    return found


def taken(*recipients: Address, answer: str = "250 ok") -> str:
    said = "".join(f"C: RCPT TO:<{one}>\n" for one in recipients)
    answers = "S: 250 ok\n" * len(recipients)
    return (
        f"{PIPELINING}C: MAIL FROM:<ada@example.com>\n{said}C: DATA\nS: 250 ok\n{answers}"
        f"S: 354 go\nC: x\nC: .\nS: {answer}\n"
    )


def send(
    world: World,
    network: MemoryNetwork,
    *recipients: Address,
    names: MemoryResolver | None = None,
    content: Any = (b"x\r\n",),
    options: DeliveryOptions | None = None,
    **direct: Any,
) -> Delivery:
    async def use(mailer: AnyMailer) -> Delivery:
        return await mailer.send_raw(Envelope(ADA, recipients), content, options=options)

    target = Direct(resolver=names or resolver(), **direct)
    return world.mail(target, use, network=network)


def hosts(network: MemoryNetwork) -> list[str]:
    return [host for host, _ in network.connected]


@in_each_world
def test_each_domain_gets_its_recipients_alone(world: World) -> None:
    network = MemoryNetwork(taken(BOB, EVE) + QUIT, taken(MAL) + QUIT)
    delivery = send(world, network, BOB, MAL, EVE)
    assert delivery.accepted == (BOB, EVE, MAL)
    assert hosts(network) == ["mx.one.example", "mx.two.example"]
    assert network.addresses == [(ip_address("192.0.2.10"),)] * 2
    network.check_played()


@in_each_world
def test_the_next_exchanger_is_tried(world: World) -> None:
    network = MemoryNetwork(ConnectError("refused"), taken(BOB) + QUIT)
    assert send(world, network, BOB).host == "mx2.one.example"


@in_each_world
def test_a_servers_word_is_final(world: World) -> None:
    network = MemoryNetwork(taken(BOB, answer="550 no") + QUIT, taken(BOB))
    with pytest.raises(PermanentlyRejected):
        send(world, network, BOB)
    assert hosts(network) == ["mx.one.example"]


@in_each_world
@pytest.mark.parametrize(
    ("fault", "is_temporary", "code"),
    [("null MX", False, 554), ("no name", False, 554), ("lookup fails", True, 421)],
)
def test_a_domain_that_cannot_be_reached_is_told_of_its_recipients(
    world: World, fault: str, is_temporary: bool, code: int
) -> None:
    names = resolver()
    names.remove("two.example")
    if fault == "null MX":
        names.add("two.example", MX(0, ""))
    elif fault == "lookup fails":
        names.time_out("two.example")
    network = MemoryNetwork(taken(BOB) + QUIT)
    delivery = send(world, network, BOB, MAL, names=names)
    assert delivery.accepted == (BOB,)
    (refused,) = delivery.refused
    assert (refused.recipient, refused.phase) == (MAL, Phase.RESOLVE)
    assert (refused.reply.code, refused.reply.is_temporary) == (code, is_temporary)


@in_each_world
def test_where_nobody_can_be_reached_it_is_an_error(world: World) -> None:
    names = resolver()
    names.add("two.example", MX(0, ""))
    network = MemoryNetwork(*[ConnectError("refused") for _ in range(2)])
    with pytest.raises(ConnectError) as caught:
        send(world, network, BOB, MAL, names=names)
    assert caught.value.is_temporary
    assert caught.value.host == "mx.one.example"


@in_each_world
def test_what_is_unknown_of_one_domain_is_unknown_in_the_result(world: World) -> None:
    cut = taken(MAL).rpartition("S: ")[0] + "S: <end>"
    network = MemoryNetwork(taken(BOB) + QUIT, cut)
    delivery = send(world, network, BOB, MAL)
    assert [(one.recipient, one.is_unknown) for one in delivery.refused] == [(MAL, True)]
    network = MemoryNetwork(cut)
    with pytest.raises(DeliveryUnknown):
        send(world, network, MAL)


@in_each_world
def test_opportunistic_tls_that_fails_is_told_of(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken = (
        "S: 220 hi\nC: EHLO [192.0.2.1]\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\n"
        "S: 220 go\nC: <anything>\nS: <end>"
    )
    network = MemoryNetwork(broken, taken(BOB) + QUIT)
    with caplog.at_level(logging.WARNING, "postseal.send"):
        delivery = send(world, network, BOB)
    assert delivery.tls.level is TLSLevel.NONE
    assert "TLS failed, and the policy allows less" in caplog.text


@in_each_world
def test_a_level_that_is_asked_for_is_had_or_nothing_is_sent(world: World) -> None:
    network = MemoryNetwork(PIPELINING, PIPELINING)
    with pytest.raises(StartTLSStripped):
        send(world, network, BOB, level=TLSLevel.ENCRYPTED)
    assert [stream.written for stream in network.streams] == [b"EHLO [192.0.2.1]\r\n"] * 2


async def test_what_the_code_asks_for_is_not_taken_for_a_setting() -> None:
    names = resolver()
    direct = Direct(level=TLSLevel.ENCRYPTED)
    routes = Routes(direct, names, PolicyFinder(MemoryNetwork(), names), ConnectionOptions())
    hops = await routes.hops("one.example")
    outgoing = Outgoing(envelope=Envelope(ADA, (BOB,)), content=(b"x\r\n",))
    destination = routes.destination(hops, outgoing)
    (way,) = await routes.ways("mx.one.example", hops, destination)
    assert way.options.policy_source is PolicySource.CALLER
    (said,) = destination.local
    assert said.remedy == "Ask for another level in Direct(level=...)."


@in_each_world
def test_a_message_that_requires_tls_goes_to_no_server_that_proves_nothing(world: World) -> None:
    # Who answers the question for the exchangers without DNSSEC may name any server at all.
    network, names = MemoryNetwork(), resolver(authentic=False)
    with pytest.raises(PolicyNotMet):
        send(world, network, BOB, names=names, options=DeliveryOptions(requires_tls=True))
    assert not network.connected


@in_each_world
def test_a_domain_does_not_send_us_to_our_own_services(world: World) -> None:
    names = MemoryResolver()
    names.add("one.example", MX(10, "mx.one.example"))
    names.add("mx.one.example", ip_address("127.0.0.1"), ip_address("::1"))
    network = MemoryNetwork(taken(BOB) + QUIT)
    with pytest.raises(PermanentlyRejected, match="this machine"):
        send(world, network, BOB, names=names)
    assert not network.connected
    send(world, network, BOB, names=names, dangerous_mx_on_this_machine=True)


@in_each_world
def test_an_address_literal_is_its_own_server(world: World) -> None:
    bob = Address.parse("bob@[192.0.2.77]")
    network = MemoryNetwork(taken(bob) + QUIT)
    assert send(world, network, bob).accepted == (bob,)
    assert hosts(network) == ["192.0.2.77"]


@in_each_world
def test_content_that_is_used_up_cannot_go_to_two_domains(world: World) -> None:
    with pytest.raises(InvalidInput, match="only once"):
        send(world, MemoryNetwork(), BOB, MAL, content=iter((b"x\r\n",)))


@in_each_world
def test_verifying_needs_no_server(world: World) -> None:
    async def use(mailer: AnyMailer) -> str:
        return (await mailer.verify()).host

    assert world.mail(Direct(resolver=resolver()), use, network=MemoryNetwork()) == "mx:"


@pytest.mark.parametrize(
    ("url", "options", "kind"),
    [
        ("mx://example.org", {}, InvalidURL),
        ("mx:example.org", {}, InvalidURL),
        ("mx:", {"password": "secret"}, InvalidSetting),
    ],
)
def test_what_has_no_sense_is_refused(
    url: str, options: dict[str, str], kind: type[MailError]
) -> None:
    with pytest.raises(kind):
        Mailer(url, **options)  # type: ignore[arg-type]


@in_each_world
def test_the_system_is_asked_where_no_resolver_is_given(world: World) -> None:
    async def use(mailer: AnyMailer) -> str:
        return (await mailer.verify()).host

    assert world.mail("mx:", use) == "mx:"


# -- what the domains publish ---------------------------------------------------------------------


def publish_dane(names: MemoryResolver, host: str = "mx.one.example", *, port: int = 25) -> None:
    names.add(f"_{port}._tcp.{host}", TLSA(Usage.DANE_EE, Selector.SPKI, MatchingType.FULL, b"key"))


def keep_policy(*exchangers: str, mode: MTAStsMode = MTAStsMode.ENFORCE) -> MemoryPolicyCache:
    policy = MTAStsPolicy(mode, exchangers, 7 * 86_400)
    return MemoryPolicyCache(policies={"one.example": CachedPolicy("1", policy, time.time())})


def announce_policy(names: MemoryResolver) -> MemoryResolver:
    names.add("_mta-sts.one.example", "v=STSv1; id=1;")
    return names


@in_each_world
def test_a_server_with_dane_gets_nothing_in_clear(world: World) -> None:
    names = resolver()
    publish_dane(names)
    publish_dane(names, "mx2.one.example")
    network = MemoryNetwork(PIPELINING, PIPELINING)
    with pytest.raises(StartTLSStripped) as caught:
        send(world, network, BOB, names=names)
    assert caught.value.is_temporary
    assert [stream.written for stream in network.streams] == [b"EHLO [192.0.2.1]\r\n"] * 2


@in_each_world
def test_dane_is_for_the_port_that_is_used(world: World) -> None:
    names = resolver()
    publish_dane(names, port=24)
    network = MemoryNetwork(taken(BOB) + QUIT)
    assert send(world, network, BOB, names=names).tls.level is TLSLevel.NONE
    network = MemoryNetwork(PIPELINING, ConnectError("refused"))
    with pytest.raises(StartTLSStripped):
        send(world, network, BOB, names=names, port=24)


@in_each_world
def test_records_that_nobody_signed_are_no_dane(world: World) -> None:
    names = resolver(authentic=False)
    publish_dane(names)
    network = MemoryNetwork(taken(BOB) + QUIT)
    assert send(world, network, BOB, names=names).accepted == (BOB,)


@in_each_world
def test_a_server_whose_dane_cannot_be_found_out_is_not_used(world: World) -> None:
    names = resolver()
    publish_dane(names)
    names.time_out("_25._tcp.mx.one.example")
    network = MemoryNetwork(taken(BOB) + QUIT)
    assert send(world, network, BOB, names=names).host == "mx2.one.example"
    assert hosts(network) == ["mx2.one.example"]


@in_each_world
def test_an_enforced_policy_gets_nothing_in_clear(world: World) -> None:
    network = MemoryNetwork(PIPELINING, PIPELINING)
    names = announce_policy(resolver(authentic=False))
    with pytest.raises(StartTLSStripped):
        send(world, network, BOB, names=names, policies=keep_policy("*.one.example"))
    assert [stream.written for stream in network.streams] == [b"EHLO [192.0.2.1]\r\n"] * 2


@in_each_world
def test_a_policy_that_was_kept_holds_where_its_record_is_suppressed(world: World) -> None:
    names = resolver(authentic=False)
    network = MemoryNetwork(PIPELINING, PIPELINING)
    with pytest.raises(StartTLSStripped):
        send(world, network, BOB, names=names, policies=keep_policy("*.one.example"))


@in_each_world
def test_servers_that_an_enforced_policy_does_not_name_are_not_used(world: World) -> None:
    names, network = announce_policy(resolver(authentic=False)), MemoryNetwork()
    with pytest.raises(PolicyNotMet):
        send(world, network, BOB, names=names, policies=keep_policy("mx.elsewhere.example"))
    assert not network.connected


@in_each_world
def test_a_policy_in_testing_mode_keeps_no_mail_back(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    policies = keep_policy("*.one.example", mode=MTAStsMode.TESTING)
    names = announce_policy(resolver(authentic=False))
    network = MemoryNetwork(PIPELINING, taken(BOB) + QUIT)
    with caplog.at_level(logging.WARNING, "postseal.send"):
        delivery = send(world, network, BOB, names=names, policies=policies)
    assert delivery.accepted == (BOB,)
    assert "the policy allows less" in caplog.text


@in_each_world
def test_the_policy_of_one_domain_is_not_anothers(world: World) -> None:
    network = MemoryNetwork(PIPELINING, PIPELINING, taken(MAL) + QUIT)
    names = announce_policy(resolver(authentic=False))
    delivery = send(world, network, BOB, MAL, names=names, policies=keep_policy("*.one.example"))
    assert delivery.accepted == (MAL,)
    assert [one.recipient for one in delivery.refused] == [BOB]
