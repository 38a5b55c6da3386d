"""What becomes of an envelope and a body, dialogue by dialogue."""

from __future__ import annotations

import pytest

from postseal import Address, Envelope
from postseal.errors import (
    Disconnected,
    PermanentlyRejected,
    Phase,
    RemoteProtocolError,
)
from postseal.send import Conversion
from postseal.testing import Hear, MemoryNetwork, Say, transcript
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import (
    ACCEPTED,
    BOB,
    BODY,
    ENVELOPE,
    ENVELOPE_IN_ONE_FLIGHT,
    EVE,
    PIPELINING,
    PLAIN,
    greeting,
    hand_over,
)


@in_each_world
def test_an_envelope_is_one_flight_where_the_server_offers_it(world: World) -> None:
    # RFC 2920 3.1: the client writes MAIL, RCPT and DATA before it reads a reply.
    delivery = hand_over(
        world,
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT
        + """
        S: 250 2.1.0 ok
        S: 250 2.1.5 ok
        S: 250 2.1.5 ok
        S: 354 go ahead
        """
        + BODY
        + "S: 250 2.0.0 queued as 42",
    )
    assert delivery.accepted == (BOB, EVE)
    assert delivery.refused == ()
    assert (delivery.reply.code, delivery.reply.text) == (250, "queued as 42")
    assert (delivery.host, delivery.peer_address) == ("mail.example.org", "192.0.2.25")
    assert str(delivery.tls) == "no TLS"


@in_each_world
def test_without_pipelining_each_command_waits_for_its_reply(world: World) -> None:
    delivery = hand_over(
        world,
        PLAIN
        + """
        C: MAIL FROM:<ada@example.com>
        S: 250 ok
        C: RCPT TO:<bob@example.org>
        S: 250 ok
        C: RCPT TO:<eve@example.org>
        S: 250 ok
        C: DATA
        S: 354 go ahead
        """
        + BODY
        + "S: 250 ok",
    )
    assert delivery.accepted == (BOB, EVE)


@in_each_world
def test_a_refused_sender_refuses_all(world: World) -> None:
    delivery = hand_over(
        world,
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT
        + """
        S: 550 5.7.1 not you
        S: 503 5.5.1 no MAIL
        S: 503 5.5.1 no MAIL
        S: 503 5.5.1 no MAIL
        """,
    )
    assert delivery.accepted == ()
    assert [(one.recipient, one.phase, one.reply.code) for one in delivery.refused] == [
        (BOB, Phase.MAIL, 550),
        (EVE, Phase.MAIL, 550),
    ]


@in_each_world
def test_a_refused_sender_ends_the_envelope_without_pipelining(world: World) -> None:
    delivery = hand_over(world, PLAIN + "C: MAIL FROM:<ada@example.com>\nS: 451 4.7.1 later")
    assert {one.phase for one in delivery.refused} == {Phase.MAIL}
    assert delivery.reply.is_temporary


@in_each_world
def test_one_refused_recipient_keeps_nothing_from_the_other(world: World) -> None:
    for opening in (PIPELINING, PLAIN):
        answers = ("250 ok", "550 5.1.1 nobody of that name", "250 ok", "354 go")
        commands = [line.strip() for line in ENVELOPE_IN_ONE_FLIGHT.strip().splitlines()]
        replies = [f"S: {answer}" for answer in answers]
        lines = [*commands, *replies]
        if opening == PLAIN:
            lines = [line for pair in zip(commands, replies, strict=True) for line in pair]
        delivery = hand_over(world, opening + "\n".join(lines) + BODY + "S: 250 ok")
        assert delivery.accepted == (EVE,)
        assert [(one.recipient, one.phase) for one in delivery.refused] == [(BOB, Phase.RCPT)]


@in_each_world
def test_a_lone_dot_answers_354_for_nobody(world: World) -> None:
    # RFC 2920 3.1: all recipients refused, and the server wants the body all the same.
    delivery = hand_over(
        world,
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT
        + """
        S: 250 ok
        S: 550 nobody
        S: 451 not now
        S: 354 go ahead
        C: .
        S: 554 no valid recipients
        """,
    )
    assert [one.reply.code for one in delivery.refused] == [550, 451]
    assert delivery.accepted == ()


