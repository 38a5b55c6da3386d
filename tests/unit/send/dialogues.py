"""What the unit tests of the client have in common: a message, and dialogues begun for them."""

from __future__ import annotations

from typing import Any

import pytest

from postseal import Address, Delivery, Envelope
from postseal.errors import MailError
from postseal.send import DeliveryOptions, Endpoint
from postseal.send.outgoing import Content, Outgoing
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.send.session.transaction import deliver
from postseal.testing import MemoryNetwork, Step, transcript
from tests.parts.worlds import World

ADA = Address.parse("ada@example.com")
BOB = Address.parse("bob@example.org")
EVE = Address.parse("eve@example.org")
ENVELOPE = Envelope(ADA, (BOB, EVE))
CONTENT = (b"Subject: hello\r\n", b"\r\n", b"Hello.\r\n")

# No TLS: these dialogues are about what comes behind it.
IN_CLEAR = Endpoint.parse("smtp+insecure://mail.example.org")


def greeting(*extensions: str) -> str:
    """A dialogue up to the answer to EHLO."""
    lines = ["250-mail.example.org", *(f"250-{extension}" for extension in extensions)]
    said = "\n".join(f"S: {line}" for line in lines)
    return f"S: 220 mail.example.org ESMTP\nC: EHLO [192.0.2.1]\n{said}\nS: 250 HELP\n"


PIPELINING = greeting("PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
PLAIN = greeting()

BODY = """
    C: Subject: hello
    C:
    C: Hello.
    C: .
    """


ENVELOPE_IN_ONE_FLIGHT = """
    C: MAIL FROM:<ada@example.com>
    C: RCPT TO:<bob@example.org>
    C: RCPT TO:<eve@example.org>
    C: DATA
    """
ACCEPTED = PIPELINING + ENVELOPE_IN_ONE_FLIGHT + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n"


def hand_over(
    world: World,
    script: str | tuple[Step, ...],
    *,
    envelope: Envelope = ENVELOPE,
    content: Content = CONTENT,
    options: ConnectionOptions | None = None,
    network: MemoryNetwork | None = None,
    endpoint: Endpoint = IN_CLEAR,
    delivery_options: DeliveryOptions | None = None,
    **needs: Any,
) -> Delivery:
    """Deliver one message over a new connection that plays `script`, which must be played out."""
    steps = transcript(script) if isinstance(script, str) else script
    network = network or MemoryNetwork(steps)
    outgoing = Outgoing(envelope=envelope, content=content, options=delivery_options, **needs)

    async def send() -> Delivery:
        connection = await Connection.open(
            network, endpoint, options or ConnectionOptions(), deadline=600
        )
        return await deliver(connection, outgoing, deadline=network.now() + 600)

    delivery = world.drive(send())
    network.check_played()
    return delivery


def open_connection(
    world: World,
    network: MemoryNetwork,
    endpoint: Endpoint = IN_CLEAR,
    *,
    deadline: float = 600,
    options: ConnectionOptions | None = None,
) -> Connection:
    connection = world.drive(
        Connection.open(network, endpoint, options or ConnectionOptions(), deadline=deadline)
    )
    network.check_played()
    return connection


def refused(
    world: World,
    script: str | tuple[Step, ...] | MailError,
    endpoint: Endpoint = IN_CLEAR,
    *,
    deadline: float = 600,
    options: ConnectionOptions | None = None,
    network: MemoryNetwork | None = None,
) -> MailError:
    """Open a connection that must fail; return why, having seen that all was closed."""
    network = network or MemoryNetwork(script)
    with pytest.raises(MailError) as caught:
        open_connection(world, network, endpoint, deadline=deadline, options=options)
    network.check_played()
    assert all(stream.is_closed for stream in network.streams)
    # Promise 2: there is no second try, with or without TLS.
    assert len(network.connected) == 1
    assert caught.value.host == "mail.example.org"
    return caught.value
