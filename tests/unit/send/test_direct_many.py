"""Many messages straight to the recipients' servers: which follow one another and which may not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from postseal import Address, Envelope, PoolOptions
from postseal.dns import MX, Lookup
from postseal.errors import MailError, PolicyNotMet
from postseal.send import DeliveryOptions, Direct, Outgoing, Sent
from postseal.send.outgoing import Content
from postseal.testing import End, MemoryNetwork, MemoryResolver, transcript
from tests.parts.worlds import AnyMailer, World, in_each_world
from tests.unit.send.dialogues import ADA, PIPELINING

BOB, EVE, MAL = (
    Address.parse(f"{who}@{domain}")
    for who, domain in (("bob", "one.example"), ("eve", "one.example"), ("mal", "two.example"))
)
QUIT = "C: QUIT\nS: 221 bye\n"
GO_AHEAD = "S: 250 ok\nS: 250 ok\nS: 354 go\n"


def resolver() -> MemoryResolver:
    names = MemoryResolver(authentic=False)
    for domain in ("one.example", "two.example"):
        names.add(domain, MX(10, f"mx.{domain}"))
        names.add(f"mx.{domain}", ip_address("192.0.2.10"))
    return names


def a_message(
    recipient: Address,
    *,
    content: Content = (b"x\r\n",),
    sender: Address | None = ADA,
    options: DeliveryOptions | None = None,
) -> Outgoing:
    return Outgoing(envelope=Envelope(sender, (recipient,)), content=content, options=options)


def said(recipient: Address, sender: str = "ada@example.com") -> str:
    return f"C: MAIL FROM:<{sender}>\nC: RCPT TO:<{recipient}>\nC: DATA\n"


def body(answer: str = "250 ok") -> str:
    return f"C: x\nC: .\nS: {answer}\n"


def taken(recipient: Address, sender: str = "ada@example.com") -> str:
    return said(recipient, sender) + GO_AHEAD + body()


def riding(first: Address, second: Address) -> str:
    """Two messages, the second announced behind the body of the first."""
    return (
        f"{said(first)}{GO_AHEAD}C: x\nC: .\n{said(second)}S: 250 one\n{GO_AHEAD}{body('250 two')}"
    )


def send_many(
    world: World, network: MemoryNetwork, names: MemoryResolver, *messages: Outgoing
) -> list[Sent[Outgoing]]:
    async def use(mailer: AnyMailer) -> list[Sent[Outgoing]]:
        return [sent async for sent in mailer.send_many(messages)]

    one = PoolOptions(max_connections=1)
    return world.mail(Direct(resolver=names), use, network=network, pool=one)


def times_asked(names: MemoryResolver, domain: str) -> int:
    return names.asked.count((Lookup.MX, domain))


@in_each_world
def test_messages_to_one_domain_follow_one_another(world: World) -> None:
    names, network = resolver(), MemoryNetwork(PIPELINING + riding(BOB, EVE) + QUIT)
    sent = send_many(world, network, names, a_message(BOB), a_message(EVE))
    assert [one.result().reply.text for one in sent] == ["one", "two"]
    assert network.connected == [("mx.one.example", 25)]
    assert times_asked(names, "one.example") == 1
    network.check_played()


@in_each_world
def test_one_to_another_domain_follows_on_its_own_connection(world: World) -> None:
    network = MemoryNetwork(
        PIPELINING + taken(BOB) + taken(EVE) + QUIT, PIPELINING + taken(MAL) + QUIT
    )
    messages = (a_message(BOB), a_message(MAL), a_message(EVE))
    sent = send_many(world, network, resolver(), *messages)
    assert [one.result().host for one in sent] == [
        "mx.one.example",
        "mx.two.example",
        "mx.one.example",
    ]
    network.check_played()


@in_each_world
def test_one_that_is_decided_otherwise_does_not_follow(world: World) -> None:
    network = MemoryNetwork(PIPELINING + taken(BOB) + taken(EVE, "") + QUIT)
    tagged = DeliveryOptions(requires_tls=True)
    messages = (a_message(BOB), a_message(EVE, options=tagged), a_message(EVE, sender=None))
    first, second, third = send_many(world, network, resolver(), *messages)
    assert isinstance(second.error, PolicyNotMet)
    assert first.result().accepted == (BOB,)
    assert third.result().accepted == (EVE,)
    network.check_played()


@in_each_world
def test_one_for_two_domains_does_not_follow(world: World) -> None:
    network = MemoryNetwork(
        PIPELINING + taken(BOB) + taken(EVE) + QUIT, PIPELINING + taken(MAL) + QUIT
    )
    both = Outgoing(envelope=Envelope(ADA, (EVE, MAL)), content=[b"x\r\n"])
    _, second = send_many(world, network, resolver(), a_message(BOB), both)
    assert second.result().accepted == (EVE, MAL)
    network.check_played()


@in_each_world
def test_what_is_published_is_looked_up_again_after_a_while(world: World) -> None:
    names = resolver()
    network = MemoryNetwork(PIPELINING + taken(BOB) + riding(EVE, BOB) + QUIT)

    def slow() -> Iterator[bytes]:
        network.clock.advance(6)
        yield b"x\r\n"

    messages = (a_message(BOB, content=slow()), a_message(EVE), a_message(BOB))
    sent = send_many(world, network, names, *messages)
    assert all(one.error is None for one in sent)
    assert times_asked(names, "one.example") == 2
    network.check_played()


@in_each_world
def test_an_announced_message_outlives_its_connection(world: World) -> None:
    first = transcript(
        PIPELINING + said(BOB) + GO_AHEAD + "C: x\nC: .\n" + said(EVE) + "S: 250 one\n"
    )
    network = MemoryNetwork((*first, End()), PIPELINING + taken(EVE) + QUIT)
    sent = send_many(world, network, resolver(), a_message(BOB), a_message(EVE))
    assert [one.error for one in sent] == [None, None]
    network.check_played()


@in_each_world
def test_one_whose_announcement_was_lost_with_a_verdict_is_sent_anew(world: World) -> None:
    first = transcript(PIPELINING + said(BOB) + GO_AHEAD + "C: x\nC: .\n" + said(EVE))
    network = MemoryNetwork((*first, End()), PIPELINING + taken(EVE) + QUIT)
    unknown, second = send_many(world, network, resolver(), a_message(BOB), a_message(EVE))
    assert isinstance(unknown.error, MailError)
    assert second.result().accepted == (EVE,)
    network.check_played()


@in_each_world
def test_nothing_follows_where_a_better_way_had_failed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    # Promise 2: TLS is tried for each message, and each that goes without is told of.
    broken = (
        "S: 220 hi\nC: EHLO [192.0.2.1]\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\n"
        "S: 220 go\nC: <anything>\nS: <end>"
    )
    network = MemoryNetwork(broken, PIPELINING + taken(BOB) + taken(EVE) + QUIT, broken)
    with caplog.at_level(logging.WARNING, "postseal.send"):
        sent = send_many(world, network, resolver(), a_message(BOB), a_message(EVE))
    assert [one.error for one in sent] == [None, None]
    assert caplog.text.count("TLS failed, and the policy allows less") == 2
    network.check_played()
