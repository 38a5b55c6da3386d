"""One attempt at several servers, and at one server in several ways: what decides in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator

from structlog.testing import capture_logs

from postseal.errors import ConnectError, MailError, PermanentlyRejected, Phase
from postseal.send import Endpoint
from postseal.send.mx.destinations import Destinations
from postseal.send.mx.ways import Way
from postseal.send.session.connection import ConnectionOptions
from postseal.serve.attempts import Attempts, Consignment
from postseal.serve.experience import Experience
from postseal.serve.routing import Errand
from postseal.serve.sealing import Hop
from postseal.serve.storage import Attempt, DeliveryState, Lease, StorageError
from postseal.testing import End, MemoryNetwork, transcript
from postseal.tls import TLSLevel
from postseal.tls.remembered import RememberingRule, Sighting
from postseal.tls.requiretls import TLSRequirement
from tests.parts.levels import Levels
from tests.parts.routers import make_experience
from tests.unit.send.dialogues import BODY, CONTENT, greeting

TAKEN = f"""
    C: MAIL FROM:<ada@example.com>
    S: 250 ok
    C: RCPT TO:<bob@example.org>
    S: 250 ok
    C: DATA
    S: 354 go
    {BODY}
    S: 250 taken
    """
OPPORTUNISTIC = (
    Way(Endpoint.parse("smtp+opportunistic://mx.example.org"), ConnectionOptions()),
    Way(Endpoint.parse("smtp+insecure://mx.example.org"), ConnectionOptions()),
)


class Hops:
    """A router that knows these hops."""

    def __init__(self, *hops: Hop) -> None:
        self._hops = hops

    async def hops(self, _: Errand) -> AsyncIterator[Hop]:
        for hop in self._hops:
            yield hop


def blocked(host: str, obstacle: MailError) -> Hop:
    return Hop(host=host, port=25, obstacle=obstacle)


def open_to_all(host: str = "mx.example.org", destination: str = "") -> Hop:
    return Hop(host=host, port=25, ways=OPPORTUNISTIC, destination=destination)


async def made(
    network: MemoryNetwork,
    *hops: Hop,
    requirement: TLSRequirement = TLSRequirement.UNSTATED,
    experience: Experience | None = None,
) -> Attempt:
    async def read() -> AsyncIterator[bytes]:
        for piece in CONTENT:
            yield piece

    lease = Lease(
        delivery_id=1,
        message_id="m",
        recipient="bob@example.org",
        domain="example.org",
        reverse_path="ada@example.com",
        attempts=0,
        received_at=0.0,
        size=26,
        tls_requirement=requirement,
    )
    attempts = Attempts(
        Hops(*hops),  # type: ignore[arg-type]
        Destinations(network),
        experience or make_experience(),
        clock=lambda: 0.0,
    )
    return (await attempts.make(Consignment((lease,), read)))[1]


GONE = PermanentlyRejected("there is no such host", phase=Phase.RESOLVE)
DOWN = ConnectError("it is down", phase=Phase.CONNECT)


async def test_nothing_is_given_up_while_one_server_may_come_back() -> None:
    for hops in (
        [blocked("a", DOWN), blocked("b", GONE)],
        [blocked("b", GONE), blocked("a", DOWN)],
    ):
        attempt = await made(MemoryNetwork(), *hops)
        assert attempt.outcome is DeliveryState.DEFERRED
        assert (attempt.host, attempt.text) == ("a", "it is down.")
        assert "b was tried: there is no such host." in attempt.explanation


async def test_what_is_final_everywhere_is_final() -> None:
    attempt = await made(MemoryNetwork(), blocked("a", GONE), blocked("b", GONE))
    assert attempt.outcome is DeliveryState.FAILED
    assert "a was tried: there is no such host." in attempt.explanation


async def test_what_was_tried_before_is_told_beside_a_success() -> None:
    attempt = await made(MemoryNetwork(greeting() + TAKEN), blocked("a", DOWN), open_to_all())
    assert attempt.outcome is DeliveryState.SENT
    assert attempt.explanation == ("a was tried: it is down.",)


async def test_a_broken_handshake_is_followed_by_a_new_connection_in_clear() -> None:
    offered = greeting("STARTTLS")
    broken = (*transcript(offered + "C: STARTTLS\nS: 220 go"), End())
    network = MemoryNetwork(broken, offered + TAKEN)
    attempt = await made(network, open_to_all())
    assert attempt.outcome is DeliveryState.SENT
    assert attempt.tls_level == "none"
    (line,) = attempt.explanation
    assert line.startswith("TLS failed, and the policy allows less: ")
    assert len(network.connected) == 2


async def test_who_tampers_with_starttls_gets_no_second_chance() -> None:
    injected = greeting("STARTTLS") + "C: STARTTLS\nS: 220 go\nS: 250 injected"
    network = MemoryNetwork(injected, greeting() + TAKEN)
    attempt = await made(network, open_to_all())
    assert attempt.outcome is DeliveryState.DEFERRED
    assert len(network.connected) == 1


async def test_a_server_that_does_not_answer_is_not_asked_in_clear() -> None:
    network = MemoryNetwork(DOWN, greeting() + TAKEN)
    attempt = await made(network, open_to_all())
    assert (attempt.outcome, attempt.phase) == (DeliveryState.DEFERRED, "connect")
    assert len(network.connected) == 1


async def test_a_message_that_requires_tls_goes_back_where_no_server_has_it() -> None:
    network = MemoryNetwork(greeting() + "C: QUIT\nS: 221 bye")
    attempt = await made(network, open_to_all(), requirement=TLSRequirement.REQUIRED)
    assert (attempt.outcome, attempt.code) == (DeliveryState.FAILED, 550)
    assert attempt.enhanced_code == "5.7.10"


async def test_mail_does_not_wait_for_what_cannot_be_remembered() -> None:
    class Forgetful(Levels):
        async def remember(self, destination: str, sighting: Sighting | None) -> None:
            raise StorageError("the disk is full")

    levels = Forgetful()
    levels.sightings["example.org"] = Sighting(TLSLevel.ENCRYPTED, -(10.0**9))
    experience = Experience(levels, RememberingRule(), clock=lambda: 0.0)
    hop = open_to_all(destination="example.org")
    with capture_logs() as logs:
        attempt = await made(MemoryNetwork(greeting() + TAKEN), hop, experience=experience)
    assert attempt.outcome is DeliveryState.SENT
    assert "the disk is full" in logs[0]["error"]
