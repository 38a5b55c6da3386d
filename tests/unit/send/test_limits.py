"""A server that says what it takes in one session gets no more than that (RFC 9422)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from postseal import Address, Delivery, Envelope, Message
from postseal.errors import ConnectError, InvalidInput, PermanentlyRejected, Phase
from postseal.send import Outgoing, PoolOptions
from postseal.send.outgoing import ReadAnewAsync
from postseal.testing import Hear, MemoryNetwork, Say, Step, transcript
from tests.parts.worlds import AnyMailer, World, in_each_world
from tests.unit.send.dialogues import ADA, BODY, CONTENT, greeting, hand_over

URL = "smtp+insecure://mail.example.org"
QUIT = "C: QUIT\nS: 221 bye\n"


def to(*names: str) -> Envelope:
    return Envelope(ADA, tuple(Address.parse(f"{name}@example.org") for name in names))


def hello(limits: str) -> str:
    return greeting("PIPELINING", f"LIMITS {limits}")


def taken(*names: str, verdict: str = "250 ok", domain: str = "example.org") -> str:
    return (
        "C: MAIL FROM:<ada@example.com>\n"
        + "".join(f"C: RCPT TO:<{name}@{domain}>\n" for name in names)
        + "C: DATA\n"
        + "S: 250 ok\n" * (len(names) + 1)
        + "S: 354 go\n"
        + BODY
        + f"S: {verdict}\n"
    )


def send(world: World, network: MemoryNetwork, *envelopes: Envelope) -> list[Delivery]:
    async def use(mailer: AnyMailer) -> list[Delivery]:
        return [await mailer.send_raw(envelope, CONTENT) for envelope in envelopes]

    deliveries = world.mail(URL, use, network=network, pool=PoolOptions(max_connections=1))
    network.check_played()
    assert all(delivery.untried == () for delivery in deliveries)
    return deliveries


def send_many(world: World, network: MemoryNetwork, *envelopes: Envelope) -> list[Delivery]:
    messages = [Outgoing(envelope=envelope, content=CONTENT) for envelope in envelopes]

    async def use(mailer: AnyMailer) -> list[Delivery]:
        return [sent.result() async for sent in mailer.send_many(messages)]

    deliveries = world.mail(URL, use, network=network, pool=PoolOptions(max_connections=1))
    network.check_played()
    return deliveries


@in_each_world
def test_recipients_are_dealt_out_to_several_transactions(world: World) -> None:
    network = MemoryNetwork(
        hello("RCPTMAX=2")
        + taken("a", "b", verdict="250 one")
        + taken("c", "d", verdict="550 two")
        + taken("e", verdict="250 three")
        + QUIT
    )
    [delivery] = send(world, network, to("a", "b", "c", "d", "e"))
    assert [one.local for one in delivery.accepted] == ["a", "b", "e"]
    assert [verdict.text for verdict in delivery.verdicts] == ["one", "one", "three"]
    assert [(one.recipient.local, one.reply.code) for one in delivery.refused] == [
        ("c", 550),
        ("d", 550),
    ]


@in_each_world
def test_a_session_that_is_used_up_is_replaced(world: World) -> None:
    network = MemoryNetwork(
        hello("MAILMAX=2") + taken("a") + taken("b") + QUIT, hello("MAILMAX=2") + taken("c") + QUIT
    )
    assert len(send(world, network, to("a"), to("b"), to("c"))) == 3


@in_each_world
def test_no_envelope_rides_beyond_the_limit(world: World) -> None:
    riding = "C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<b@example.org>\nC: DATA\n"
    second = "S: 250 first\nS: 250 ok\nS: 250 ok\nS: 354 go\n" + BODY + "S: 250 second\n" + QUIT
    network = MemoryNetwork(
        hello("MAILMAX=2") + taken("a").removesuffix("S: 250 ok\n") + riding + second,
        hello("MAILMAX=2") + taken("c", verdict="250 third") + QUIT,
    )
    deliveries = send_many(world, network, to("a"), to("b"), to("c"))
    assert [delivery.reply.text for delivery in deliveries] == ["first", "second", "third"]


@in_each_world
@pytest.mark.parametrize("all_at_once", [False, True], ids=["send", "send_many"])
def test_one_message_may_need_several_sessions(world: World, all_at_once: bool) -> None:
    one = hello("MAILMAX=1 RCPTMAX=1")
    network = MemoryNetwork(*(one + taken(name, verdict=f"250 {name}") + QUIT for name in "abc"))
    [delivery] = (send_many if all_at_once else send)(world, network, to("a", "b", "c"))
    assert [one.local for one in delivery.accepted] == ["a", "b", "c"]
    assert [verdict.text for verdict in delivery.verdicts] == ["a", "b", "c"]


@in_each_world
def test_domains_of_a_session(world: World) -> None:
    envelope = Envelope(
        ADA, tuple(map(Address.parse, ["a@example.org", "b@example.net", "c@EXAMPLE.org"]))
    )
    network = MemoryNetwork(
        hello("RCPTDOMAINMAX=1") + taken("a", "c") + QUIT,
        hello("RCPTDOMAINMAX=1") + taken("b", domain="example.net") + QUIT,
    )
    [delivery] = send(world, network, envelope)
    assert [one.local for one in delivery.accepted] == ["a", "c", "b"]


@in_each_world
@pytest.mark.parametrize("all_at_once", [False, True], ids=["send", "send_many"])
def test_what_was_delivered_is_told_when_the_rest_fails(world: World, all_at_once: bool) -> None:
    for broken in ("S: 421 4.3.2 closing", "S: <end>"):
        network = MemoryNetwork(
            hello("RCPTMAX=1 MAILMAX=2")
            + taken("a")
            + taken("b", verdict="250 ok").removesuffix("S: 250 ok\n")
            + broken,
            ConnectError("port 25 is closed"),
        )
        [delivery] = (send_many if all_at_once else send)(world, network, to("a", "b", "c"))
        assert [one.local for one in delivery.accepted] == ["a"]
        lost = [(one.recipient.local, one.reply.code, one.phase) for one in delivery.refused]
        assert lost == [("b", 421, Phase.BODY), ("c", 421, Phase.CONNECT)]


@in_each_world
def test_when_nothing_was_delivered_the_error_is_raised(world: World) -> None:
    network = MemoryNetwork(
        hello("RCPTMAX=1") + taken("a").removesuffix("S: 250 ok\n") + "S: <end>"
    )
    with pytest.raises(Exception, match="closed the connection"):
        send(world, network, to("a", "b"))


@in_each_world
def test_all_parts_refused_is_a_refusal(world: World) -> None:
    network = MemoryNetwork(
        hello("RCPTMAX=1") + taken("a", verdict="550 no") + taken("b", verdict="550 no") + QUIT
    )
    with pytest.raises(PermanentlyRejected):
        send(world, network, to("a", "b"))


@in_each_world
def test_content_that_can_be_read_once_is_not_split(world: World) -> None:
    def once() -> Iterator[bytes]:
        yield from CONTENT

    with pytest.raises(InvalidInput, match="only once"):
        hand_over(world, hello("RCPTMAX=1"), content=once())


@in_each_world
def test_content_that_is_read_asynchronously_may_be_split_too(world: World) -> None:
    async def read() -> AsyncIterator[bytes]:
        for piece in CONTENT:
            yield piece

    limited = hello("RCPTMAX=1")
    delivery = hand_over(world, limited + taken("bob") + taken("eve"), content=ReadAnewAsync(read))
    assert len(delivery.accepted) == 2
    with pytest.raises(InvalidInput, match="only once"):
        hand_over(world, limited, content=read())


@in_each_world
def test_a_composed_message_is_written_once_for_each_part(world: World) -> None:
    message = Message(from_=str(ADA), to=["a@example.org", "b@example.org"], text="Hello")
    written = bytes(message)
    parts: list[Step] = []
    for name in "ab":
        envelope = f"C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<{name}@example.org>\nC: DATA\n"
        parts += transcript(envelope + "S: 250 ok\nS: 250 ok\nS: 354 go")
        parts += [Hear(written + b".\r\n"), Say(b"250 ok\r\n")]
    network = MemoryNetwork((*transcript(hello("RCPTMAX=1")), *parts, *transcript(QUIT)))

    async def use(mailer: AnyMailer) -> Delivery:
        return await mailer.send(message)

    assert len(world.mail(URL, use, network=network).accepted) == 2
    network.check_played()


@in_each_world
def test_it_is_enough_that_it_is_read_once_where_nothing_is_split(world: World) -> None:
    delivery = hand_over(
        world,
        hello("RCPTMAX=2 MAILMAX=5") + taken("bob", "eve"),
        content=iter(CONTENT),
    )
    assert delivery.untried == ()


@in_each_world
def test_a_connection_alone_says_whom_it_left_out(world: World) -> None:
    # Who brings the connection goes on with those over another.
    delivery = hand_over(world, hello("RCPTMAX=1 MAILMAX=1") + taken("bob") + QUIT)
    assert [one.local for one in delivery.untried] == ["eve"]
    assert delivery.refused == ()
