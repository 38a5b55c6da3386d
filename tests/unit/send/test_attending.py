"""A server's end of a stream that is attended: answered piece by piece, in clear and under TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum, unique

import pytest

from postseal.errors import Disconnected, MailError, TimedOut
from postseal.send.networks.aio import AsyncioStream, listen
from postseal.send.networks.network import Attendant, Stream
from postseal.send.networks.sealed import SealedStream
from postseal.tls import Channel, Opening
from tests.parts.flawed_certificates import HOST, Certificates, Flaw

LONG = 20.0
SOON = 0.05


@unique
class Kind(Enum):
    CLEAR = "in clear"
    SEALED = "under TLS"
    PLAIN_WAITING = "by the interface's own reading and writing"


class _WaitingStream(AsyncioStream):
    """The stream of the event loop, attended as any other stream is."""

    async def attend(self, hear: Attendant, due: Callable[[], float]) -> None:
        await Stream.attend(self, hear, due)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


class Client:
    """The other end, by the standard library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self, size: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(size), LONG)


class Server:
    """One accepted connection, attended until the answer is None."""

    def __init__(self, hear: Attendant, patience: float) -> None:
        self.stream: Stream | None = None
        self.connection: AsyncioStream | None = None
        self.error: MailError | ValueError | None = None
        self.is_done = asyncio.Event()
        self.is_attended = asyncio.Event()
        self._hear = hear
        self._patience = patience

    async def serve(self, stream: Stream) -> None:
        loop = asyncio.get_running_loop()
        self.stream = stream
        self.is_attended.set()
        try:
            await stream.attend(self._hear, lambda: loop.time() + self._patience)
        except (MailError, ValueError) as error:
            self.error = error
        self.is_done.set()

    async def done(self) -> None:
        await asyncio.wait_for(self.is_done.wait(), LONG)


@asynccontextmanager
async def attended(
    kind: Kind, certificates: Certificates, hear: Attendant, *, patience: float = LONG
) -> AsyncIterator[tuple[Server, Client]]:
    server = Server(hear, patience)
    context: ssl.SSLContext | None = None

    async def serve(connection: AsyncioStream) -> None:
        server.connection = connection
        stream: Stream = connection
        if kind is Kind.SEALED:
            channel = Channel.server(certificates.context(Flaw.NONE), opening=Opening.IMPLICIT)
            deadline = asyncio.get_running_loop().time() + LONG
            stream = await SealedStream.establish(connection, channel, deadline)
        elif kind is Kind.PLAIN_WAITING:
            connection.__class__ = _WaitingStream
        await server.serve(stream)

    if kind is Kind.SEALED:
        context = ssl.create_default_context(cafile=str(certificates.ca_file))
    async with await listen("127.0.0.1", 0, serve) as port:
        host, number = port.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(
            host, number, ssl=context, server_hostname=HOST if context else None
        )
        try:
            await asyncio.wait_for(server.is_attended.wait(), LONG)
            yield server, Client(reader, writer)
        finally:
            await _leave(writer)
            if server.connection is not None:
                server.connection.abort()
            await server.done()


async def _leave(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError):
        await asyncio.wait_for(writer.wait_closed(), LONG)
    await asyncio.sleep(0)


in_each_kind = pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name.lower())


@in_each_kind
async def test_each_piece_has_its_answer_until_there_is_none(
    kind: Kind, certificates: Certificates
) -> None:
    def hear(data: bytes) -> bytes | None:
        return None if data == b"enough" else data.upper() if data != b"silence" else b""

    async with attended(kind, certificates, hear) as (server, client):
        await client.say(b"one")
        assert await client.hear(3) == b"ONE"
        await client.say(b"silence")
        await client.say(b"two")
        answered = await client.hear(3)
        # The two may have come in one piece, which is then no silence.
        assert answered in (b"TWO", b"SIL")
        if answered == b"SIL":
            await client.hear(7)
        await client.say(b"enough")
        await server.done()
        assert server.error is None
        # What comes behind it is there to be read.
        assert server.stream is not None
        await client.say(b"more")
        assert await server.stream.read(asyncio.get_running_loop().time() + LONG) == b"more"
        await server.stream.write(b"goodbye", asyncio.get_running_loop().time() + LONG)
        assert await client.hear(7) == b"goodbye"


