"""Both networks over real sockets: deadlines, ends, breaks, names and gates."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import pytest

from postseal.errors import ConnectError, Disconnected, Phase, TimedOut
from postseal.send.networks.aio import AsyncioNetwork, AsyncioStream, listen
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.send.networks.lookup import LookUp, Place
from postseal.send.networks.network import Network, Stream
from postseal.send.networks.staggered import connect_first
from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.worlds import World, in_each_world

# l_onoff, l_linger: closing sends a reset (socket(7)).
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
SOON = 0.1


@contextmanager
def listener(address: str = "127.0.0.1") -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        server.settimeout(20)
        yield server


def talk(
    world: World,
    use: Callable[[Network, Stream, socket.socket], Coroutine[Any, Any, None]],
    address: str = "127.0.0.1",
) -> None:
    """Connect, accept, and hand both ends to `use`."""
    with listener(address) as server:

        async def connected() -> None:
            network = world.network()
            stream = await network.connect(address, server.getsockname()[1], network.now() + 20)
            peer, _ = server.accept()
            peer.settimeout(20)
            with peer:
                try:
                    await use(network, stream, peer)
                finally:
                    stream.close()

        world.drive(connected())


@in_each_world
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_octets_go_both_ways(world: World, address: str) -> None:
    async def use(network: Network, stream: Stream, peer: socket.socket) -> None:
        assert (stream.peer_address, stream.local_address) == (address, address)
        assert not stream.has_input()
        await stream.write(b"hello", network.now() + 20)
        peer.sendall(b"welcome")
        assert await stream.read(network.now() + 20) == b"welcome"
        assert peer.recv(100) == b"hello"
        peer.shutdown(socket.SHUT_WR)
        # The end of the one direction is not that of the other.
        assert await stream.read(network.now() + 20) == b""
        assert stream.has_input()
        await stream.write(b"goodbye", network.now() + 20)
        stream.close()
        assert peer.recv(100) == b"goodbye"

    talk(world, use, address)


@in_each_world
def test_a_read_ends_with_its_deadline(world: World) -> None:
    async def use(network: Network, stream: Stream, _: socket.socket) -> None:
        started = time.monotonic()
        for deadline in (network.now() + SOON, network.now() + SOON, network.now() - 1):
            with pytest.raises(TimedOut, match="the peer sent nothing in time"):
                await stream.read(deadline)
        assert SOON <= time.monotonic() - started < 10

    talk(world, use)


@in_each_world
def test_a_write_ends_with_its_deadline(world: World) -> None:
    async def use(network: Network, stream: Stream, _: socket.socket) -> None:
        # Far more than the kernels keep for a peer that does not read.
        with pytest.raises(TimedOut, match="the peer took no data in time"):
            await stream.write(b"x" * 64_000_000, network.now() + SOON)
        with pytest.raises(TimedOut, match="the peer took no data in time"):
            await stream.write(b"x", network.now() - 1)

    talk(world, use)


@in_each_world
def test_a_peer_that_never_pauses_is_no_way_around_a_deadline(world: World) -> None:
    async def use(network: Network, stream: Stream, peer: socket.socket) -> None:
        stop = threading.Event()

        def flood() -> None:
            while not stop.is_set():
                try:
                    peer.sendall(b"x" * 65536)
                except OSError:
                    return

        async def read_on() -> None:
            while network.now() < deadline + 10:
                await stream.read(deadline)

        flooding = threading.Thread(target=flood)
        flooding.start()
        deadline = network.now() + SOON
        try:
            with pytest.raises(TimedOut):
                await read_on()
        finally:
            stop.set()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            peer.shutdown(socket.SHUT_RDWR)
            flooding.join(20)
        assert network.now() < deadline + 10

    talk(world, use)


@in_each_world
def test_a_reset_is_a_disconnection(world: World) -> None:
    async def use(network: Network, stream: Stream, peer: socket.socket) -> None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        peer.close()
        with pytest.raises(Disconnected, match="the connection broke"):
            await stream.read(network.now() + 20)
        assert stream.has_input()
        with pytest.raises(Disconnected, match="the connection broke"):
            await stream.write(b"x", network.now() + 20)

    talk(world, use)


@in_each_world
def test_a_closed_stream_is_a_broken_one(world: World) -> None:
    async def use(network: Network, stream: Stream, peer: socket.socket) -> None:
        stream.close()
        assert stream.has_input()
        with pytest.raises(Disconnected):
            await stream.write(b"x", network.now() + 20)
        stream.close()
        assert (stream.peer_address, peer.getsockname()[0]) in {
            ("", "127.0.0.1"),
            ("127.0.0.1", "127.0.0.1"),
        }

    talk(world, use)


@in_each_world
def test_a_closed_port_refuses(world: World) -> None:
    with ReservedPort() as port:
        network = world.network

        async def connect() -> None:
            here = network()
            await here.connect(*port.address, here.now() + 20)

        with pytest.raises(ConnectError, match=f"port {port.number} of 127.0.0.1") as caught:
            world.drive(connect())
    assert caught.value.phase is Phase.CONNECT


@in_each_world
@pytest.mark.parametrize("host", ["x" * 70 + ".invalid", "mail.invalid"])
def test_a_name_that_is_none_is_an_error_of_resolving(world: World, host: str) -> None:
    # RFC 6761 6.4: resolvers answer .invalid at once; the other is no name for them at all.
    async def connect() -> None:
        network = world.network()
        await network.connect(host, 25, network.now() + 20)

    with pytest.raises(ConnectError, match="cannot be resolved") as caught:
        world.drive(connect())
    assert caught.value.phase is Phase.RESOLVE


def at(*addresses: tuple[str, int]) -> LookUp:
    """A resolver by which any host is at these."""
    places = [Place(socket.AF_INET, socket.SOCK_STREAM, 6, address) for address in addresses]
    return lambda *_: places


@in_each_world
def test_the_second_address_is_tried_when_the_first_is_dead(world: World) -> None:
    with listener() as server, ReservedPort() as dead:
        look_up = at(dead.address, server.getsockname())

        async def connect() -> None:
            network = world.network(look_up=look_up)
            stream = await network.connect("two.example", 25, network.now() + 20)
            await stream.write(b"here", network.now() + 20)
            stream.close()

        world.drive(connect())
        assert first_octets(server) == b"here"


@in_each_world
def test_an_address_that_does_not_answer_leaves_time_for_the_next(world: World) -> None:
    with listener() as server, full_listener() as mute:
        look_up = at(mute, server.getsockname())

        async def connect() -> float:
            network = world.network(look_up=look_up)
            started = network.now()
            stream = await network.connect("two.example", 25, started + 20)
            stream.close()
            return network.now() - started

        assert 0.2 <= world.drive(connect()) < 10
        server.accept()[0].close()


def test_a_kind_of_address_that_the_system_lacks_is_passed_over() -> None:
    with listener() as server:
        lacking = Place(socket.AF_INET, socket.SOCK_STREAM, 99, ("::1", 25))
        (place,) = at(server.getsockname())("two.example", 25)
        network = BlockingNetwork(look_up=lambda *_: (lacking, place))
        stream = run(network.connect("two.example", 25, network.now() + 20))
        run(stream.write(b"here", network.now() + 20))
        stream.close()
        assert first_octets(server) == b"here"


def first_octets(server: socket.socket) -> bytes:
    # What whoever connected first said first.
    peer, _ = server.accept()
    with peer:
        peer.settimeout(20)
        return peer.recv(100)


@in_each_world
def test_connecting_ends_with_its_deadline(world: World) -> None:
    with full_listener() as mute:

        async def connect() -> None:
            network = world.network()
            await network.connect(*mute, network.now() + SOON)

        started = time.monotonic()
        with pytest.raises(TimedOut, match="connecting took too long") as caught:
            world.drive(connect())
        assert time.monotonic() - started < 10
    assert caught.value.phase is Phase.CONNECT


@contextmanager
def full_listener() -> Iterator[tuple[str, int]]:
    """A port that answers no SYN: its queue of connections to accept is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = []
        try:
            # One more than the backlog is taken; the next is not answered.
            for _ in range(4):
                connection = socket.socket()
                connection.setblocking(False)
                connection.connect_ex(server.getsockname())
                waiting.append(connection)
            yield server.getsockname()
        finally:
            for connection in waiting:
                connection.close()


