"""Several servers: which is tried when, what is final, and that none is weaker than the others."""

from __future__ import annotations

from typing import Any

import pytest

from postseal import AsyncMailer, Envelope, Mailer
from postseal.errors import (
    AuthError,
    ConnectError,
    DeliveryUnknown,
    InvalidSetting,
    InvalidURL,
    MailError,
    PermanentlyRejected,
    StartTLSStripped,
)
from postseal.send import Failover, Outgoing, PoolOptions
from postseal.testing import MemoryNetwork
from tests.parts.worlds import AnyMailer, World, in_each_world
from tests.unit.send.dialogues import (
    ACCEPTED,
    ADA,
    BOB,
    BODY,
    CONTENT,
    ENVELOPE,
    ENVELOPE_IN_ONE_FLIGHT,
    EVE,
    PIPELINING,
    greeting,
)

URLS = ("smtp+insecure://one.example.org", "smtp+insecure://two.example.org")
TAKEN = ACCEPTED + BODY + "S: 250 ok\n"
AGAIN = TAKEN.removeprefix(PIPELINING)
QUIT = "C: QUIT\nS: 221 bye\n"


async def send(mailer: AnyMailer) -> str:
    return (await mailer.send_raw(ENVELOPE, CONTENT)).host


def hosts(network: MemoryNetwork) -> list[str]:
    return [host.partition(".")[0] for host, _ in network.connected]


@in_each_world
def test_the_first_server_gets_the_mail(world: World) -> None:
    network = MemoryNetwork(TAKEN + QUIT)
    assert world.mail(URLS, send, network=network) == "one.example.org"
    assert hosts(network) == ["one"]


@in_each_world
@pytest.mark.parametrize(
    "first",
    [
        ConnectError("refused"),
        "S: 421 busy",
        "S: 554 go away",
        "S: <end>",
        PIPELINING + ENVELOPE_IN_ONE_FLIGHT + "S: <end>",
    ],
    ids=["refused", "421", "554", "end", "amid the envelope"],
)
def test_one_that_takes_no_part_is_followed_by_the_next(
    world: World, first: str | MailError
) -> None:
    network = MemoryNetwork(first, TAKEN + QUIT)
    assert world.mail(URLS, send, network=network) == "two.example.org"
    network.check_played()


@in_each_world
def test_one_that_failed_is_passed_over_until_it_had_time(world: World) -> None:
    network = MemoryNetwork(
        ConnectError("refused"), TAKEN + AGAIN + QUIT, TAKEN.replace("250 ok", "250 back") + QUIT
    )

    async def use(mailer: AnyMailer) -> list[str]:
        first, second = await send(mailer), await send(mailer)
        network.clock.advance(30)
        return [first, second, await send(mailer)]

    seen = world.mail(Failover(URLS, cool_down=30), use, network=network)
    assert [host.partition(".")[0] for host in seen] == ["two", "two", "one"]
    assert hosts(network) == ["one", "two", "one"]
    network.check_played()


@in_each_world
def test_where_all_are_down_all_are_tried(world: World) -> None:
    network = MemoryNetwork(*[ConnectError(f"refused {number}") for number in range(4)])

    async def use(mailer: AnyMailer) -> list[str]:
        texts = []
        for _ in range(2):
            with pytest.raises(ConnectError) as caught:
                await send(mailer)
            texts.append(f"{caught.value.host}: {caught.value.text}")
        return texts

    # The error is the preferred server's.
    assert world.mail(URLS, use, network=network) == [
        "one.example.org: refused 0",
        "one.example.org: refused 2",
    ]


@in_each_world
@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (
            PIPELINING
            + ENVELOPE_IN_ONE_FLIGHT
            + "S: 550 no\nS: 503 bad\nS: 503 bad\nS: 503 bad\n"
            + QUIT,
            PermanentlyRejected,
        ),
        (ACCEPTED + BODY + "S: <end>", DeliveryUnknown),
    ],
    ids=["refused", "unknown"],
)
def test_a_servers_word_is_not_put_to_another(
    world: World, first: str, kind: type[MailError]
) -> None:
    network = MemoryNetwork(first, TAKEN)
    with pytest.raises(kind):
        world.mail(URLS, send, network=network)
    assert hosts(network) == ["one"]