@in_each_world
def test_all_refused_is_reset(world: World) -> None:
    pipelined = (
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT
        + """
        S: 250 ok
        S: 550 nobody
        S: 550 nobody
        S: 503 no recipients
        C: RSET
        S: 250 ok
        """
    )
    in_turn = (
        PLAIN
        + """
        C: MAIL FROM:<ada@example.com>
        S: 250 ok
        C: RCPT TO:<bob@example.org>
        S: 550 nobody
        C: RCPT TO:<eve@example.org>
        S: 550 nobody
        C: RSET
        S: 250 ok
        """
    )
    for script in (pipelined, in_turn):
        delivery = hand_over(world, script)
        assert {one.phase for one in delivery.refused} == {Phase.RCPT}
        # It is what was said of the recipients that matters, not the answer to DATA.
        assert delivery.reply.code == 550


@in_each_world
def test_refused_DATA_is_reset(world: World) -> None:
    delivery = hand_over(
        world,
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT
        + """
        S: 250 ok
        S: 250 ok
        S: 550 nobody
        S: 451 4.3.0 no disk
        C: RSET
        S: 250 ok
        """,
    )
    assert [(one.recipient, one.phase, one.reply.code) for one in delivery.refused] == [
        (EVE, Phase.RCPT, 550),
        (BOB, Phase.DATA, 451),
    ]
    assert not delivery.accepted


@in_each_world
def test_a_refused_body_is_refused_for_all_who_were_accepted(world: World) -> None:
    delivery = hand_over(
        world,
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT
        + "S: 250 ok\nS: 250 ok\nS: 550 nobody\nS: 354 go"
        + BODY
        + "S: 554 5.6.0 not this",
    )
    assert not delivery.accepted
    assert [(one.recipient, one.phase, one.reply.code) for one in delivery.refused] == [
        (EVE, Phase.RCPT, 550),
        (BOB, Phase.BODY, 554),
    ]


FAREWELLS = {
    Phase.GREETING: "S: 421 4.3.2 going down",
    Phase.EHLO: "S: 220 hi\nC: EHLO [192.0.2.1]\nS: 421 4.3.2 going down",
    Phase.MAIL: PIPELINING + ENVELOPE_IN_ONE_FLIGHT + "S: 421 4.3.2 going down",
    Phase.RCPT: PIPELINING + ENVELOPE_IN_ONE_FLIGHT + "S: 250 ok\nS: 421 4.3.2 going down",
    Phase.DATA: PIPELINING
    + ENVELOPE_IN_ONE_FLIGHT
    + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 421 4.3.2 going down",
    Phase.BODY: ACCEPTED + BODY + "S: 421 4.3.2 going down",
    Phase.RSET: PIPELINING
    + ENVELOPE_IN_ONE_FLIGHT
    + "S: 250 ok\nS: 550 no\nS: 550 no\nS: 503 no\nC: RSET\nS: 421 4.3.2 going down",
}


@in_each_world
@pytest.mark.parametrize("phase", FAREWELLS, ids=str)
def test_421_ends_the_conversation_wherever_it_comes(world: World, phase: Phase) -> None:
    network = MemoryNetwork(FAREWELLS[phase])
    with pytest.raises(Disconnected, match="going down") as caught:
        hand_over(world, (), network=network)
    error = caught.value
    assert (error.phase, error.host, error.code) == (phase, "mail.example.org", 421)
    assert error.enhanced_code == "4.3.2"
    assert error.is_temporary
    assert network.streams[0].is_closed
    network.check_played()


@in_each_world
@pytest.mark.parametrize(
    "before",
    [
        PLAIN + "C: MAIL FROM:<ada@example.com>",
        PLAIN
        + "C: MAIL FROM:<ada@example.com>\nS: 250 ok\nC: RCPT TO:<bob@example.org>\nS: 250 ok\n"
        + "C: RCPT TO:<eve@example.org>\nS: 250 ok\nC: DATA",
    ],
    ids=["MAIL", "DATA"],
)
def test_421_may_come_right_behind_another_reply(world: World, before: str) -> None:
    go_on = b"354 go ahead\r\n" if before.endswith("DATA") else b"250 ok\r\n"
    network = MemoryNetwork([*transcript(before), Say(go_on + b"421 4.3.2 going down\r\n")])
    with pytest.raises(Disconnected, match="going down") as caught:
        hand_over(world, (), network=network)
    assert caught.value.code == 421
    assert caught.value.is_temporary
    network.check_played()


