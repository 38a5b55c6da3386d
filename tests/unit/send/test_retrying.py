"""Retries: what is tried again, when, for whom, and what never is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal import Envelope
from postseal.errors import (
    ConnectError,
    DeliveryUnknown,
    Disconnected,
    InvalidSetting,
    MailError,
    PermanentlyRejected,
    Phase,
    StartTLSInjection,
    TemporarilyRejected,
    TimedOut,
)
from postseal.send import Outgoing, PoolOptions, RetryPolicy, Timeouts
from postseal.send.results import Refusal
from postseal.smtp import Reply
from postseal.testing import MemoryNetwork
from tests.parts.worlds import AnyMailer, World, in_each_world
from tests.unit.send.dialogues import (
    ACCEPTED,
    ADA,
    BOB,
    BODY,
    CONTENT,
    ENVELOPE,
    ENVELOPE_IN_ONE_FLIGHT,
    EVE,
    PIPELINING,
)

URL = "smtp+insecure://mail.example.org"
TAKEN = ACCEPTED + BODY + "S: 250 ok\n"
QUIT = "C: QUIT\nS: 221 bye\n"
REFUSED = PIPELINING + ENVELOPE_IN_ONE_FLIGHT + "S: 451 later\nS: 503 bad\nS: 503 bad\nS: 503 bad\n"
AT_ONCE = RetryPolicy(first_delay=0)


async def send(mailer: AnyMailer) -> Any:
    return await mailer.send_raw(ENVELOPE, CONTENT)


@in_each_world
def test_nothing_is_tried_again_unless_asked(world: World) -> None:
    network = MemoryNetwork(REFUSED + QUIT)
    with pytest.raises(TemporarilyRejected):
        world.mail(URL, send, network=network)
    network.check_played()


@in_each_world
@pytest.mark.parametrize(
    "first",
    [ConnectError("refused"), TimedOut("late"), "S: 421 busy", "S: <end>", REFUSED + QUIT],
    ids=["refused", "late", "421", "end", "451"],
)
def test_what_may_pass_is_tried_again(world: World, first: str | MailError) -> None:
    second = TAKEN + QUIT
    network = MemoryNetwork(first, second)
    if isinstance(first, str) and first.startswith(REFUSED):
        # The connection is in good order: it is used again.
        network = MemoryNetwork(REFUSED + TAKEN.removeprefix(PIPELINING) + QUIT)
    delivery = world.mail(URL, send, network=network, retry=AT_ONCE)
    assert delivery.accepted == (BOB, EVE)
    network.check_played()


@in_each_world
def test_what_is_for_good_is_not_tried_again(world: World) -> None:
    network = MemoryNetwork(REFUSED.replace("451", "550") + QUIT)
    with pytest.raises(PermanentlyRejected):
        world.mail(URL, send, network=network, retry=AT_ONCE)
    network.check_played()


@in_each_world
def test_only_those_who_were_put_off_get_the_message_again(world: World) -> None:
    network = MemoryNetwork(
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT
        + "S: 250 ok\nS: 250 ok\nS: 450 greylisted\nS: 354 go"
        + BODY
        + "S: 250 first\nC: MAIL FROM:<ada@example.com>\nC: RCPT TO:<eve@example.org>\nC: DATA\n"
        + "S: 250 ok\nS: 250 ok\nS: 354 go"
        + BODY
        + "S: 250 second\n"
        + QUIT
    )
    delivery = world.mail(URL, send, network=network, retry=RetryPolicy(jitter=0))
    assert delivery.accepted == (BOB, EVE)
    assert [verdict.text for verdict in delivery.verdicts] == ["first", "second"]
    assert not delivery.refused
    assert network.now() == 1
    network.check_played()


@in_each_world
def test_who_is_put_off_to_the_end_keeps_the_servers_word(world: World) -> None:
    again = (
        "C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<eve@example.org>\nC: DATA\n"
        "S: 250 ok\nS: 450 still greylisted\nS: 554 none\nC: RSET\nS: 250 ok\n"
    )
    network = MemoryNetwork(
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT
        + "S: 250 ok\nS: 250 ok\nS: 450 greylisted\nS: 354 go"
        + BODY
        + "S: 250 first\n"
        + again * 2
        + QUIT
    )
    delivery = world.mail(URL, send, network=network, retry=AT_ONCE)
    assert delivery.accepted == (BOB,)
    assert [(one.recipient, one.reply.text) for one in delivery.refused] == [
        (EVE, "still greylisted")
    ]


@in_each_world
def test_when_the_server_is_gone_for_those_put_off_its_word_stands(world: World) -> None:
    network = MemoryNetwork(
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT
        + "S: 250 ok\nS: 250 ok\nS: 450 greylisted\nS: 354 go"
        + BODY
        + "S: 250 first\nS: <end>\n",
    )
    delivery = world.mail(URL, send, network=network, retry=AT_ONCE)
    assert delivery.accepted == (BOB,)
    assert delivery.refused[0].reply.text == "greylisted"


@in_each_world
def test_what_is_unknown_of_those_put_off_is_unknown_in_the_result(world: World) -> None:
    network = MemoryNetwork(
        PIPELINING
        + ENVELOPE_IN_ONE_FLIGHT
        + "S: 250 ok\nS: 250 ok\nS: 450 greylisted\nS: 354 go"
        + BODY
        + "S: 250 first\nC: MAIL FROM:<ada@example.com>\nC: RCPT TO:<eve@example.org>\nC: DATA\n"
        + "S: 250 ok\nS: 250 ok\nS: 354 go"
        + BODY
        + "S: <end>"
    )
    delivery = world.mail(URL, send, network=network, retry=AT_ONCE)
    assert delivery.accepted == (BOB,)
    assert [(one.recipient, one.is_unknown) for one in delivery.refused] == [(EVE, True)]


@in_each_world
def test_a_message_that_may_have_been_taken_is_not_sent_twice(world: World) -> None:
    network = MemoryNetwork(ACCEPTED + BODY + "S: <end>", TAKEN)
    with pytest.raises(DeliveryUnknown):
        world.mail(URL, send, network=network, retry=AT_ONCE)
    assert len(network.streams) == 1


@in_each_world
def test_unless_that_is_asked_for(world: World) -> None:
    network = MemoryNetwork(ACCEPTED + BODY + "S: <end>", TAKEN + QUIT)
    policy = RetryPolicy(first_delay=0, dangerous_repeat_unknown=True)
    assert world.mail(URL, send, network=network, retry=policy).accepted == (BOB, EVE)


@in_each_world
def test_the_total_bounds_all_attempts(world: World) -> None:
    network = MemoryNetwork(*[ConnectError("refused") for _ in range(10)])
    policy = RetryPolicy(attempts=10, first_delay=10, factor=2, jitter=0)
    with pytest.raises(ConnectError):
        world.mail(URL, send, network=network, retry=policy, timeouts=Timeouts(total=75))
    # At 0, 10, 30 and 70; the one at 130 would come too late.
    assert (len(network.connected), network.now()) == (4, 70)


@in_each_world
def test_content_that_is_used_up_is_not_sent_again(world: World) -> None:
    network = MemoryNetwork(REFUSED + QUIT)
    with pytest.raises(TemporarilyRejected):
        world.mail(
            URL,
            lambda mailer: mailer.send_raw(ENVELOPE, iter(CONTENT)),
            network=network,
            retry=AT_ONCE,
        )
    network.check_played()


@in_each_world
def test_among_many_a_message_that_waits_holds_up_no_other(world: World) -> None:
    said = "C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<bob@example.org>\nC: DATA\n"
    go, end = "S: 250 ok\nS: 250 ok\nS: 354 go\n", "C: .\nS: 250 ok\n"
    network = MemoryNetwork(
        PIPELINING
        + said
        + "S: 250 ok\nS: 450 later\nS: 554 none\nC: RSET\nS: 250 ok\n"
        + said
        + go
        + "C: two\n"
        + end
        + "S: <wait 0>\n"
        + QUIT,
        PIPELINING + said + go + "C: one\n" + end + QUIT,
    )
    messages = [
        Outgoing(envelope=Envelope(ADA, (BOB,)), content=[f"{text}\r\n".encode()])
        for text in ("one", "two")
    ]

    async def use(mailer: AnyMailer) -> list[tuple[Any, int]]:
        sent = [one async for one in mailer.send_many(messages)]
        return [(one.message.content, one.attempts) for one in sent if one.error is None]

    results = world.mail(
        URL,
        use,
        network=network,
        retry=RetryPolicy(first_delay=5, jitter=0),
        pool=PoolOptions(max_connections=1, max_idle=4),
    )
    assert results == [([b"two\r\n"], 1), ([b"one\r\n"], 2)]


def test_what_the_policy_allows() -> None:
    policy = RetryPolicy(attempts=2)
    later, unknown = Reply(450, ("later",)), Reply(421, ("lost",))
    assert policy.allows_after(1, TimedOut("late"))
    assert not policy.allows_after(2, TimedOut("late"))
    assert not policy.allows_after(1, StartTLSInjection("tampered"))
    assert not policy.allows_after(1, DeliveryUnknown("lost"))
    assert policy.allows_after(1, Disconnected("gone", phase=Phase.MAIL))
    assert policy.allows_after(1, Refusal(BOB, Phase.RCPT, later))
    assert not policy.allows_after(1, Refusal(BOB, Phase.BODY, unknown, is_unknown=True))
    assert not policy.allows_after(1, Refusal(BOB, Phase.RCPT, Reply(550, ("no",))))
    assert not RetryPolicy.none().allows_after(1, TimedOut("late"))


@given(
    st.integers(1, 5000),
    st.floats(0, 1),
    st.floats(0, 10),
    st.floats(1, 10),
    st.floats(10, 1000),
    st.floats(0, 1),
)
def test_no_delay_is_below_0_or_above_the_longest(
    made: int, chance: float, first: float, factor: float, longest: float, jitter: float
) -> None:
    policy = RetryPolicy(first_delay=first, factor=factor, max_delay=longest, jitter=jitter)
    assert 0 <= policy.delay(made, chance) <= longest
    assert policy.delay(made, 1.0) <= policy.delay(made, 0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"first_delay": -1},
        {"factor": 0.5},
        {"first_delay": 5, "max_delay": 1},
        {"jitter": 2},
    ],
)
def test_policies_without_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        RetryPolicy(**wrong)
