"""Octets to a name server and back, by asyncio or by blocking sockets.

Each datagram goes out from a socket of its own, connected to the server: the system chooses its
port at random (RFC 5452 4.5), drops what comes from elsewhere, and tells when nobody listens.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from postseal.dns.name_servers import NameServer
from postseal.errors import MailError

__all__ = ["AsyncioExchange", "BlockingExchange", "Exchange"]

T = TypeVar("T")

_LARGEST_DATAGRAM = 65_535


class Exchange(Protocol):
    """Carries messages, and raises `OSError`, of which `TimeoutError` is one."""

    def now(self) -> float:
        """A monotonic clock, in seconds."""
        ...

    async def datagram(
        self, query: bytes, server: NameServer, seconds: float, accept: Callable[[bytes], T | None]
    ) -> T:
        """Ask by UDP; give what `accept` makes of the first datagram that is not None to it."""
        ...

    async def stream(self, query: bytes, server: NameServer, seconds: float) -> bytes:
        """Ask by TCP; the answer has 65,535 octets at most (RFC 1035 4.2.2)."""
        ...

    async def settle(self, questions: Sequence[Callable[[], Awaitable[T]]]) -> list[T | MailError]:
        """Ask several questions, at once where that can be; the errors are among the answers."""
        return [await _settled(ask) for ask in questions]


class AsyncioExchange(Exchange):
    """Suspends in the running event loop."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def datagram(
        self, query: bytes, server: NameServer, seconds: float, accept: Callable[[bytes], T | None]
    ) -> T:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(seconds):
            transport, conversation = await loop.create_datagram_endpoint(
                lambda: _Conversation(accept), remote_addr=(str(server.address), server.port)
            )
            try:
                transport.sendto(query)
                return await conversation.outcome
            finally:
                transport.abort()

    async def stream(self, query: bytes, server: NameServer, seconds: float) -> bytes:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(str(server.address), server.port)
            try:
                writer.write(_framed(query))
                return await reader.readexactly(_size(await reader.readexactly(2)))
            except asyncio.IncompleteReadError:
                raise _cut_off() from None
            finally:
                writer.transport.abort()

    async def settle(self, questions: Sequence[Callable[[], Awaitable[T]]]) -> list[T | MailError]:
        return await asyncio.gather(*map(_settled, questions))


class BlockingExchange(Exchange):
    """Waits in the calling thread, so that `postseal.send.networks.blocking` can drive it."""

    def now(self) -> float:
        return time.monotonic()

    async def datagram(
        self, query: bytes, server: NameServer, seconds: float, accept: Callable[[bytes], T | None]
    ) -> T:
        deadline = self.now() + seconds
        with socket.socket(_family(server), socket.SOCK_DGRAM) as connected:
            connected.connect((str(server.address), server.port))
            connected.send(query)
            while True:
                connected.settimeout(self._left(deadline))
                if (accepted := accept(connected.recv(_LARGEST_DATAGRAM))) is not None:
                    return accepted

    async def stream(self, query: bytes, server: NameServer, seconds: float) -> bytes:
        deadline = self.now() + seconds
        where = (str(server.address), server.port)
        with socket.create_connection(where, timeout=seconds) as connection:
            connection.sendall(_framed(query))
            size = _size(self._read(connection, 2, deadline))
            return self._read(connection, size, deadline)

    def _read(self, connection: socket.socket, size: int, deadline: float) -> bytes:
        octets = b""
        while len(octets) < size:
            connection.settimeout(self._left(deadline))
            arrived = connection.recv(size - len(octets))
            if not arrived:
                raise _cut_off()
            octets += arrived
        return octets

    def _left(self, deadline: float) -> float:
        left = deadline - self.now()
        if left <= 0:
            raise TimeoutError
        return left


class _Conversation(asyncio.DatagramProtocol, Generic[T]):
    """Waits for the datagram that is accepted."""

    def __init__(self, accept: Callable[[bytes], T | None]) -> None:
        self.outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._accept = accept

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.outcome.done() and (accepted := self._accept(data)) is not None:
            self.outcome.set_result(accepted)

    def error_received(self, exc: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(exc)


async def _settled(ask: Callable[[], Awaitable[T]]) -> T | MailError:
    try:
        return await ask()
    except MailError as error:
        return error


def _framed(query: bytes) -> bytes:
    return len(query).to_bytes(2, "big") + query


def _size(prefix: bytes) -> int:
    return int.from_bytes(prefix, "big")


def _family(server: NameServer) -> socket.AddressFamily:
    return socket.AF_INET if server.address.version == 4 else socket.AF_INET6


def _cut_off() -> OSError:
    return ConnectionError("the connection ended within the answer")
