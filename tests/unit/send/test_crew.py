"""Many messages of a caller that blocks, over several connections at once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing
from contextvars import ContextVar
from typing import cast

import pytest

from postseal import Envelope, Mailer, Message, Timeouts
from postseal.errors import InvalidSetting, Phase, TemporarilyRejected
from postseal.send import Delivery, Order, Outgoing, PoolOptions, RetryPolicy, Sent
from postseal.send.hooks import AnyMessage, Hooks
from postseal.send.networks.blocking import BlockingNetwork
from postseal.send.transport import Transport, Verification
from postseal.send.transports.stored import StoredMessage
from postseal.smtp import Reply
from postseal.testing import Fault, SMTPServer
from postseal.tls.levels import TLSOutcome
from tests.unit.send.dialogues import ADA, BOB

SIZE = 3
LONG = 20.0


def outgoing(number: int) -> Outgoing:
    return Outgoing(envelope=Envelope(ADA, (BOB,)), content=[f"{number}\r\n".encode()])


def number_of(sent: Sent[Outgoing]) -> int:
    (content,) = cast(list[bytes], sent.message.content)
    return int(content)


def letter(number: int) -> Message:
    return Message(from_="ada@example.com", to="bob@example.org", subject=str(number), text="Hi.")


def subject_of(one: Sent[Message] | StoredMessage) -> int:
    return int(str(one.message.subject))


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


class Way(Transport):
    """Takes whatever comes, in as many lanes as there are threads that want to send."""

    @property
    def lanes(self) -> int:
        return SIZE

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        tls = TLSOutcome.in_clear()
        return Delivery(outgoing.envelope.recipients, (), Reply(250, ("ok",)), "test", "", tls)

    async def verify(self, *, deadline: float) -> Verification:
        return Verification("test", "", TLSOutcome.in_clear())

    async def close(self) -> None:
        """There is nothing to close."""


class Together(Way):
    """Takes no message before all threads have one."""

    def __init__(self) -> None:
        self._all = threading.Barrier(SIZE, timeout=LONG)

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        self._all.wait()
        return await super().deliver(outgoing, deadline=deadline)


class Held(Way):
    """Takes the first message last."""

    def __init__(self, count: int) -> None:
        self._others = threading.Semaphore(0)
        self._count = count

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        if outgoing.content == [b"0\r\n"]:
            for _ in range(self._count):
                assert self._others.acquire(timeout=LONG)
        self._others.release()
        return await super().deliver(outgoing, deadline=deadline)


def test_they_send_at_the_same_time() -> None:
    with Mailer(Together()) as mailer:
        sent = list(mailer.send_many(map(outgoing, range(10 * SIZE)), connections=SIZE))
    assert sorted(map(number_of, sent)) == list(range(10 * SIZE))


@pytest.mark.parametrize("order", list(Order))
def test_a_real_server_gets_each_message_once(order: Order) -> None:
    with (
        SMTPServer() as server,
        Mailer(server.url, trust=server.trust, pool=PoolOptions(max_connections=SIZE)) as mailer,
    ):
        # More than the pool has are not to be had.
        sent = list(mailer.send_many(map(letter, range(50)), connections=99, order=order))
        assert 1 < len(server.sessions) <= SIZE
        assert sorted(subject_of(one) for one in server.outbox) == list(range(50))
    subjects = [subject_of(one) for one in sent]
    assert (subjects if order is Order.AS_GIVEN else sorted(subjects)) == list(range(50))
    assert all(one.result().tls.version for one in sent)


def test_results_are_kept_for_those_before_them() -> None:
    count = 20 * SIZE
    with Mailer(Held(count - 1)) as mailer:
        given = mailer.send_many(
            map(outgoing, range(count)), connections=SIZE, order=Order.AS_GIVEN
        )
        assert list(map(number_of, given)) == list(range(count))
    with Mailer(Held(count - 1)) as mailer:
        known = mailer.send_many(map(outgoing, range(count)), connections=SIZE)
        assert list(map(number_of, known))[-1] == 0


@pytest.mark.parametrize("order", list(Order))
def test_no_more_is_read_than_can_be_taken(order: Order) -> None:
    read = 0

    def endless() -> Iterator[Outgoing]:
        nonlocal read
        for read in itertools.count(1):
            yield outgoing(read)

    with Mailer(Way()) as mailer:
        given = mailer.send_many(endless(), connections=SIZE, order=order)
        with closing(given) as results:
            for told in range(1, 500):
                assert next(results).error is None
                assert read <= told + 40 * SIZE
    assert "postseal-send" not in threads()


def test_only_the_sending_is_in_other_threads() -> None:
    inside: set[str] = set()
    outside: set[str] = set()
    operation: ContextVar[str] = ContextVar("operation")
    operation.set("newsletter")

    def note(_: object) -> None:
        inside.add(threading.current_thread().name)

    def before(message: AnyMessage) -> AnyMessage:
        note(message)
        return message

    class Seen(Way):
        async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
            outside.add(f"{threading.current_thread().name} {operation.get()}")
            return await super().deliver(outgoing, deadline=deadline)

    def source() -> Iterator[Outgoing]:
        for number in range(20):
            note(number)
            yield outgoing(number)

    with Mailer(Seen(), hooks=Hooks((before,), (note,))) as mailer:
        assert len(list(mailer.send_many(source(), connections=SIZE))) == 20
    assert inside == {threading.current_thread().name}
    assert outside == {"postseal-send newsletter"}


def test_what_is_refused_for_now_is_tried_again() -> None:
    later = RetryPolicy(attempts=8, first_delay=0.01, factor=1, jitter=0)
    with (
        SMTPServer(faults=[Fault.answer(Phase.RCPT, "451 4.7.1 later", times=7)]) as server,
        Mailer(server.url, trust=server.trust, retry=later) as mailer,
    ):
        sent = list(mailer.send_many(map(letter, range(20)), connections=SIZE))
        assert len(sent) == len(server.outbox) == 20
    assert sum(one.attempts for one in sent) == 20 + 7


def test_a_message_that_cannot_be_sent_stops_no_other() -> None:
    def refuse_odd(message: AnyMessage) -> AnyMessage:
        if int(str(cast(Message, message).subject)) % 2:
            raise TemporarilyRejected("not today", phase=Phase.MAIL)
        return message

    with (
        SMTPServer() as server,
        Mailer(server.url, trust=server.trust, hooks=Hooks((refuse_odd,))) as mailer,
    ):
        sent = list(mailer.send_many(map(letter, range(20)), connections=SIZE))
        assert sorted(subject_of(one) for one in server.outbox) == list(range(0, 20, 2))
    refused = [subject_of(one) for one in sent if one.error is not None]
    assert sorted(refused) == list(range(1, 20, 2))


def test_a_server_that_stalls_holds_up_nobody_beyond_the_deadline() -> None:
    with (
        SMTPServer(faults=[Fault.stall(Phase.BODY)]) as server,
        Mailer(server.url, trust=server.trust, timeouts=Timeouts(total=1.0)) as mailer,
    ):
        sent = list(mailer.send_many(map(letter, range(SIZE)), connections=SIZE))
    assert len(sent) == SIZE
    assert all(one.error is not None for one in sent)


def test_the_time_of_a_message_begins_when_a_thread_takes_it() -> None:
    class Clock(BlockingNetwork):
        time = 0.0

        def now(self) -> float:
            return self.time

    clock = Clock()
    is_late = threading.Event()
    left: list[float] = []

    class Late(Way):
        async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
            if outgoing.content == [b"0\r\n"]:
                clock.time = 1000.0
                is_late.set()
            assert is_late.wait(LONG)
            left.append(deadline - clock.time)
            return await super().deliver(outgoing, deadline=deadline)

    with Mailer(Late(), network=clock, timeouts=Timeouts(total=100.0)) as mailer:
        list(mailer.send_many(map(outgoing, range(30)), connections=SIZE))
    # Those that the threads had before are late.
    assert sorted(left)[SIZE:] == [100.0] * (30 - SIZE)


class ReadingError(Exception):
    """What a content of the application's own may raise."""