@in_each_kind
async def test_the_end_of_the_stream_is_heard_as_no_octets(
    kind: Kind, certificates: Certificates
) -> None:
    heard: list[bytes] = []

    def hear(data: bytes) -> bytes | None:
        heard.append(data)
        return b"!" if data else None

    async with attended(kind, certificates, hear) as (server, client):
        await client.say(b"hello")
        assert await client.hear(1) == b"!"
        client.writer.close()
        await server.done()
        assert server.error is None
        assert heard == [b"hello", b""]


@in_each_kind
async def test_who_says_nothing_is_not_waited_for(kind: Kind, certificates: Certificates) -> None:
    async with attended(kind, certificates, bytes.upper, patience=SOON) as (server, client):
        await client.say(b"one")
        assert await client.hear(3) == b"ONE"
        await server.done()
        assert isinstance(server.error, TimedOut)


@pytest.mark.parametrize("kind", [Kind.CLEAR, Kind.SEALED], ids=lambda kind: kind.name.lower())
async def test_the_wait_can_be_cut_short(kind: Kind, certificates: Certificates) -> None:
    async with attended(kind, certificates, bytes.upper) as (server, client):
        await client.say(b"one")
        assert await client.hear(3) == b"ONE"
        assert server.connection is not None
        server.connection.interrupt()
        await server.done()
        assert isinstance(server.error, TimedOut)


@in_each_kind
async def test_an_error_of_who_attends_is_told_to_it(
    kind: Kind, certificates: Certificates
) -> None:
    def hear(data: bytes) -> bytes | None:
        raise ValueError(data)

    async with attended(kind, certificates, hear) as (server, client):
        await client.say(b"one")
        await server.done()
        assert isinstance(server.error, ValueError)


@in_each_kind
async def test_who_asks_without_reading_is_held_back(
    kind: Kind, certificates: Certificates
) -> None:
    heard = 0

    def hear(data: bytes) -> bytes | None:
        nonlocal heard
        heard += len(data)
        return bytes(1000 * len(data)) if data else None

    async with attended(kind, certificates, hear, patience=0.5) as (server, client):
        transport = client.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        for _ in range(200):
            client.writer.write(bytes(1000))
        await server.done()
        # It was not answered without end, and what it did not take is not kept for it.
        assert isinstance(server.error, TimedOut | Disconnected)
        assert heard < 200_000


async def test_a_broken_connection_is_told(certificates: Certificates) -> None:
    async with attended(Kind.CLEAR, certificates, lambda data: data or None) as (server, client):
        await client.say(b"one")
        assert await client.hear(3) == b"one"
        raw = client.writer.transport.get_extra_info("socket")
        # l_onoff, l_linger: closing sends a reset (socket(7)).
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.writer.transport.abort()
        await server.done()
        assert isinstance(server.error, Disconnected)


async def test_a_cut_under_tls_is_no_end(certificates: Certificates) -> None:
    async with attended(Kind.SEALED, certificates, lambda data: data or None) as (server, client):
        await client.say(b"one")
        assert await client.hear(3) == b"one"
        # The transport is gone without close_notify.
        client.writer.transport.abort()
        await server.done()
        assert isinstance(server.error, Disconnected)


async def test_answers_leave_together_at_the_end_of_the_turn() -> None:
    """Several short writes of one turn are one segment for the peer."""
    arrived: list[bytes] = []
    has_left = asyncio.Event()
    is_over = asyncio.Event()

    async def serve(stream: AsyncioStream) -> None:
        for piece in (b"one ", b"two ", b"three"):
            await stream.write(piece, asyncio.get_running_loop().time() + LONG)
        await asyncio.wait_for(has_left.wait(), LONG)
        stream.abort()
        await asyncio.sleep(0)
        is_over.set()

    class Peer(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            arrived.append(data)
            transport.abort()

        def connection_lost(self, _: Exception | None) -> None:
            has_left.set()

    async with await listen("127.0.0.1", 0, serve) as server:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(Peer, *server.sockets[0].getsockname())
        await asyncio.wait_for(is_over.wait(), LONG)
        assert arrived == [b"one two three"]


async def test_a_close_sends_what_was_written_and_an_abort_does_not() -> None:
    async def leave(end: Callable[[AsyncioStream], None]) -> bytes:
        async def serve(stream: AsyncioStream) -> None:
            await stream.write(b"goodbye", asyncio.get_running_loop().time() + LONG)
            end(stream)

        async with await listen("127.0.0.1", 0, serve) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                return await asyncio.wait_for(reader.read(), LONG)
            except ConnectionError:
                return b""
            finally:
                await _leave(writer)

    assert await leave(AsyncioStream.close) == b"goodbye"
    assert await leave(AsyncioStream.abort) == b""
