"""8-bit content meets a server without 8BITMIME: it is converted, or refused before MAIL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from postseal import Address
from postseal.errors import PermanentlyRejected, Phase
from postseal.mail.conversion import NotConvertible
from postseal.send import Conversion, Outgoing
from postseal.send.networks.blocking import run
from postseal.send.outgoing import Content, ReadAnew, ReadAnewAsync
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.send.session.transaction import Deliveries
from postseal.testing import MemoryNetwork
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import (
    BODY,
    ENVELOPE,
    ENVELOPE_IN_ONE_FLIGHT,
    IN_CLEAR,
    greeting,
    hand_over,
)

# Lines as a file on this machine has them; DATA would end them with CRLF.
GERMAN = [
    b"Subject: hello\n",
    b"Content-Type: text/plain; charset=utf-8\n\nGr\xc3\xbc\xc3",
    b"\x9fe an alle, die das lesen\n",
]
OFFERS = greeting("PIPELINING", "SIZE 1000")
MAIL = "C: MAIL FROM:<ada@example.com>"
TAKEN = "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
CONVERTED = """
    C: Subject: hello
    C: Content-Type: text/plain; charset=utf-8
    C: MIME-Version: 1.0
    C: Content-Transfer-Encoding: quoted-printable
    C:
    C: Gr=C3=BC=C3=9Fe an alle, die das lesen
    C: .
    S: 250 queued
    """
# SIZE is that of what is sent.
DIALOGUE = OFFERS + ENVELOPE_IN_ONE_FLIGHT.replace(MAIL, f"{MAIL} SIZE=163") + TAKEN + CONVERTED


async def pieces_in_time() -> AsyncIterator[bytes]:
    for piece in GERMAN:
        yield piece


class Growing:
    """A file that somebody still writes to."""

    def __init__(self) -> None:
        self._lines = [b"\r\n"]

    def __iter__(self) -> Iterator[bytes]:
        self._lines.append(b"Gr\xfc\xdfe\r\n")
        return iter(self._lines)


@in_each_world
@pytest.mark.parametrize(
    "content",
    [GERMAN, ReadAnew(lambda: iter(GERMAN)), ReadAnewAsync(pieces_in_time)],
    ids=["list", "anew", "anew-async"],
)
def test_it_is_converted_and_said_so(world: World, content: Content) -> None:
    delivery = hand_over(world, DIALOGUE, content=content, size=77, is_8bit=True)
    assert delivery.is_converted
    assert len(delivery.accepted) == 2


@in_each_world
def test_a_server_with_8BITMIME_gets_it_as_it_is(world: World) -> None:
    said = ENVELOPE_IN_ONE_FLIGHT.replace(MAIL, f"{MAIL} BODY=8BITMIME")
    body = "C: Subject: hello\nC:\nC: Grüße\nC: .\nS: 250 queued"
    content = ["Subject: hello\n\nGrüße\n".encode()]
    script = greeting("PIPELINING", "8BITMIME") + said + TAKEN + body
    delivery = hand_over(world, script, content=content, is_8bit=True)
    assert not delivery.is_converted


@in_each_world
def test_what_shows_to_be_7_bit_is_sent_as_it_is(world: World) -> None:
    script = OFFERS + ENVELOPE_IN_ONE_FLIGHT + TAKEN + BODY + "S: 250 queued"
    flags: tuple[dict[str, Any], ...] = ({"is_8bit": True}, {"is_binary": True})
    for needs in flags:
        delivery = hand_over(world, script, **needs)
        assert not delivery.is_converted


@in_each_world
def test_binary_content_keeps_each_octet(world: World) -> None:
    body = """
        C: Content-Type: image/png
        C: MIME-Version: 1.0
        C: Content-Transfer-Encoding: base64
        C:
        C: AAoN/w==
        C: .
        S: 250 queued
        """
    content = [b"Content-Type: image/png\r\n\r\n\0\n\r", b"\xff"]
    script = greeting("PIPELINING", "8BITMIME") + ENVELOPE_IN_ONE_FLIGHT + TAKEN + body
    assert hand_over(world, script, content=content, is_binary=True).is_converted


@in_each_world
@pytest.mark.parametrize(
    ("content", "needs", "code", "words"),
    [
        (iter([b"\r\n\xe4\r\n"]), {}, "5.6.3", "can be read only once"),
        ([b"Subject: \xe4\r\n\r\n"], {}, "5.6.9", "8-bit octets in its header"),
        ([b"DKIM-Signature: v=1\r\n\r\n\xe4\r\n"], {}, "5.6.2", "break its dkim-signature"),
        ([b"\r\n\xe4\r\n"], {"conversion": Conversion.FORBIDDEN}, "5.6.3", "is 8-bit"),
        ([b"\r\n" + b"\xe4" * 800], {}, "5.3.4", "has 1204 octets, the server takes 1000"),
    ],
)
def test_what_cannot_be_converted_is_not_begun(
    world: World, content: Content, needs: dict[str, Any], code: str, words: str
) -> None:
    network = MemoryNetwork(OFFERS)
    with pytest.raises(PermanentlyRejected, match=words) as caught:
        hand_over(world, "", network=network, content=content, is_8bit=True, **needs)
    error = caught.value
    assert (error.enhanced_code, error.phase, error.host) == (code, Phase.MAIL, "mail.example.org")
    assert not network.streams[0].is_closed
    assert network.streams[0].written == b"EHLO [192.0.2.1]\r\n"


@in_each_world
def test_content_that_changes_meanwhile_leaves_no_message(world: World) -> None:
    network = MemoryNetwork(greeting("PIPELINING") + ENVELOPE_IN_ONE_FLIGHT + TAKEN)
    with pytest.raises(NotConvertible, match="changed between its two readings"):
        hand_over(world, "", network=network, content=Growing(), is_8bit=True)
    # Half a body must not become a message.
    assert network.streams[0].is_closed
    assert not network.streams[0].written.endswith(b".\r\n")


def test_among_others_it_waits_for_its_turn() -> None:
    envelope = ENVELOPE_IN_ONE_FLIGHT
    sized = envelope.replace(MAIL, f"{MAIL} SIZE=163")
    network = MemoryNetwork(
        # It is read before its envelope is said, so this does not ride behind the first body;
        # the third, which needs nothing, rides behind it.
        OFFERS
        + envelope
        + TAKEN
        + BODY
        + "S: 250 first\n"
        + sized
        + TAKEN
        + CONVERTED.replace("S: 250 queued", "").rstrip()
        + envelope
        + "S: 250 second\n"
        + TAKEN
        + BODY
        + "S: 250 third\n"
    )
    small = Outgoing(envelope=ENVELOPE, content=[b"Subject: hello\r\n\r\nHello.\r\n"])
    german = Outgoing(envelope=ENVELOPE, content=GERMAN, is_8bit=True)
    last = Outgoing(envelope=ENVELOPE, content=small.content)

    async def send() -> list[tuple[str, bool]]:
        connection = await Connection.open(network, IN_CLEAR, ConnectionOptions(), deadline=600)
        deliveries = Deliveries(connection)
        results = []
        riders = iter([german, last, None])
        for outgoing in (small, german, last):
            delivery = await deliveries.deliver(
                outgoing, deadline=600, following=lambda: next(riders)
            )
            results.append((delivery.reply.text, delivery.is_converted))
        return results

    assert run(send()) == [("first", False), ("second", True), ("third", False)]
    network.check_played()


@in_each_world
def test_converted_content_goes_in_several_transactions(world: World) -> None:
    # RFC 9422: one recipient at a time; the plan is made once, the content written twice.
    one = "C: MAIL FROM:<ada@example.com> SIZE=163\nC: RCPT TO:<{}@example.org>\nC: DATA\n"
    taken = "S: 250 ok\nS: 250 ok\nS: 354 go\n"
    script = greeting("PIPELINING", "SIZE", "LIMITS RCPTMAX=1")
    for name in ("bob", "eve"):
        script += one.format(name) + taken + CONVERTED
    delivery = hand_over(world, script, content=GERMAN, is_8bit=True)
    assert delivery.is_converted
    assert delivery.accepted == (Address("bob", "example.org"), Address("eve", "example.org"))