@pytest.mark.parametrize("where", ["source", "content"])
def test_an_error_of_the_application_reaches_the_caller(where: str) -> None:
    def broken() -> Iterator[bytes]:
        yield b"Subject: half of it\r\n\r\n"
        raise ReadingError

    def source() -> Iterator[Message | Outgoing]:
        yield from map(letter, range(10))
        if where == "source":
            raise ReadingError
        yield Outgoing(envelope=Envelope(ADA, (BOB,)), content=broken())
        yield from map(letter, itertools.count())

    with (
        SMTPServer() as server,
        Mailer(server.url, trust=server.trust) as mailer,
    ):
        with pytest.raises(ReadingError):
            list(mailer.send_many(source(), connections=SIZE))
        assert "postseal-send" not in threads()
        # Half a body is no message, and the mailer goes on.
        assert all(subject_of(one) < 10 for one in server.outbox)
        mailer.send(letter(1))


def test_a_caller_who_goes_away_leaves_nothing_behind() -> None:
    with (
        SMTPServer() as server,
        Mailer(server.url, trust=server.trust) as mailer,
    ):
        for sent in mailer.send_many(map(letter, itertools.count()), connections=SIZE):
            assert sent.error is None
            break
        assert "postseal-send" not in threads()
        before = len(server.outbox)
        mailer.send(letter(-1))
        assert len(server.outbox) == before + 1


def test_an_interruption_does_not_wait_for_a_server() -> None:
    goes_on = threading.Event()
    is_sending = threading.Event()

    class Slow(Way):
        async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
            is_sending.set()
            assert goes_on.wait(LONG)
            return await super().deliver(outgoing, deadline=deadline)

    def source() -> Iterator[Outgoing]:
        yield outgoing(1)
        assert is_sending.wait(LONG)
        raise KeyboardInterrupt

    with Mailer(Slow()) as mailer, pytest.raises(KeyboardInterrupt):
        list(mailer.send_many(source(), connections=SIZE))
    (sender,) = [thread for thread in threading.enumerate() if thread.name == "postseal-send"]
    goes_on.set()
    sender.join(LONG)
    assert not sender.is_alive()


def test_one_is_the_least() -> None:
    with Mailer("memory:") as mailer, pytest.raises(InvalidSetting, match="at least 1"):
        mailer.send_many([], connections=0)


def test_what_has_one_lane_needs_no_thread() -> None:
    with Mailer("memory:") as mailer:
        results = mailer.send_many(map(letter, range(3)), connections=SIZE)
        assert next(results).error is None
        assert "postseal-send" not in threads()


def test_nothing_to_send() -> None:
    with Mailer(Way()) as mailer:
        assert list(mailer.send_many([], connections=SIZE)) == []
