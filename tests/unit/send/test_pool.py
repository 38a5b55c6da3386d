"""The pool: connections are used again, and a dead one never gets a message."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from postseal import Envelope, Mailer
from postseal.errors import ConnectError, Disconnected, InvalidSetting, Phase, TimedOut
from postseal.send import Outgoing
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.send.networks.network import Gate
from postseal.send.pool import Pool
from postseal.send.pool_options import PoolOptions
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.smtp.commands import Mail
from postseal.testing import MemoryNetwork
from tests.parts.worlds import AnyMailer, World, in_each_world
from tests.unit.send.dialogues import ADA, BOB, IN_CLEAR, PIPELINING, PLAIN

QUIT = "C: QUIT\nS: 221 bye\n"


def pool_over(network: MemoryNetwork, *, max_connections: int = 5) -> Pool:
    limits = PoolOptions(max_connections=max_connections)
    return Pool(network, IN_CLEAR, ConnectionOptions(), limits=limits)


@in_each_world
def test_a_connection_is_used_again(world: World) -> None:
    network = MemoryNetwork(PLAIN + QUIT)

    async def use() -> None:
        pool = pool_over(network)
        assert pool.is_empty
        for _ in range(3):
            connection = await pool.take(network.now() + 60)
            pool.put_back(connection)
            assert not pool.is_empty
        await pool.close()
        assert pool.is_empty

    world.drive(use())
    network.check_played()
    assert network.streams[0].is_closed


@in_each_world
def test_the_newest_is_taken_first(world: World) -> None:
    network = MemoryNetwork(PLAIN, PLAIN)

    async def use() -> None:
        pool = pool_over(network)
        one, two = await pool.take(60), await pool.take(60)
        pool.put_back(two)
        pool.put_back(one)
        assert await pool.take(60) is one
        assert await pool.take(60) is two

    world.drive(use())


@in_each_world
@pytest.mark.parametrize("meanwhile", ["S: 421 4.4.2 too long", "S: <end>", "S: <reset>", "S: 250"])
def test_a_connection_that_died_while_idle_is_replaced(world: World, meanwhile: str) -> None:
    network = MemoryNetwork(PLAIN, PLAIN)

    async def use() -> None:
        pool = pool_over(network)
        first = await pool.take(60)
        pool.put_back(first)
        network.streams[0].extend(meanwhile)
        assert await pool.take(60) is not first

    world.drive(use())
    assert [stream.is_closed for stream in network.streams] == [True, False]
    # Not a word was said to the dead.
    assert network.streams[0].written == b"EHLO [192.0.2.1]\r\n"


@in_each_world
def test_a_connection_that_idled_for_too_long_is_replaced(world: World) -> None:
    network = MemoryNetwork(PLAIN + QUIT, PLAIN)

    async def use() -> None:
        pool = pool_over(network)
        old = await pool.take(60)
        pool.put_back(old)
        network.clock.advance(59)
        assert await pool.take(500) is old
        pool.put_back(old)
        network.clock.advance(60)
        await pool.drop_stale()
        assert pool.is_empty
        assert await pool.take(500) is not old

    world.drive(use())
    network.check_played()
    assert network.streams[0].is_closed


@in_each_world
def test_what_idled_for_too_long_is_not_taken_although_nobody_swept(world: World) -> None:
    network = MemoryNetwork(PLAIN, PLAIN)

    async def use() -> None:
        pool = pool_over(network)
        old = await pool.take(60)
        pool.put_back(old)
        network.clock.advance(60)
        assert await pool.take(500) is not old

    world.drive(use())
    assert network.streams[0].is_closed


@in_each_world
def test_sweeping_leaves_what_is_fresh(world: World) -> None:
    network = MemoryNetwork(PLAIN)

    async def use() -> None:
        pool = pool_over(network)
        connection = await pool.take(60)
        pool.put_back(connection)
        await pool.drop_stale()
        assert await pool.take(60) is connection

    world.drive(use())


@in_each_world
def test_a_connection_in_the_middle_of_something_is_not_kept(world: World) -> None:
    network = MemoryNetwork(PLAIN + "C: MAIL FROM:<ada@example.com>\nS: 250 ok", PLAIN)

    async def use() -> None:
        pool = pool_over(network)
        connection = await pool.take(60)
        await connection.ask(Mail(ADA), deadline=60)
        pool.put_back(connection)
        assert await pool.take(60) is not connection

    world.drive(use())
    assert network.streams[0].is_closed


@in_each_world
def test_after_close_nothing_is_kept(world: World) -> None:
    # A thread may be in the middle of a message while another closes the mailer.
    network = MemoryNetwork(PLAIN)

    async def use() -> None:
        pool = pool_over(network)
        connection = await pool.take(60)
        await pool.close()
        pool.put_back(connection)
        assert pool.is_empty

    world.drive(use())
    assert network.streams[0].is_closed


@in_each_world
def test_a_full_pool_waits_no_longer_than_told(world: World) -> None:
    network = MemoryNetwork(PLAIN)

    async def use() -> None:
        pool = pool_over(network, max_connections=1)
        await pool.take(60)
        with pytest.raises(TimedOut) as caught:
            await pool.take(30)
        assert (caught.value.phase, caught.value.host) == (Phase.CONNECT, "mail.example.org")
        assert network.now() == 30

    world.drive(use())


@in_each_world
def test_a_connection_that_was_not_made_takes_no_place(world: World) -> None:
    network = MemoryNetwork(ConnectError("refused"), "S: <end>", PLAIN)

    async def use() -> None:
        pool = pool_over(network, max_connections=1)
        with pytest.raises(ConnectError):
            await pool.take(60)
        with pytest.raises(Disconnected):
            await pool.take(60)
        assert pool.is_empty
        pool.put_back(await pool.take(60))

    world.drive(use())


@in_each_world
def test_goodbye_to_a_server_that_does_not_answer_takes_seconds(world: World) -> None:
    network = MemoryNetwork(PLAIN + "C: QUIT\nS: <silence>", PLAIN + QUIT)

    async def use() -> None:
        pool = pool_over(network)
        one, two = await pool.take(60), await pool.take(60)
        pool.put_back(one)
        pool.put_back(two)
        await pool.close()

    world.drive(use())
    network.check_played()
    assert network.now() <= 5
    assert all(stream.is_closed for stream in network.streams)


@pytest.mark.parametrize("number", [0, -1])
def test_a_pool_has_a_place_at_least(number: int) -> None:
    with pytest.raises(InvalidSetting, match="max_connections"):
        pool_over(MemoryNetwork(), max_connections=number)


def test_two_threads_that_find_one_idle_connection_do_not_stumble() -> None:
    # Between "is there one?" and "take it" another thread may have been quicker.
    network = _ForThreads(PLAIN + QUIT, PLAIN + QUIT)
    pool = pool_over(network)
    pool.put_back(run(pool.take(60)))
    pool._has.idle = _SlowToAnswer(pool._has.idle)
    with ThreadPoolExecutor(2) as threads:
        connections = list(threads.map(lambda _: run(pool.take(60)), range(2)))
    assert connections[0] is not connections[1]
    assert len(network.streams) == 2


class _SlowToAnswer(list[Connection]):
    """Lets another thread in between a question and what follows from it."""

    def __len__(self) -> int:
        length = super().__len__()
        time.sleep(0.05)
        return length


class _ForThreads(MemoryNetwork):
    """A network in memory with a gate that threads may use."""

    def gate(self, places: int) -> Gate:
        return BlockingNetwork().gate(places)


def pool_with(network: MemoryNetwork, **limits: Any) -> Pool:
    return Pool(network, IN_CLEAR, ConnectionOptions(), limits=PoolOptions(**limits))


@in_each_world
def test_a_connection_that_is_old_is_replaced(world: World) -> None:
    network = MemoryNetwork(PLAIN, PLAIN)

    async def use() -> None:
        pool = pool_with(network, max_lifetime=100)
        old = await pool.take(60)
        pool.put_back(old)
        network.clock.advance(50)
        assert await pool.take(500) is old
        network.clock.advance(50)
        assert pool.is_spent(old)
        pool.put_back(old)
        assert await pool.take(500) is not old

    world.drive(use())
    assert network.streams[0].is_closed


@in_each_world
def test_a_connection_carries_so_many_messages_and_no_more(world: World) -> None:
    # Nothing is announced to a connection that will not take it; it ends with QUIT.
    said = "C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<bob@example.org>\nC: DATA\n"
    go, end = "S: 250 ok\nS: 250 ok\nS: 354 go\nC: x\nC: .\n", "S: 250 ok\n"
    two = PIPELINING + said + go + said + end + go + end + QUIT
    one = PIPELINING + said + go + end + QUIT
    network = MemoryNetwork(two, one)
    messages = [Outgoing(envelope=Envelope(ADA, (BOB,)), content=[b"x\r\n"])] * 3

    async def use(mailer: AnyMailer) -> int:
        return len([sent.result() async for sent in mailer.send_many(messages)])

    limits = PoolOptions(max_connections=1, max_messages=2)
    url = "smtp+insecure://mail.example.org"
    assert world.mail(url, use, network=network, pool=limits) == 3
    network.check_played()


@in_each_world
def test_some_are_kept_ready(world: World) -> None:
    network = MemoryNetwork(PLAIN + QUIT, PLAIN + QUIT, PLAIN, PLAIN)

    async def use() -> None:
        pool = pool_with(network, max_connections=3, min_idle=2)
        await pool.tend()
        assert len(network.streams) == 2
        await pool.tend()
        assert len(network.streams) == 2
        # Those that had their time are replaced before anybody asks.
        network.clock.advance(60)
        await pool.tend()
        assert [stream.is_closed for stream in network.streams] == [True, True, False, False]

    world.drive(use())


@in_each_world
def test_what_is_kept_ready_counts_against_the_cap(world: World) -> None:
    network = MemoryNetwork(PLAIN, PLAIN)

    async def use() -> None:
        pool = pool_with(network, max_connections=2, min_idle=2)
        taken = await pool.take(60)
        await pool.tend()
        assert len(network.streams) == 2
        pool.put_back(taken)
        await pool.tend()
        assert len(network.streams) == 2

    world.drive(use())


@in_each_world
def test_a_server_that_went_as_we_began_to_speak_is_left_for_another_connection(
    world: World,
) -> None:
    # Its end was on the way when the connection was taken: only the first command shows it.
    said = "C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<bob@example.org>\nC: DATA\n"
    taken = said + "S: 250 ok\nS: 250 ok\nS: 354 go\nC: x\nC: .\nS: 250 ok\n"
    network = MemoryNetwork(
        PIPELINING + taken + said + "S: 421 4.4.2 idle for too long\n", PIPELINING + taken + QUIT
    )

    async def use(mailer: AnyMailer) -> list[int]:
        envelope = Envelope(ADA, (BOB,))
        return [(await mailer.send_raw(envelope, [b"x\r\n"])).reply.code for _ in range(2)]

    url = "smtp+insecure://mail.example.org"
    assert world.mail(url, use, network=network) == [250, 250]
    network.check_played()


def test_a_new_connection_that_ends_at_once_is_not_tried_for_ever() -> None:
    said = "C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<bob@example.org>\nC: DATA\n"
    network = MemoryNetwork(PIPELINING + said + "S: <end>", PIPELINING)
    mailer = Mailer("smtp+insecure://mail.example.org", network=network)
    with pytest.raises(Disconnected):
        mailer.send_raw(Envelope(ADA, (BOB,)), [b"x\r\n"])
    assert len(network.streams) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_connections": 0},
        {"min_idle": 6},
        {"min_idle": -1},
        {"max_idle": 0},
        {"max_lifetime": 0},
        {"max_messages": 0},
    ],
)
def test_limits_without_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidSetting):
        PoolOptions(**wrong)
