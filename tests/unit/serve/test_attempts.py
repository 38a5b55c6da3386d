"""An attempt says for each delivery what became of it, and of none more than the server said."""

from __future__ import annotations

from collections.abc import AsyncIterator

from postseal.send import Endpoint
from postseal.send.connection import ConnectionOptions
from postseal.serve.attempts import Consignment, attempt
from postseal.serve.destinations import Destinations
from postseal.serve.routing import Hop
from postseal.serve.storage import DeliveryState, Lease
from postseal.testing import MemoryNetwork
from tests.unit.send.dialogues import BODY, CONTENT, greeting


class OneHop:
    """A router that knows one way."""

    def __init__(self, url: str) -> None:
        self._hop = Hop(Endpoint.parse(url), ConnectionOptions(), "for tests")

    async def hops(self, domain: str) -> tuple[Hop, ...]:
        assert domain == "example.org"
        return (self._hop,)


def consignment(*names: str) -> Consignment:
    async def read() -> AsyncIterator[bytes]:
        for piece in CONTENT:
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
        )
        for number, name in enumerate(names)
    )
    return Consignment(leases, read)


async def outcomes(
    network: MemoryNetwork, url: str, *names: str
) -> list[tuple[DeliveryState, int | None, str]]:
    attempts = await attempt(
        consignment(*names),
        OneHop(url),  # type: ignore[arg-type]
        Destinations(network),
        clock=lambda: 0.0,
    )
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
