"""Local delivery: the URLs, the seal, and an outcome for each recipient (RFC 2033)."""

from __future__ import annotations

from typing import Any

import pytest

from postseal import Address
from postseal.errors import (
    ConnectError,
    DeliveryUnknown,
    Disconnected,
    InvalidURL,
    Phase,
    PolicyNotMet,
    StartTLSStripped,
)
from postseal.send import Endpoint, Framing, Outgoing, PoolOptions
from postseal.send.session.connection import ConnectionOptions
from postseal.smtp.protocol import Protocol
from postseal.testing import MemoryNetwork
from postseal.tls import TLSLevel
from tests.parts.worlds import AnyMailer, World, in_each_world
from tests.unit.send.dialogues import (
    BOB,
    BODY,
    CONTENT,
    ENVELOPE,
    ENVELOPE_IN_ONE_FLIGHT,
    EVE,
    hand_over,
    refused,
)

LOCAL = Endpoint.parse("lmtp://localhost:2424")
SOCKET = Endpoint.parse("lmtp+unix:///run/mail/lmtp")
HELLO = """
    S: 220 mail.example.org LMTP
    C: LHLO [192.0.2.1]
    S: 250-mail.example.org
    S: 250-PIPELINING
    S: 250-CHUNKING
    S: 250 8BITMIME
    """
TAKEN = HELLO + ENVELOPE_IN_ONE_FLIGHT + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n" + BODY


def lmtp(world: World, script: str, **options: Any) -> Any:
    network = MemoryNetwork(script, peer_address="127.0.0.1")
    return hand_over(world, "", network=network, endpoint=LOCAL, **options)


def test_the_URLs() -> None:
    assert (LOCAL.protocol, LOCAL.level, LOCAL.port) == (Protocol.LMTP, TLSLevel.NONE, 2424)
    assert Endpoint.parse("lmtp://[::1]").port == 24
    remote = Endpoint.parse("lmtp://ada@mail.example.org")
    assert (remote.level, remote.username) == (TLSLevel.AUTHENTICATED, "ada")
    assert (SOCKET.socket_path, SOCKET.host) == ("/run/mail/lmtp", "/run/mail/lmtp")
    assert (SOCKET.protocol, SOCKET.level) == (Protocol.LMTP, TLSLevel.NONE)
    assert Endpoint.parse("lmtp+unix:///run/a%20b").socket_path == "/run/a b"


@pytest.mark.parametrize(
    "url",
    [
        "lmtp+unix://run/mail/lmtp",
        "lmtp+unix:///",
        "lmtp+unix://",
        "lmtp+unix:///run/lmtp?x=1",
        "lmtp+unix:///run/lmtp#x",
        "lmtp+unix:///run/%00lmtp",
        "lmtp+unix:///run/%0Almtp",
        "lmtp+unix:///" + "a" * 103,
        "lmtp+unix://ada@/run/lmtp",
        "lmtp://mail.example.org/path",
        "lmtp+insecure://mail.example.org",
    ],
)
def test_URLs_that_name_no_server(url: str) -> None:
    with pytest.raises(InvalidURL):
        Endpoint.parse(url)


@in_each_world
def test_each_recipient_has_an_outcome(world: World) -> None:
    delivery = lmtp(world, TAKEN + "S: 250 2.0.0 stored for bob\nS: 452 4.2.2 eve is full")
    assert delivery.accepted == (BOB,)
    assert [verdict.text for verdict in delivery.verdicts] == ["stored for bob"]
    assert [(one.recipient, one.phase, one.reply.code) for one in delivery.refused] == [
        (EVE, Phase.BODY, 452)
    ]


@in_each_world
def test_verdicts_are_for_those_who_were_taken(world: World) -> None:
    script = TAKEN.replace("S: 250 ok\nS: 250 ok\nS: 250 ok", "S: 250 ok\nS: 550 no\nS: 250 ok")
    delivery = lmtp(world, script + "S: 250 stored")
    assert delivery.accepted == (EVE,)
    assert [(one.recipient, one.phase) for one in delivery.refused] == [(BOB, Phase.RCPT)]


@in_each_world
def test_by_BDAT_too(world: World) -> None:
    envelope = ENVELOPE_IN_ONE_FLIGHT.replace("C: DATA", "S: 250 ok\nS: 250 ok\nS: 250 ok")
    chunk = "C: BDAT 26 LAST\nC: Subject: hello\nC:\nC: Hello.\n"
    delivery = lmtp(
        world,
        HELLO + envelope + chunk + "S: 550 5.7.1 not bob\nS: 250 stored",
        framing=Framing.BDAT,
    )
    assert delivery.accepted == (EVE,)
    assert [one.recipient for one in delivery.refused] == [BOB]


