"""Many messages over one connection: what rides behind what, and what a break does to whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from postseal import Address, AsyncMailer, Envelope, Mailer
from postseal.errors import Disconnected, LocalProtocolError, PermanentlyRejected, Phase
from postseal.send import Outgoing, PoolOptions, Sent
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.send.session.transaction import Deliveries
from postseal.testing import End, MemoryNetwork, transcript
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import ADA, BOB, IN_CLEAR, PIPELINING, PLAIN, greeting

URL = "smtp+insecure://mail.example.org"
SAID = "C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<bob@example.org>\nC: DATA\n"
TAKEN = "S: 250 ok\nS: 250 ok\nS: 354 go\n"


def a_message(text: str) -> Outgoing:
    return Outgoing(envelope=Envelope(ADA, (BOB,)), content=[f"{text}\r\n".encode()])


def send_many(network: MemoryNetwork, messages: Iterable[Outgoing]) -> list[Sent[Outgoing]]:
    mailer = Mailer(URL, pool=PoolOptions(max_connections=1), network=network)
    return list(mailer.send_many(messages))


def test_the_next_envelope_rides_behind_the_body() -> None:
    # RFC 2920 3.1 and its example in 4: what follows the end of data may be in the same flight.
    network = MemoryNetwork(
        transcript(
            PIPELINING
            + SAID
            + TAKEN
            + "C: one\nC: .\n"
            + SAID
            # The verdict on the first, then the answers to the envelope of the second.
            + "S: 250 queued as 1\n"
            + TAKEN
            + "C: two\nC: .\nS: 250 queued as 2\n"
        )
    )
    sent = send_many(network, [a_message("one"), a_message("two")])
    assert [one.result().reply.text for one in sent] == ["queued as 1", "queued as 2"]
    network.check_played()


def test_without_pipelining_nothing_rides() -> None:
    envelope = (
        "C: MAIL FROM:<ada@example.com>\nS: 250 ok\n"
        "C: RCPT TO:<bob@example.org>\nS: 250 ok\nC: DATA\nS: 354 go\n"
    )
    network = MemoryNetwork(
        transcript(
            PLAIN
            + envelope
            + "C: one\nC: .\nS: 250 queued as 1\n"
            + envelope
            + "C: two\nC: .\nS: 250 queued as 2\n"
        )
    )
    sent = send_many(network, [a_message("one"), a_message("two")])
    assert [one.result().reply.text for one in sent] == ["queued as 1", "queued as 2"]
    network.check_played()


@pytest.mark.parametrize(
    ("answers", "after", "phase"),
    [
        # MAIL refused; the server answers 503 to the rest of the flight.
        ("S: 550 no\nS: 503 bad\nS: 503 bad\n", "", Phase.MAIL),
        # The only recipient refused: DATA fails, and the open transaction is reset.
        ("S: 250 ok\nS: 550 no\nS: 554 none\n", "C: RSET\nS: 250 ok\n", Phase.RCPT),
        # The same, and a server that wants the body all the same: a lone dot ends it.
        ("S: 250 ok\nS: 550 no\nS: 354 go\n", "C: .\nS: 554 none\n", Phase.RCPT),
    ],
)
def test_a_refused_rider_does_not_touch_its_neighbours(
    answers: str, after: str, phase: Phase
) -> None:
    network = MemoryNetwork(
        transcript(
            PIPELINING
            + SAID
            + TAKEN
            + "C: one\nC: .\n"
            + SAID
            + "S: 250 queued as 1\n"
            + answers
            + after
            + SAID
            + TAKEN
            + "C: three\nC: .\nS: 250 queued as 3\n"
        )
    )
    first, second, third = send_many(network, map(a_message, ["one", "two", "three"]))
    assert first.result().reply.text == "queued as 1"
    assert isinstance(second.error, PermanentlyRejected)
    assert (second.error.code, second.error.phase) == (550, phase)
    assert third.result().reply.text == "queued as 3"
    network.check_played()


def test_a_refused_body_does_not_touch_the_rider() -> None:
    network = MemoryNetwork(
        transcript(
            PIPELINING
            + SAID
            + TAKEN
            + "C: one\nC: .\n"
            + SAID
            + "S: 554 spam\n"
            + TAKEN
            + "C: two\nC: .\nS: 250 queued as 2\n"
        )
    )
    first, second = send_many(network, [a_message("one"), a_message("two")])
    assert isinstance(first.error, PermanentlyRejected)
    assert first.error.phase is Phase.BODY
    assert second.result().reply.text == "queued as 2"


def test_a_message_that_was_only_announced_goes_over_the_next_connection() -> None:
    # The connection breaks before the verdict on the first: its fate is not known, and it is not
    # sent again. Of the second no octet of a body was sent: it cannot have been taken.
    network = MemoryNetwork(
        (*transcript(PIPELINING + SAID + TAKEN + "C: one\nC: .\n" + SAID), End()),
        transcript(PIPELINING + SAID + TAKEN + "C: two\nC: .\nS: 250 queued as 2\n"),
    )
    first, second = send_many(network, [a_message("one"), a_message("two")])
    assert first.error is not None
    assert first.error.phase is Phase.BODY
    assert second.result().reply.text == "queued as 2"
    network.check_played()


def test_421_instead_of_a_verdict() -> None:
    network = MemoryNetwork(
        transcript(PIPELINING + SAID + TAKEN + "C: one\nC: .\n" + SAID + "S: 421 bye\n"),
        transcript(PIPELINING + SAID + TAKEN + "C: two\nC: .\nS: 250 queued as 2\n"),
    )
    first, second = send_many(network, [a_message("one"), a_message("two")])
    assert isinstance(first.error, Disconnected)
    assert first.error.code == 421
    assert second.result().reply.text == "queued as 2"


def test_what_the_server_cannot_take_is_reported_in_its_turn() -> None:
    eight_bit = Outgoing(envelope=Envelope(ADA, (BOB,)), content=["ä\r\n".encode()], is_8bit=True)
    network = MemoryNetwork(
        transcript(
            greeting("PIPELINING")
            + SAID
            + TAKEN
            + "C: one\nC: .\nS: 250 queued as 1\n"
            + SAID
            + TAKEN
            + "C: three\nC: .\nS: 250 queued as 3\n"
        )
    )
    first, second, third = send_many(network, [a_message("one"), eight_bit, a_message("three")])
    assert first.result().reply.text == "queued as 1"
    assert second.message is eight_bit
    assert isinstance(second.error, PermanentlyRejected)
    assert second.error.enhanced_code == "5.6.3"
    assert third.result().reply.text == "queued as 3"


def test_a_long_list_of_recipients_does_not_ride() -> None:
    many = [Address.parse(f"r{number}@example.org") for number in range(120)]
    said = ["C: MAIL FROM:<ada@example.com>", *(f"C: RCPT TO:<{one}>" for one in many), "C: DATA"]
    first_flight, second_flight = said[:100], said[100:]
    network = MemoryNetwork(
        transcript(
            PIPELINING
            + SAID
            + TAKEN
            + "C: one\nC: .\nS: 250 queued as 1\n"
            + "\n".join([*first_flight, *["S: 250 ok"] * 100, *second_flight])
            + "\n"
            + "S: 250 ok\n" * 21
            + "S: 354 go\nC: two\nC: .\nS: 250 queued as 2\n"
        )
    )
    long = Outgoing(envelope=Envelope(ADA, tuple(many)), content=[b"two\r\n"])
    first, second = send_many(network, [a_message("one"), long])
    assert first.result().reply.text == "queued as 1"
    assert len(second.result().accepted) == 120


def test_messages_are_taken_no_further_than_one_ahead() -> None:
    taken: list[str] = []

    def endless() -> Iterator[Outgoing]:
        for number in range(10**9):
            taken.append(str(number))
            yield a_message(str(number))

    network = MemoryNetwork(
        transcript(
            PIPELINING + SAID + TAKEN + "C: 0\nC: .\n" + SAID + "S: 250 queued as 0\n" + TAKEN
        )
    )
    outcomes = Mailer(URL, pool=PoolOptions(max_connections=1), network=network).send_many(
        endless()
    )
    assert next(outcomes).result().reply.text == "queued as 0"
    assert taken == ["0", "1"]


async def test_tasks_share_the_messages_and_each_is_sent_once() -> None:
    # Nothing waits in memory: the first of the three tasks gets all there is.
    body = "C: same\nC: .\n"
    network = MemoryNetwork(
        transcript(
            PIPELINING
            + SAID
            + (TAKEN + body + SAID + "S: 250 ok\n") * 2
            + TAKEN
            + body
            + "S: 250 ok\n"
        )
    )
    mailer = AsyncMailer(URL, pool=PoolOptions(max_connections=3), network=network)
    messages = [a_message("same") for _ in range(3)]
    sent = [outcome async for outcome in mailer.send_many(messages)]
    assert {id(outcome.message) for outcome in sent} == {id(message) for message in messages}
    assert all(outcome.result().accepted == (BOB,) for outcome in sent)


async def test_an_error_of_the_source_reaches_the_caller() -> None:
    broken = (a_message(str(1 // divisor)) for divisor in [0])
    mailer = AsyncMailer(URL, pool=PoolOptions(max_connections=2), network=MemoryNetwork())
    with pytest.raises(ZeroDivisionError):
        [_ async for _ in mailer.send_many(broken)]


@in_each_world
def test_what_was_announced_must_come_next(world: World) -> None:
    network = MemoryNetwork(
        transcript(PIPELINING + SAID + TAKEN + "C: one\nC: .\n" + SAID + "S: 250 queued as 1\n")
    )
    announced = a_message("two")

    async def talk() -> None:
        connection = await Connection.open(network, IN_CLEAR, ConnectionOptions(), deadline=600)
        deliveries = Deliveries(connection)
        await deliveries.deliver(a_message("one"), deadline=600, following=lambda: announced)
        await deliveries.deliver(a_message("another"), deadline=600)

    with pytest.raises(LocalProtocolError, match="another message has been announced"):
        world.drive(talk())
