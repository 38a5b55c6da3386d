"""Many messages over many connections: the order of results, where they come from, what is kept."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest

from postseal import AsyncMailer, Envelope, Mailer, Timeouts
from postseal.errors import TemporarilyRejected
from postseal.send import Delivery, Order, Outgoing, PoolOptions, RetryPolicy, Sent
from postseal.send.hooks import Hooks
from postseal.send.transport import Transport, Verification
from postseal.smtp import Reply
from postseal.tls.levels import TLSOutcome
from tests.parts.obliging_network import ObligingNetwork
from tests.parts.worlds import AnyMailer, World, in_each_world
from tests.unit.send.dialogues import ADA, BOB

URL = "smtp+insecure://mail.example.org"


def message(number: int) -> Outgoing:
    return Outgoing(envelope=Envelope(ADA, (BOB,)), content=[f"{number}\r\n".encode()])


def number_of(sent: Sent[Outgoing]) -> int:
    (content,) = sent.message.content  # type: ignore[misc]
    return int(content)


class Backwards(Transport):
    """Takes its messages in pairs, and answers the second of each first."""

    def __init__(self) -> None:
        self._first: asyncio.Event | None = None
        self.most = 0
        self._under_way = 0

    @property
    def lanes(self) -> int:
        return 2

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        if self._first is None:
            self._first = asyncio.Event()
            await self._first.wait()
        else:
            first, self._first = self._first, None
            asyncio.get_running_loop().call_later(0.001, first.set)
        self._under_way -= 1
        reply = Reply(250, ("ok",))
        tls = TLSOutcome.in_clear()
        return Delivery(outgoing.envelope.recipients, (), reply, "test", "", tls, (reply,))

    async def verify(self, *, deadline: float) -> Verification:
        return Verification("test", "", TLSOutcome.in_clear())

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize("order", list(Order))
async def test_results_come_as_they_are_known_or_as_they_were_given(order: Order) -> None:
    async with AsyncMailer(Backwards()) as mailer:
        sent = [one async for one in mailer.send_many(map(message, range(20)), order=order)]
    numbers = [number_of(one) for one in sent]
    assert sorted(numbers) == list(range(20))
    assert (numbers == sorted(numbers)) is (order is Order.AS_GIVEN)


async def test_a_result_that_waits_for_its_turn_holds_back_the_others() -> None:
    # The first message is stuck; no more are taken than may be kept.
    class Stuck(Backwards):
        async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
            if outgoing.content == [b"0\r\n"]:
                await stuck.wait()
            self._first = asyncio.Event()
            return await super().deliver(outgoing, deadline=deadline)

    stuck = asyncio.Event()
    taken: list[int] = []

    def endless() -> Iterator[Outgoing]:
        for number in range(10**9):
            taken.append(number)
            yield message(number)

    mailer = AsyncMailer(Stuck())
    async with aclosing(mailer.send_many(endless(), order=Order.AS_GIVEN)) as results:
        first = asyncio.ensure_future(anext(results))
        for _ in range(2000):
            await asyncio.sleep(0)
        assert not first.done()
        assert 60 < len(taken) < 80
        stuck.set()
        assert number_of(await first) == 0
        assert number_of(await anext(results)) == 1


async def test_messages_may_come_from_an_async_iterable() -> None:
    network = ObligingNetwork(World.ASYNCIO)
    read: list[int] = []

    async def endless() -> AsyncIterator[Outgoing]:
        for number in range(10**9):
            read.append(number)
            yield message(number)
            await asyncio.sleep(0)

    mailer = AsyncMailer(URL, network=network, pool=PoolOptions(max_connections=2))
    async with aclosing(mailer.send_many(endless())) as results:
        numbers = [number_of(await anext(results)) for _ in range(50)]
    assert sorted(numbers) == list(range(50))
    assert len(read) < 60


async def test_what_an_async_iterable_raises_reaches_the_caller() -> None:
    async def broken() -> AsyncIterator[Outgoing]:
        yield message(0)
        raise ZeroDivisionError

    mailer = AsyncMailer(URL, network=ObligingNetwork(World.ASYNCIO))
    results = mailer.send_many(broken())
    assert number_of(await anext(results)) == 0
    with pytest.raises(ZeroDivisionError):
        await anext(results)


async def test_a_slow_source_holds_up_no_message_that_is_due() -> None:
    # The second try of the first message comes before the source gives another one.
    more = asyncio.Event()
    tries: list[Outgoing] = []

    class Greylisting(Backwards):
        async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
            tries.append(outgoing)
            if len(tries) == 1:
                raise TemporarilyRejected("later")
            more.set()
            self._first = asyncio.Event()
            return await super().deliver(outgoing, deadline=deadline)

    async def slow() -> AsyncIterator[Outgoing]:
        yield message(0)
        await more.wait()
        yield message(1)

    mailer = AsyncMailer(Greylisting(), retry=RetryPolicy(first_delay=0.01))
    async with asyncio.timeout(20):
        results = [number_of(sent) async for sent in mailer.send_many(slow())]
    assert sorted(results) == [0, 1]


@in_each_world
def test_memory_does_not_grow_with_the_number_of_messages(world: World) -> None:
    network = ObligingNetwork(world)

    async def peak(mailer: AnyMailer, number: int) -> int:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        async for sent in mailer.send_many(map(message, range(number))):
            assert sent.delivery is not None
        return tracemalloc.get_traced_memory()[1] - before

    async def use(mailer: AnyMailer) -> tuple[int, int]:
        await peak(mailer, 50)
        return await peak(mailer, 100), await peak(mailer, 800)

    tracemalloc.start()
    try:
        few, many = world.mail(URL, use, network=network)
    finally:
        tracemalloc.stop()
    assert network.taken == 950
    # Some hundred octets for each of the 700 others would be more.
    assert many < few + 50_000
    assert network.opened <= 5


async def test_interceptors_that_wait_are_no_hindrance() -> None:
    network = ObligingNetwork(World.ASYNCIO)

    async def later(given: object) -> Outgoing:
        await asyncio.sleep(0)
        assert isinstance(given, Outgoing)
        return given

    hooks = Hooks((later,))
    async with AsyncMailer(URL, network=network, hooks=hooks) as mailer:
        sent = [one async for one in mailer.send_many(map(message, range(30)))]
    assert sorted(map(number_of, sent)) == list(range(30))


def test_a_blocking_mailer_gives_its_results_in_order_in_any_case() -> None:
    network = ObligingNetwork(World.BLOCKING)
    with Mailer(URL, network=network) as mailer:
        sent = list(mailer.send_many(map(message, range(30)), order=Order.AS_GIVEN))
    assert [number_of(one) for one in sent] == list(range(30))
    assert network.opened == 1


def test_threads_send_many_at_the_same_time() -> None:
    network = ObligingNetwork(World.BLOCKING)
    with (
        Mailer(URL, network=network, timeouts=Timeouts(total=30)) as mailer,
        ThreadPoolExecutor(4) as threads,
    ):
        batches = [map(message, range(100)) for _ in range(4)]
        done = list(threads.map(lambda batch: len(list(mailer.send_many(batch))), batches))
    assert done == [100] * 4
    assert network.opened <= 5


async def test_a_reader_who_goes_away_leaves_nothing_behind() -> None:
    # All tasks have results that nobody takes any more.
    before = asyncio.all_tasks()
    async with AsyncMailer(Backwards()) as mailer:
        results = mailer.send_many(map(message, itertools.count()))
        assert (await anext(results)).error is None
        for _ in range(200):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) > len(before)
        async with asyncio.timeout(10):
            await results.aclose()
        assert asyncio.all_tasks() == before