@in_each_world
def test_250_recipients_travel_in_flights(world: World) -> None:
    # A flight must fit into what the two kernels hold, or both sides write and neither reads.
    people = tuple(Address.parse(f"n{number}@example.org") for number in range(250))
    commands = [b"MAIL FROM:<>\r\n", *(f"RCPT TO:<{one}>\r\n".encode() for one in people)]
    commands.append(b"DATA\r\n")
    steps = [*transcript(PIPELINING)]
    for start in range(0, len(commands), 100):
        flight = commands[start : start + 100]
        steps.append(Hear(b"".join(flight)))
        # Every seventh is refused; the replies come in pieces of any size.
        answers = b"".join(
            b"354 go\r\n" if one == b"DATA\r\n" else b"550 no\r\n" if n % 7 == 6 else b"250 ok\r\n"
            for n, one in enumerate(flight, start=start)
        )
        steps += [Say(answers[:333]), Say(answers[333:])] if len(answers) > 333 else [Say(answers)]
    steps += [*transcript(BODY), Say(b"250 ok\r\n")]
    delivery = hand_over(world, tuple(steps), envelope=Envelope(None, people))
    # The reply to RCPT number n is the answer to command n + 1.
    refused = tuple(one for n, one in enumerate(people, start=1) if n % 7 == 6)
    assert tuple(one.recipient for one in delivery.refused) == refused
    assert len(delivery.accepted) == 250 - len(refused)
    assert not set(delivery.accepted) & set(refused)


@in_each_world
def test_what_the_message_needs_is_said_with_MAIL(world: World) -> None:
    script = (
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT.replace(
            "ada@example.com>", "ada@example.com> SIZE=999 BODY=8BITMIME SMTPUTF8"
        )
        + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
        + BODY
        + "S: 250 ok"
    )
    delivery = hand_over(world, script, size=999, is_8bit=True, is_internationalized=True)
    assert delivery.accepted == ENVELOPE.recipients
    assert not delivery.is_converted


@in_each_world
def test_SIZE_is_said_only_where_it_is_understood(world: World) -> None:
    for opening, said in (
        (PLAIN, ""),
        (greeting("SIZE"), " SIZE=5"),
        (greeting("SIZE 0"), " SIZE=5"),
    ):
        script = opening + f"C: MAIL FROM:<ada@example.com>{said}\nS: 550 no"
        delivery = hand_over(world, script, size=5)
        assert [refusal.recipient for refusal in delivery.refused] == [BOB, EVE]


@in_each_world
@pytest.mark.parametrize(
    ("opening", "needs", "enhanced_code", "words"),
    [
        (PIPELINING, {"size": 1001}, "5.3.4", "has 1001 octets, the server takes 1000"),
        (PLAIN, {"is_8bit": True, "conversion": Conversion.FORBIDDEN}, "5.6.3", "is 8-bit"),
        (PLAIN, {"is_internationalized": True}, "5.6.7", "needs SMTPUTF8"),
        (
            PLAIN,
            {"envelope": Envelope(Address("jürgen", "example.org"), (BOB,))},
            "5.6.7",
            "SMTPUTF8",
        ),
    ],
)
def test_what_the_server_cannot_take_is_not_begun(
    world: World, opening: str, needs: dict[str, object], enhanced_code: str, words: str
) -> None:
    network = MemoryNetwork(opening)
    with pytest.raises(PermanentlyRejected, match=words) as caught:
        hand_over(world, (), network=network, **needs)  # type: ignore[arg-type]
    assert (caught.value.enhanced_code, caught.value.phase) == (enhanced_code, Phase.MAIL)
    # The connection is as good as before: nothing was said.
    assert not network.streams[0].is_closed
    assert network.streams[0].written == b"EHLO [192.0.2.1]\r\n"


@in_each_world
@pytest.mark.parametrize(
    ("phase", "replies"),
    [
        (Phase.MAIL, "S: 354 what"),
        (Phase.MAIL, "S: HTTP/1.1 400 Bad Request"),
        (Phase.MAIL, "S: 250-ok\nS: 251 other"),
        (Phase.RCPT, "S: 250 ok\nS: 334 what"),
        (Phase.DATA, "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 250 keep it"),
        (Phase.BODY, "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go" + BODY + "S: 354 more"),
    ],
)
def test_a_server_that_breaks_the_rules_is_left(world: World, phase: Phase, replies: str) -> None:
    network = MemoryNetwork(PIPELINING + ENVELOPE_IN_ONE_FLIGHT + replies)
    with pytest.raises(RemoteProtocolError) as caught:
        hand_over(world, (), network=network)
    assert network.streams[0].is_closed
    assert caught.value.host == "mail.example.org"
    # Also where good replies came in the same segment.
    assert caught.value.phase is phase
