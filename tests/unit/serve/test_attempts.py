"""An attempt says for each delivery what became of it, and of none more than the server said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from postseal.send import Endpoint
from postseal.send.mx.destinations import Destinations
from postseal.send.mx.ways import Way
from postseal.send.session.connection import ConnectionOptions
from postseal.serve.attempts import Attempts, Consignment
from postseal.serve.routing import Errand
from postseal.serve.sealing import Hop
from postseal.serve.storage import DeliveryState, Lease
from postseal.testing import MemoryNetwork
from tests.parts.routers import make_experience
from tests.unit.send.dialogues import BODY, CONTENT, greeting


class OneHop:
    """A router that knows one way."""

    def __init__(self, url: str) -> None:
        self._way = Way(Endpoint.parse(url), ConnectionOptions())

    async def hops(self, errand: Errand) -> AsyncIterator[Hop]:
        assert errand.domain == "example.org"
        yield Hop(host="mail.example.org", port=25, ways=(self._way,))


def consignment(
    *names: str, content: Iterable[bytes] = CONTENT, is_8bit: bool = False
) -> Consignment:
    async def read() -> AsyncIterator[bytes]:
        for piece in content:
            yield piece

    leases = tuple(
        Lease(
            delivery_id=number,
            message_id="m",
            recipient=f"{name}@example.org",
            domain="example.org",
            reverse_path="ada@example.com",
            attempts=0,
            received_at=0.0,
            size=26,
            is_8bit=is_8bit,
        )
        for number, name in enumerate(names)
    )
    return Consignment(leases, read)


async def outcomes(
    network: MemoryNetwork, url: str, *names: str, **what: Any
) -> list[tuple[DeliveryState, int | None, str]]:
    attempts = await Attempts(
        OneHop(url),  # type: ignore[arg-type]
        Destinations(network),
        make_experience(),
        clock=lambda: 0.0,
    ).make(consignment(*names, **what))
    network.check_played()
    return [(one.outcome, one.code, one.text) for _, one in sorted(attempts.items())]


async def test_who_was_not_tried_waits_for_the_next_attempt() -> None:
    # RFC 9422: one message a session, one recipient a message. Nobody else was even named.
    network = MemoryNetwork(
        greeting("PIPELINING", "LIMITS MAILMAX=2 RCPTMAX=1")
        + "".join(
            f"C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<{name}@example.org>\nC: DATA\n"
            f"S: 250 ok\nS: 250 ok\nS: 354 go\n{BODY}S: 250 queued {name}\n"
            for name in "ab"
        )
        + "C: QUIT\nS: 221 bye"
    )
    a, b, c = await outcomes(network, "smtp+insecure://mail.example.org", "a", "b", "c")
    assert a == (DeliveryState.SENT, 250, "queued a")
    assert b == (DeliveryState.SENT, 250, "queued b")
    assert c[:2] == (DeliveryState.DEFERRED, 452)


async def test_each_recipient_of_local_delivery_has_a_verdict_of_their_own() -> None:
    network = MemoryNetwork(
        """
        S: 220 mail.example.org LMTP
        C: LHLO localhost
        S: 250-mail.example.org
        S: 250 PIPELINING
        C: MAIL FROM:<ada@example.com>
        C: RCPT TO:<a@example.org>
        C: RCPT TO:<b@example.org>
        C: RCPT TO:<c@example.org>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 250 ok
        S: 250 ok
        S: 354 go
        """
        + BODY
        + "S: 250 stored a\nS: 552 b is full\nS: <end>"
    )
    a, b, c = await outcomes(network, "lmtp+unix:///run/lmtp", "a", "b", "c")
    assert a == (DeliveryState.SENT, 250, "stored a")
    assert b == (DeliveryState.FAILED, 552, "b is full")
    # What the server did not say is tried again.
    assert c[:2] == (DeliveryState.DEFERRED, 421)


async def test_8bit_mail_is_converted_for_a_server_that_takes_none() -> None:
    network = MemoryNetwork(
        greeting("PIPELINING")
        + """
        C: MAIL FROM:<ada@example.com>
        C: RCPT TO:<a@example.org>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: Content-Type: text/plain; charset=utf-8
        C: MIME-Version: 1.0
        C: Content-Transfer-Encoding: quoted-printable
        C:
        C: Viele Gr=C3=BC=C3=9Fe an Bob
        C: .
        S: 250 queued
        """
    )
    content = [
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n",
        "Viele Grüße an Bob\r\n".encode(),
    ]
    (sent,) = await outcomes(
        network, "smtp+insecure://mail.example.org", "a", content=content, is_8bit=True
    )
    assert sent == (DeliveryState.SENT, 250, "queued")


async def test_8bit_mail_that_cannot_be_converted_fails_with_the_reason() -> None:
    network = MemoryNetwork(greeting("PIPELINING"))
    content = ["Subject: Grüße\r\n\r\n".encode()]
    ((state, code, text),) = await outcomes(
        network, "smtp+insecure://mail.example.org", "a", content=content, is_8bit=True
    )
    assert (state, code) == (DeliveryState.FAILED, None)
    assert "the message has 8-bit octets in its header" in text