@in_each_world
@pytest.mark.parametrize("end", ["S: 421 4.3.2 closing", "S: <end>", "S: <reset>", "S: rubbish"])
def test_a_verdict_that_was_given_is_kept_when_the_connection_breaks(
    world: World, end: str
) -> None:
    # Bob's mail is stored. Told that all failed, the caller would send it to him again.
    delivery = lmtp(world, TAKEN + "S: 250 stored\n" + end)
    assert delivery.accepted == (BOB,)
    lost = delivery.refused[0]
    assert (lost.recipient, lost.reply.code, lost.reply.enhanced_code) == (EVE, 421, "4.4.2")
    assert lost.is_unknown
    assert lost.reply.is_temporary


@in_each_world
def test_without_any_verdict_the_connection_is_what_failed(world: World) -> None:
    with pytest.raises(DeliveryUnknown) as caught:
        lmtp(world, TAKEN + "S: <end>")
    assert isinstance(caught.value.__cause__, Disconnected)


@in_each_world
def test_the_next_envelope_rides_behind_the_body(world: World) -> None:
    both = [Outgoing(envelope=ENVELOPE, content=CONTENT) for _ in range(2)]
    network = MemoryNetwork(
        TAKEN
        + ENVELOPE_IN_ONE_FLIGHT
        + "S: 250 1\nS: 550 2\nS: 250 ok\nS: 550 no\nS: 250 ok\nS: 354 go\n"
        + BODY
        + "S: 250 3\nC: QUIT\nS: 221 bye",
        peer_address="::1",
    )

    async def use(mailer: AnyMailer) -> list[tuple[Address, ...]]:
        return [sent.result().accepted async for sent in mailer.send_many(both)]

    assert world.mail(
        "lmtp://localhost", use, network=network, pool=PoolOptions(max_connections=1)
    ) == [
        (BOB,),
        (EVE,),
    ]
    network.check_played()


@in_each_world
def test_a_server_of_SMTP_is_told_apart(world: World) -> None:
    network = MemoryNetwork(
        "S: 220 hi\nC: LHLO [192.0.2.1]\nS: 500 5.5.1 what?", peer_address="127.0.0.1"
    )
    with pytest.raises(ConnectError, match="may speak SMTP") as caught:
        hand_over(world, "", network=network, endpoint=LOCAL)
    assert caught.value.phase is Phase.EHLO


@in_each_world
def test_in_clear_it_is_for_this_machine_alone(world: World) -> None:
    # "localhost" can be made to resolve to anything; the address that was reached counts.
    network = MemoryNetwork("S: 220 mail.example.org LMTP", peer_address="192.0.2.25")
    with pytest.raises(PolicyNotMet):
        hand_over(world, "", network=network, endpoint=LOCAL)
    assert network.streams[0].written == b""


@in_each_world
def test_over_the_network_STARTTLS_is_required(world: World) -> None:
    remote = Endpoint.parse("lmtp://mail.example.org")
    for script in (HELLO, HELLO.partition("S: 250-mail")[0] + "S: 502 what?"):
        assert isinstance(refused(world, script, remote), StartTLSStripped)


@in_each_world
def test_over_a_unix_socket(world: World) -> None:
    network = MemoryNetwork(TAKEN.replace("[192.0.2.1]", "localhost") + "S: 250 one\nS: 250 two")
    delivery = hand_over(world, "", network=network, endpoint=SOCKET)
    assert network.connected == [("/run/mail/lmtp", 0)]
    assert (delivery.host, delivery.peer_address) == ("/run/mail/lmtp", "")
    assert [verdict.text for verdict in delivery.verdicts] == ["one", "two"]


@in_each_world
def test_a_unix_socket_nobody_listens_on(world: World) -> None:
    with pytest.raises(ConnectError) as caught:
        hand_over(world, "", network=MemoryNetwork(), endpoint=SOCKET)
    assert caught.value.host == "/run/mail/lmtp"


def test_options_of_a_connection_are_one_policy() -> None:
    # Pools are found by endpoint and options, so both are hashable, with all that is in them.
    assert hash((LOCAL, ConnectionOptions(token=str, mechanisms=frozenset({"PLAIN"}))))
