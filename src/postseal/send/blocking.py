"""The blocking network: plain sockets and threads, with no event loop."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from postseal.errors import ConnectError, Disconnected, Phase, TimedOut
from postseal.send.happy_eyeballs import in_turn
from postseal.send.network import Gate, IPAddress, Network, Stream

__all__ = ["BlockingNetwork", "run"]

T = TypeVar("T")

_READ_SIZE = 65536


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine over the blocking network to its end.

    It is an error of the calling code if the coroutine suspends: it was given another network.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a coroutine over the blocking network suspended")


class BlockingNetwork(Network):
    """Streams over sockets of the operating system, waiting in the calling thread."""

    def now(self) -> float:
        """`time.monotonic`."""
        return time.monotonic()

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        """Try one address after the other: those given, or the system's in its order."""
        try:
            found = [
                place
                for name in (in_turn(addresses) or (host,))
                for place in socket.getaddrinfo(str(name), port, type=socket.SOCK_STREAM)
            ]
        except (OSError, UnicodeError) as error:
            raise ConnectError(
                f"the name {host!a} cannot be resolved: {error}", phase=Phase.RESOLVE
            ) from error
        failure: OSError | None = None
        for tried, (family, kind, protocol, _, address) in enumerate(found):
            try:
                # An address that does not answer must leave time for those behind it.
                patience = _left(deadline) / (len(found) - tried)
                return BlockingStream(_connected(family, kind, protocol, address, patience))
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise TimedOut("connecting took too long", phase=Phase.CONNECT) from None
        raise ConnectError(
            f"port {port} of {host} cannot be reached: {failure}", phase=Phase.CONNECT
        ) from failure

    async def connect_unix(self, path: str, deadline: float) -> Stream:
        """Wait in `connect`."""
        try:
            return BlockingStream(
                _connected(socket.AF_UNIX, socket.SOCK_STREAM, 0, path, _left(deadline))
            )
        except (TimeoutError, BlockingIOError):
            # What Linux says when the listener's queue is full, instead of waiting.
            raise TimedOut("connecting took too long", phase=Phase.CONNECT) from None
        except OSError as error:
            raise ConnectError(
                f"the socket {path} cannot be reached: {error}", phase=Phase.CONNECT
            ) from error

    def gate(self, places: int) -> Gate:
        """A gate for threads."""
        return _ThreadGate(places)


class BlockingStream(Stream):
    """A connected socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    @property
    def peer_address(self) -> str:
        """The peer's IP address in text."""
        return _address(self._socket.getpeername)

    @property
    def local_address(self) -> str:
        """Our own IP address in text."""
        return _address(self._socket.getsockname)

    async def read(self, deadline: float) -> bytes:
        """Wait in `recv`."""
        try:
            self._socket.settimeout(_left(deadline))
            return self._socket.recv(_READ_SIZE)
        except TimeoutError:
            raise TimedOut("the peer sent nothing in time") from None
        except OSError as error:
            raise Disconnected(f"the connection broke: {error}") from error

    async def write(self, data: bytes, deadline: float) -> None:
        """Wait in `sendall`, whose time limit is for all of the data."""
        try:
            self._socket.settimeout(_left(deadline))
            self._socket.sendall(data)
        except TimeoutError:
            raise TimedOut("the peer took no data in time") from None
        except OSError as error:
            raise Disconnected(f"the connection broke: {error}") from error

    def has_input(self) -> bool:
        """Ask the kernel; a socket that is gone counts as ended."""
        try:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(0))
        except (OSError, ValueError):
            return True

    def close(self) -> None:
        """Close the socket; the kernel sends what is left."""
        with contextlib.suppress(OSError):
            self._socket.close()


class _ThreadGate(Gate):
    def __init__(self, places: int) -> None:
        self._semaphore = threading.BoundedSemaphore(places)

    async def enter(self, deadline: float) -> None:
        left = max(0.0, deadline - time.monotonic())
        if not self._semaphore.acquire(timeout=left):
            raise TimedOut("no connection became free in time", phase=Phase.CONNECT)

    def leave(self) -> None:
        self._semaphore.release()


def _connected(
    family: int, kind: int, protocol: int, address: Any, patience: float
) -> socket.socket:
    connection = socket.socket(family, kind, protocol)
    try:
        connection.settimeout(patience)
        connection.connect(address)
        if family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        # To a socket, a limit of 0 would mean not to wait at all, which is no timeout.
        raise TimeoutError
    return left


def _address(name: Any) -> str:
    try:
        address = name()
    except OSError:
        return ""
    # That of a Unix domain socket is a path.
    return str(address[0]) if isinstance(address, tuple) else ""
