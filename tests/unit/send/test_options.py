"""What a sender asks of a delivery, from the mailer to the wire and back into the result."""

from __future__ import annotations

import pytest

from postseal import Address, Delivery, Envelope, Message
from postseal.errors import PermanentlyRejected, Phase, PolicyNotMet
from postseal.send import DeliveryOptions
from postseal.smtp.envelope_values import (
    HoldFor,
    NotificationRequest,
    Notify,
    OriginalRecipient,
    ReturnContent,
)
from postseal.smtp.protocol import Extension
from postseal.testing import Hear, MemoryNetwork, Say, transcript
from tests.parts.worlds import AnyMailer, World, in_each_world
from tests.unit.send.dialogues import (
    ACCEPTED,
    BOB,
    BODY,
    EVE,
    greeting,
    hand_over,
)

URL = "smtp+insecure://mail.example.org"
QUIT = "C: QUIT\nS: 221 bye\n"
ASKED = DeliveryOptions(
    return_content=ReturnContent.HEADERS,
    envelope_id="QQ314159",
    notify=frozenset({Notify.FAILURE}),
    notification_requests=(
        NotificationRequest(EVE, frozenset({Notify.NEVER}), OriginalRecipient("rfc822", "e@x")),
    ),
    priority=3,
)


@in_each_world
def test_requests_travel_with_the_envelope(world: World) -> None:
    delivery = hand_over(
        world,
        greeting("PIPELINING", "DSN", "MT-PRIORITY MIXER")
        + """
        C: MAIL FROM:<ada@example.com> RET=HDRS ENVID=QQ314159 MT-PRIORITY=3
        C: RCPT TO:<bob@example.org> NOTIFY=FAILURE
        C: RCPT TO:<eve@example.org> NOTIFY=NEVER ORCPT=rfc822;e@x
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 250 ok
        S: 354 go
        """
        + BODY
        + "S: 250 ok",
        delivery_options=ASKED,
    )
    assert delivery.dropped == ()


@in_each_world
def test_what_was_left_out_is_in_the_result(world: World) -> None:
    delivery = hand_over(world, ACCEPTED + BODY + "S: 250 ok", delivery_options=ASKED)
    assert delivery.dropped == (Extension.DSN, Extension.MT_PRIORITY)


@in_each_world
def test_requests_of_a_composed_message(world: World) -> None:
    message = Message(from_="ada@example.com", to=["bob@example.org"], text="Hello")
    octets = bytes(message)
    network = MemoryNetwork(
        (
            *transcript(
                greeting("PIPELINING", "DSN", "FUTURERELEASE 900 2030-01-31T12:00:00Z")
                + "C: MAIL FROM:<ada@example.com> RET=FULL HOLDFOR=60\n"
                + "C: RCPT TO:<bob@example.org>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go"
            ),
            Hear(octets + b".\r\n"),
            Say(b"250 ok\r\n"),
            *transcript(QUIT),
        )
    )
    options = DeliveryOptions(return_content=ReturnContent.FULL, hold=HoldFor(60))

    async def use(mailer: AnyMailer) -> Delivery:
        return await mailer.send(message, options=options)

    assert world.mail(URL, use, network=network).accepted == (BOB,)
    network.check_played()


@in_each_world
def test_a_message_that_requires_TLS_is_not_sent_without(world: World) -> None:
    # RFC 8689: an offer in clear is no promise; nothing is sent, not even MAIL.
    with pytest.raises(PolicyNotMet) as caught:
        hand_over(
            world,
            greeting("PIPELINING", "REQUIRETLS"),
            delivery_options=DeliveryOptions(requires_tls=True),
        )
    assert (caught.value.phase, caught.value.host) == (Phase.MAIL, "mail.example.org")


@in_each_world
def test_what_must_be_kept_is_refused_before_anything_is_sent(world: World) -> None:
    with pytest.raises(PermanentlyRejected) as caught:
        hand_over(world, greeting(), delivery_options=DeliveryOptions(hold=HoldFor(60)))
    assert caught.value.host == "mail.example.org"


@in_each_world
def test_an_international_domain_needs_no_extension(world: World) -> None:
    # RFC 5890: the A-label is the same domain. Only the part before the @ has no ASCII form.
    envelope = Envelope(
        Address.parse("ada@b\u00fccher.example"), (Address.parse("bob@\u4f8b.example"),)
    )
    hand_over(
        world,
        greeting()
        + """
        C: MAIL FROM:<ada@xn--bcher-kva.example>
        S: 250 ok
        C: RCPT TO:<bob@xn--fsq.example>
        S: 250 ok
        C: DATA
        S: 354 go
        """
        + BODY
        + "S: 250 ok",
        envelope=envelope,
    )
    local = Envelope(envelope.sender, (Address.parse("b\u00f6b@example.org"),))
    with pytest.raises(PermanentlyRejected, match="SMTPUTF8"):
        hand_over(world, greeting(), envelope=local)


@in_each_world
def test_a_composed_message_is_7_bit_whatever_is_offered(world: World) -> None:
    # So no server on the way has to convert it, and no signature breaks.
    message = Message(
        from_="Ad\u00e1 <ada@b\u00fccher.example>",
        to=["B\u00f6b <bob@example.org>"],
        subject="Gr\u00fc\u00dfe",
        text="\u91d1\u4e1d\u96c0",
    )
    octets = bytes(message)
    assert octets.isascii()
    for offers in ((), ("8BITMIME", "SMTPUTF8")):
        network = MemoryNetwork(
            (
                *transcript(
                    greeting("PIPELINING", *offers)
                    + "C: MAIL FROM:<ada@xn--bcher-kva.example>\n"
                    + "C: RCPT TO:<bob@example.org>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go"
                ),
                Hear(octets.replace(b"\r\n.", b"\r\n..") + b".\r\n"),
                Say(b"250 ok\r\n"),
                *transcript(QUIT),
            )
        )

        async def use(mailer: AnyMailer) -> Delivery:
            return await mailer.send(message)

        world.mail(URL, use, network=network)
        network.check_played()