def test_a_gate_for_threads() -> None:
    network = BlockingNetwork()
    gate = network.gate(1)
    run(gate.enter(network.now() - 1))
    with pytest.raises(TimedOut, match="no connection became free"):
        run(gate.enter(network.now() + SOON))
    threading.Timer(SOON, gate.leave).start()
    run(gate.enter(network.now() + 20))


async def test_a_gate_for_tasks() -> None:
    network = World.ASYNCIO.network()
    gate = network.gate(1)
    await gate.enter(network.now() + 20)
    with pytest.raises(TimedOut, match="no connection became free"):
        await gate.enter(network.now() + SOON)
    asyncio.get_running_loop().call_later(SOON, gate.leave)
    await gate.enter(network.now() + 20)


def test_a_coroutine_of_another_network_is_told_from_ours() -> None:
    with pytest.raises(RuntimeError, match="suspended"):
        run(asyncio.sleep(0))


async def test_a_reader_that_is_too_slow_holds_the_peer_back() -> None:
    with listener() as server:
        network = World.ASYNCIO.network()
        stream = await network.connect(LOOPBACK, server.getsockname()[1], network.now() + 20)
        peer, _ = server.accept()
        with peer:
            peer.setblocking(False)
            sent = await _fill(peer)
            peer.setblocking(True)
            rest = asyncio.get_running_loop().run_in_executor(None, _end, peer)
            received = 0
            while data := await stream.read(network.now() + 20):
                received += len(data)
            await rest
            assert received == sent + 3
        stream.close()