@in_each_world
def test_a_password_that_is_refused_is_not_tried_elsewhere(world: World) -> None:
    urls = ["smtp+insecure://ada@127.0.0.1", "smtp+insecure://ada@127.0.0.2"]
    network = MemoryNetwork(
        greeting("AUTH PLAIN") + "C: <anything>\nS: 535 no", TAKEN, peer_address="127.0.0.1"
    )
    with pytest.raises(AuthError):
        world.mail(urls, send, network=network, password="wrong")
    assert len(network.connected) == 1


@in_each_world
def test_a_stripped_server_is_no_way_around_tls(world: World) -> None:
    # Every server must prove who it is; where the attacker strips all of them, nothing is sent.
    network = MemoryNetwork(PIPELINING, PIPELINING)
    with pytest.raises(StartTLSStripped):
        world.mail(["smtp://one.example.org", "smtp://two.example.org"], send, network=network)
    assert [stream.written for stream in network.streams] == [b"EHLO [192.0.2.1]\r\n"] * 2


@in_each_world
def test_a_message_announced_to_a_server_that_died_goes_to_the_next(world: World) -> None:
    said = "C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<bob@example.org>\nC: DATA\n"
    go = "S: 250 ok\nS: 250 ok\nS: 354 go\n"
    network = MemoryNetwork(
        PIPELINING + said + go + "C: one\nC: .\n" + said + "S: 250 ok\nS: <end>",
        ConnectError("refused"),
        PIPELINING + said + go + "C: two\nC: .\nS: 250 ok\n" + QUIT,
    )
    messages = [
        Outgoing(envelope=Envelope(ADA, (BOB,)), content=[f"{text}\r\n".encode()])
        for text in ("one", "two")
    ]

    async def use(mailer: AnyMailer) -> list[str]:
        return [sent.result().host async for sent in mailer.send_many(messages)]

    seen = world.mail(URLS, use, network=network, pool=PoolOptions(max_connections=1))
    assert seen == ["one.example.org", "two.example.org"]
    network.check_played()


@in_each_world
def test_verifying_finds_the_server_that_would_be_used(world: World) -> None:
    network = MemoryNetwork(ConnectError("refused"), PIPELINING + QUIT)

    async def use(mailer: AnyMailer) -> str:
        return (await mailer.verify()).host

    assert world.mail(URLS, use, network=network) == "two.example.org"


@pytest.mark.parametrize("mailer", [Mailer, AsyncMailer])
def test_servers_of_different_levels_are_refused(mailer: Any) -> None:
    urls = ["smtp://one.example.org", "smtp+opportunistic://two.example.org"]
    with pytest.raises(InvalidSetting, match="different TLS levels"):
        mailer(urls)
    mailer(Failover(urls, dangerous_mixed_levels=True))


@pytest.mark.parametrize(
    ("urls", "kind"),
    [([], InvalidSetting), (["http://one.example.org"], InvalidURL), (["mx:"], InvalidURL)],
)
def test_lists_without_sense_are_refused(urls: list[str], kind: type[MailError]) -> None:
    with pytest.raises(kind):
        Mailer(urls)


@pytest.mark.parametrize(("urls", "cool_down"), [("smtp://one.example.org", 30), (URLS, 0)])
def test_groups_without_sense_are_refused(urls: Any, cool_down: float) -> None:
    with pytest.raises(InvalidSetting):
        Failover(urls, cool_down=cool_down)


def test_both_recipients_are_in_the_result() -> None:
    network = MemoryNetwork(ConnectError("refused"), TAKEN)
    assert Mailer(URLS, network=network).send_raw(ENVELOPE, CONTENT).accepted == (BOB, EVE)
