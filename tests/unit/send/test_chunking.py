"""Bodies by BDAT, dialogue by dialogue: chunks, their answers, and what follows a refused one."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from postseal.errors import Disconnected, PermanentlyRejected, Phase
from postseal.send import Conversion, Framing, Outgoing
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.send.session.transaction import Deliveries
from postseal.testing import Hear, MemoryNetwork, Say, Step, transcript
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import BODY, CONTENT, ENVELOPE, IN_CLEAR, greeting, hand_over

OFFERS = greeting("PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME")
ONE_BY_ONE = greeting("CHUNKING", "BINARYMIME")
BY_BDAT: dict[str, Any] = {"framing": Framing.BDAT}
BINARY: dict[str, Any] = {"is_binary": True, "conversion": Conversion.FORBIDDEN}
BLOCK = 64 * 1024

# The chunks wait for the recipients: those of a refused sender might be taken for commands.
ACCEPTED = """
    C: MAIL FROM:<ada@example.com>
    C: RCPT TO:<bob@example.org>
    C: RCPT TO:<eve@example.org>
    S: 250 ok
    S: 250 ok
    S: 250 ok
    """
QUIET = "C: RSET\nS: 250 ok\n"


def steps(*parts: str | bytes | Step) -> tuple[Step, ...]:
    """A script of transcripts, and of octets that are heard."""
    played: list[Step] = []
    for part in parts:
        if isinstance(part, str):
            played += transcript(part)
        else:
            played.append(Hear(part) if isinstance(part, bytes) else part)
    return tuple(played)


@in_each_world
def test_a_small_message_is_one_chunk(world: World) -> None:
    # No dot is doubled, and no line ends the message: its length does.
    content = [b"Subject: x\r\n", b"\r\n.\r\nQUIT\r\n"]
    delivery = hand_over(
        world,
        OFFERS + ACCEPTED + "C: BDAT 23 LAST\nC: Subject: x\nC:\nC: .\nC: QUIT\nS: 250 queued",
        content=content,
        **BY_BDAT,
    )
    assert delivery.accepted == ENVELOPE.recipients
    assert {verdict.text for verdict in delivery.verdicts} == {"queued"}


@in_each_world
@pytest.mark.parametrize(
    "content", [[b"a\nb\r", b"c"], [b"a\r", b"\nb\r", b"\nc\r"], [b"a\r\nb\r\nc\r\n"]]
)
def test_text_has_the_lines_that_DATA_would_give_it(world: World, content: list[bytes]) -> None:
    delivery = hand_over(
        world,
        OFFERS + ACCEPTED + "C: BDAT 9 LAST\nC: a\nC: b\nC: c\nS: 250 queued",
        content=content,
        **BY_BDAT,
    )
    assert delivery.accepted


@in_each_world
def test_binary_content_goes_as_it_is(world: World) -> None:
    # RFC 3030 3: BINARYMIME needs BDAT, so that is chosen for it.
    binary = b"\x00\r.\n\xff"
    delivery = hand_over(
        world,
        steps(
            OFFERS + ACCEPTED.replace("ada@example.com>", "ada@example.com> BODY=BINARYMIME"),
            b"BDAT 5 LAST\r\n" + binary,
            Say(b"250 queued\r\n"),
        ),
        content=[binary],
        is_binary=True,
    )
    assert delivery.accepted


@in_each_world
def test_chunks_leave_without_waiting(world: World) -> None:
    large = b"x" * (2 * BLOCK)
    delivery = hand_over(
        world,
        steps(
            OFFERS + ACCEPTED,
            (b"BDAT %d\r\n" % BLOCK + large[:BLOCK]) * 2 + b"BDAT 2 LAST\r\n\r\n",
            Say(b"250 1\r\n250 2\r\n250 queued\r\n"),
        ),
        content=[large],
        **BY_BDAT,
    )
    assert delivery.accepted == ENVELOPE.recipients
    # The verdict is the answer to the last chunk, not to the first.
    assert {verdict.text for verdict in delivery.verdicts} == {"queued"}


@in_each_world
def test_without_pipelining_they_wait_and_the_last_may_be_empty(world: World) -> None:
    block = b"BDAT %d\r\n" % BLOCK + b"x" * (BLOCK - 2) + b"\r\n"
    flight = [line.strip() for line in ACCEPTED.strip().splitlines()]
    in_turn = "\n".join(line for pair in zip(flight[:3], flight[3:], strict=True) for line in pair)
    delivery = hand_over(
        world,
        steps(
            ONE_BY_ONE + in_turn,
            block,
            Say(b"250 1\r\n"),
            block,
            Say(b"250 2\r\n"),
            b"BDAT 0 LAST\r\n",
            Say(b"250 queued\r\n"),
        ),
        content=[b"x" * (BLOCK - 2) + b"\r\n"] * 2,
        **BY_BDAT,
    )
    assert delivery.accepted


@in_each_world
def test_a_refused_chunk_is_the_verdict_and_RSET_follows(world: World) -> None:
    block = b"BDAT %d\r\n" % BLOCK + b"x" * BLOCK
    # RFC 3030 2: chunks under way are refused as well, and no more may be sent.
    delivery = hand_over(
        world,
        steps(
            OFFERS + ACCEPTED,
            block * 2 + b"BDAT 2 LAST\r\n\r\n",
            Say(b"552 5.3.4 too large\r\n503 what?\r\n503 what?\r\n"),
            QUIET,
        ),
        content=[b"x" * BLOCK] * 2,
        **BY_BDAT,
    )
    assert delivery.accepted == ()
    assert {(one.phase, one.reply.code) for one in delivery.refused} == {(Phase.BODY, 552)}


@in_each_world
def test_answers_that_come_together_are_heard_in_their_order(world: World) -> None:
    # With 32 chunks under way, one answer is waited for; the refusal came in the same segment.
    block = b"BDAT %d\r\n" % BLOCK + b"x" * BLOCK
    refusal = b"250 1\r\n552 5.3.4 too large\r\n" + b"503 what?\r\n" * 30
    delivery = hand_over(
        world,
        steps(OFFERS + ACCEPTED, block * 32, Say(refusal), QUIET),
        content=[b"x" * BLOCK] * 40,
        **BY_BDAT,
    )
    assert {one.reply.code for one in delivery.refused} == {552}


@in_each_world
def test_a_farewell_that_comes_with_other_answers_is_what_ended_it(world: World) -> None:
    block = b"BDAT %d\r\n" % BLOCK + b"x" * BLOCK
    with pytest.raises(Disconnected) as caught:
        hand_over(
            world,
            steps(OFFERS + ACCEPTED, block * 32, Say(b"250 1\r\n250 2\r\n421 4.3.2 bye\r\n")),
            content=[b"x" * BLOCK] * 40,
            **BY_BDAT,
        )
    assert (caught.value.phase, caught.value.code) == (Phase.BODY, 421)


@in_each_world
def test_a_refused_last_chunk_is_cleared_away_too(world: World) -> None:
    # Some servers keep the transaction open, and would call the next MAIL a nested one.
    delivery = hand_over(
        world,
        steps(OFFERS + ACCEPTED, b"BDAT 3 LAST\r\nx\r\n", Say(b"554 spam\r\n"), QUIET),
        content=[b"x"],
        **BY_BDAT,
    )
    assert [one.reply.code for one in delivery.refused] == [554, 554]


@in_each_world
@pytest.mark.parametrize("end", ["S: 421 4.3.2 closing\nS: <end>", "S: <end>", "S: <reset>"])
def test_a_refusal_is_kept_when_the_server_then_leaves(world: World, end: str) -> None:
    delivery = hand_over(
        world,
        steps(
            OFFERS + ACCEPTED,
            (b"BDAT %d\r\n" % BLOCK + b"x" * BLOCK) + b"BDAT 2 LAST\r\n\r\n",
            Say(b"552 too large\r\n"),
            end,
        ),
        content=[b"x" * BLOCK],
        **BY_BDAT,
    )
    assert {one.reply.code for one in delivery.refused} == {552}


@in_each_world
@pytest.mark.parametrize("end", ["S: 421 4.3.2 closing", "S: <end>", "S: <reset>"])
def test_the_verdict_is_kept_when_RSET_is_not_heard(world: World, end: str) -> None:
    delivery = hand_over(
        world,
        steps(OFFERS + ACCEPTED, b"BDAT 3 LAST\r\nx\r\n", Say(b"554 spam\r\n"), "C: RSET", end),
        content=[b"x"],
        **BY_BDAT,
    )
    assert {one.reply.code for one in delivery.refused} == {554}


@in_each_world
def test_a_farewell_between_chunks_leaves_the_message_undelivered(world: World) -> None:
    block = b"BDAT %d\r\n" % BLOCK + b"x" * BLOCK
    with pytest.raises(Disconnected) as caught:
        hand_over(
            world,
            steps(
                OFFERS + ACCEPTED,
                block + b"BDAT 2 LAST\r\n\r\n",
                Say(b"250 1\r\n421 4.3.2 closing\r\n"),
            ),
            content=[b"x" * BLOCK],
            **BY_BDAT,
        )
    assert (caught.value.phase, caught.value.code) == (Phase.BODY, 421)


@in_each_world
def test_nobody_taken_nothing_sent(world: World) -> None:
    delivery = hand_over(
        world, OFFERS + ACCEPTED.replace("S: 250 ok", "S: 550 no") + QUIET, **BY_BDAT
    )
    assert {one.phase for one in delivery.refused} == {Phase.MAIL}
    some = ACCEPTED.replace("S: 250 ok", "S: 250 mail", 1).replace("S: 250 ok", "S: 550 no")
    delivery = hand_over(world, OFFERS + some + QUIET, **BY_BDAT)
    assert {one.phase for one in delivery.refused} == {Phase.RCPT}


@in_each_world
def test_without_CHUNKING_it_is_refused_before_anything_is_sent(world: World) -> None:
    for offers, needs in (
        (greeting("PIPELINING", "8BITMIME"), BY_BDAT),
        (greeting("PIPELINING", "BINARYMIME"), BINARY),
        (greeting("PIPELINING", "CHUNKING"), BINARY),
    ):
        with pytest.raises(PermanentlyRejected) as caught:
            hand_over(world, offers, **needs)
        assert caught.value.host == "mail.example.org"


@in_each_world
def test_content_that_fails_leaves_no_message(world: World) -> None:
    def content() -> Any:
        yield b"x" * BLOCK
        raise ValueError("the disk is gone")

    network = MemoryNetwork(steps(OFFERS + ACCEPTED, b"BDAT %d\r\n" % BLOCK + b"x" * BLOCK))
    with pytest.raises(ValueError, match="the disk is gone"):
        hand_over(world, "", content=content(), network=network, **BY_BDAT)
    # Half a body, and no LAST: the server cannot take it for a message.
    assert network.streams[0].is_closed
    assert b"LAST" not in network.streams[0].written


@in_each_world
def test_a_message_in_chunks_and_one_by_DATA_share_a_connection(world: World) -> None:
    data = Outgoing(envelope=ENVELOPE, content=CONTENT)
    chunk = Outgoing(envelope=ENVELOPE, content=CONTENT, framing=Framing.BDAT)
    envelope = "\n".join(ACCEPTED.strip().splitlines()[:3])
    ok = "\nS: 250 ok\nS: 250 ok\nS: 250 ok\n"
    as_chunk = "C: BDAT 26 LAST\nC: Subject: hello\nC:\nC: Hello.\nS: 250 second\n"
    network = MemoryNetwork(
        OFFERS
        + envelope
        + "\nC: DATA"
        + ok
        + "S: 354 go"
        + BODY
        # The envelope of the message in chunks rides behind the body; it has no DATA.
        + envelope
        + "\nS: 250 first"
        + ok
        + as_chunk
        # Nothing rides behind chunks: RFC 3030 2 calls the state after a refused one unknown.
        + envelope
        + "\nC: DATA"
        + ok
        + "S: 354 go"
        + BODY
        + "S: 250 third"
    )

    async def send() -> list[str]:
        connection = await Connection.open(network, IN_CLEAR, ConnectionOptions(), deadline=600)
        deliveries = Deliveries(connection)
        texts = []
        for outgoing, rider in ((data, chunk), (chunk, data), (data, None)):
            following = partial(_next, rider)
            delivery = await deliveries.deliver(outgoing, deadline=600, following=following)
            texts.append(delivery.reply.text)
        return texts

    assert world.drive(send()) == ["first", "second", "third"]
    network.check_played()


def _next(rider: Outgoing | None) -> Outgoing | None:
    return rider