async def _fill(peer: socket.socket) -> int:
    """Send until neither the stream nor the kernels take any more; return how much that was."""
    sent = 0
    while sent < 100_000_000:
        await asyncio.sleep(0)
        try:
            sent += peer.send(b"x" * 65536)
        except BlockingIOError:
            return sent
    raise AssertionError("nothing holds the peer back")


def _end(peer: socket.socket) -> None:
    peer.sendall(b"end")
    peer.close()


async def test_a_close_does_not_wait_for_ever_for_a_peer_that_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("postseal.send.networks.aio._LINGER", SOON)
    with listener() as server:
        network = World.ASYNCIO.network()
        stream = await network.connect(LOOPBACK, server.getsockname()[1], network.now() + 20)
        assert isinstance(stream, AsyncioStream)
        lost = asyncio.Event()
        monkeypatch.setattr(stream, "connection_lost", lambda _: lost.set())
        peer, _ = server.accept()
        with peer:
            # Until the kernels are full, and some is left for the loop to write.
            while not stream._transport.get_write_buffer_size():
                await stream.write(b"x" * 32_768, network.now() + 20)
            stream.close()
            assert not lost.is_set()
            async with asyncio.timeout(20):
                await lost.wait()


async def test_a_listener_serves_each_connection_by_a_task_of_its_own() -> None:
    ended = asyncio.Semaphore(0)

    async def echo(stream: AsyncioStream) -> None:
        while data := await stream.read(network.now() + 20):
            await stream.write(data.upper(), network.now() + 20)
        stream.close()
        ended.release()

    network = World.ASYNCIO.network()
    server = await listen(LOOPBACK, 0, echo)
    port = server.sockets[0].getsockname()[1]
    streams = [await network.connect(LOOPBACK, port, network.now() + 20) for _ in range(3)]
    for stream in reversed(streams):
        await stream.write(b"hello", network.now() + 20)
        assert await stream.read(network.now() + 20) == b"HELLO"
    # Closing it ends the listening, not what was accepted.
    server.close()
    for stream in streams:
        await stream.write(b"still there", network.now() + 20)
        assert await stream.read(network.now() + 20) == b"STILL THERE"
        stream.close()
    async with asyncio.timeout(20):
        for _ in streams:
            await ended.acquire()
        # From Python 3.12 on, this waits for the connections as well.
        await server.wait_closed()


async def test_what_a_connection_has_heard_stands_while_the_others_are_heard() -> None:
    """They are all read into the same buffer."""
    heard: dict[bytes, list[bytes]] = {}

    async def keep(stream: AsyncioStream) -> None:
        pieces: list[bytes] = []
        while data := await stream.read(network.now() + 20):
            pieces.append(data)
        heard[pieces[0][:1]] = pieces
        stream.close()
        if len(heard) == len(letters):
            is_over.set()

    letters = (b"a", b"b", b"c", b"d")
    is_over = asyncio.Event()
    network = World.ASYNCIO.network()
    async with await listen(LOOPBACK, 0, keep) as server:
        port = server.sockets[0].getsockname()[1]
        streams = [await network.connect(LOOPBACK, port, network.now() + 20) for _ in letters]
        for size in (1, 200_000, 3, 65_536, 100_000):
            for letter, stream in zip(letters, streams, strict=True):
                await stream.write(letter * size, network.now() + 20)
        for stream in streams:
            stream.close()
        async with asyncio.timeout(20):
            await is_over.wait()
    for letter in letters:
        assert b"".join(heard[letter]) == letter * 365_540


async def test_a_wait_that_is_interrupted() -> None:
    with listener() as server:
        network = World.ASYNCIO.network()
        stream = await network.connect(LOOPBACK, server.getsockname()[1], network.now() + 20)
        assert isinstance(stream, AsyncioStream)
        # Nobody waits: nothing to interrupt.
        stream.interrupt()
        reading = asyncio.create_task(stream.read(network.now() + 20))
        await asyncio.sleep(0)
        stream.interrupt()
        with pytest.raises(TimedOut, match="cut short"):
            await reading
        stream.abort()


@in_each_world
def test_connections_come_from_the_address_that_was_asked_for(world: World) -> None:
    address = ip_address("127.0.0.7")
    kind = BlockingNetwork if world is World.BLOCKING else AsyncioNetwork
    with listener() as server:

        async def use() -> tuple[str, str]:
            network = kind(local_address=address)
            stream = await network.connect(LOOPBACK, server.getsockname()[1], network.now() + 20)
            with server.accept()[0] as peer:
                stream.close()
                return stream.local_address or str(address), str(peer.getpeername()[0])

        assert world.drive(use()) == ("127.0.0.7", "127.0.0.7")


@in_each_world
def test_an_address_of_another_family_reaches_nobody(world: World) -> None:
    kind = BlockingNetwork if world is World.BLOCKING else AsyncioNetwork

    async def use() -> None:
        network = kind(local_address=ip_address("::1"))
        await network.connect(LOOPBACK, 1, network.now() + 20)

    with pytest.raises(ConnectError) as caught:
        world.drive(use())
    assert caught.value.phase is Phase.CONNECT


def test_an_address_that_is_silent_holds_up_the_others_for_a_moment_only() -> None:
    # RFC 8305 5: the next attempt begins while the one before still waits.
    with listener() as server, full_listener() as silent:
        addresses = (silent, server.getsockname())
        places = [Place(socket.AF_INET, socket.SOCK_STREAM, 0, one) for one in addresses]
        started = time.monotonic()
        connect_first(places, deadline=started + 20).close()
        assert 0.2 <= time.monotonic() - started < 5


def test_attempts_that_all_wait_end_with_the_deadline() -> None:
    with full_listener() as silent:
        place = Place(socket.AF_INET, socket.SOCK_STREAM, 0, silent)
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            connect_first([place, place], deadline=started + 0.3)
        assert 0.3 <= time.monotonic() - started < 5


@in_each_world
def test_sleeping_and_blocking_work(world: World) -> None:
    async def use() -> tuple[float, int]:
        network = world.network()
        started = network.now()
        await network.sleep(0.05)
        return network.now() - started, await network.run_blocking(threading.get_ident)

    took, thread = world.drive(use())
    assert 0.04 <= took < 5
    assert (thread == threading.get_ident()) is (world is World.BLOCKING)
