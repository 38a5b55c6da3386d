"""The blocking network: plain sockets and threads, with no event loop."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from postseal.errors import ConnectError, Disconnected, Phase, TimedOut
from postseal.send.networks.happy_eyeballs import in_turn
from postseal.send.networks.lookup import LookUp, Lookups, ask_system
from postseal.send.networks.network import Gate, IPAddress, Network, Stream
from postseal.send.networks.staggered import connect_first

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["BlockingNetwork", "iterate", "result_by", "run"]

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


def iterate(generator: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """Drive an asynchronous generator over the blocking network; close it when closed."""
    try:
        while True:
            try:
                yield run(anext(generator))
            except StopAsyncIteration:
                return
    finally:
        run(generator.aclose())


class BlockingNetwork(Network):
    """Streams over sockets of the operating system, waiting in the calling thread.

    They come from `local_address` where one is given. Names are looked up by `look_up`.
    """

    def __init__(
        self, *, local_address: IPAddress | None = None, look_up: LookUp = ask_system
    ) -> None:
        self._lookups = Lookups(look_up)
        self._local = None if local_address is None else str(local_address)

    def now(self) -> float:
        """`time.monotonic`."""
        return time.monotonic()

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        """Race the addresses of the host by Happy Eyeballs (RFC 8305)."""
        places = await self._lookups.find(host, port, addresses, partial(result_by, deadline))
        try:
            connection = connect_first(
                in_turn(places), deadline=deadline, local_address=self._local
            )
        except TimeoutError:
            raise TimedOut("connecting took too long", phase=Phase.CONNECT) from None
        except OSError as error:
            raise ConnectError(
                f"port {port} of {host} cannot be reached: {error}", phase=Phase.CONNECT
            ) from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return BlockingStream(connection)

    async def connect_unix(self, path: str, deadline: float) -> Stream:
        """Wait in `connect`."""
        try:
            return BlockingStream(_connected(path, _left(deadline)))
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

    async def sleep(self, seconds: float) -> None:
        """`time.sleep`."""
        time.sleep(max(0.0, seconds))  # noqa: ASYNC251

    async def run_blocking(self, work: Callable[[], T]) -> T:
        """Call it: whoever uses this network waits in a thread of their own."""
        return work()


class BlockingStream(Stream):
    """A connected socket, waited for by `poll`: its own time limit costs two more system calls."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._input = _poll(connection, select.POLLIN)
        self._room = _poll(connection, select.POLLOUT)

    @property
    def peer_address(self) -> str:
        """The peer's IP address in text."""
        return _address(self._socket.getpeername)

    @property
    def local_address(self) -> str:
        """Our own IP address in text."""
        return _address(self._socket.getsockname)

    async def read(self, deadline: float) -> bytes:
        """Wait until something is there."""
        while self._is_open():
            if not _wait(self._input, deadline):
                raise TimedOut("the peer sent nothing in time")
            try:
                return self._socket.recv(_READ_SIZE)
            except BlockingIOError:
                # The kernel thought better of it (select(2), BUGS).
                continue
            except OSError as error:
                raise Disconnected(f"the connection broke: {error}") from error
        raise Disconnected("the connection is closed")

    async def write(self, data: bytes, deadline: float) -> None:
        """Wait until all of the data is the kernel's."""
        left = memoryview(data)
        while self._is_open():
            if time.monotonic() >= deadline:
                raise TimedOut("the peer took no data in time")
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                _wait(self._room, deadline)
            except OSError as error:
                raise Disconnected(f"the connection broke: {error}") from error
            if not left:
                return
        raise Disconnected("the connection is closed")

    def has_input(self) -> bool:
        """Ask the kernel; a socket that is gone counts as ended."""
        return not self._is_open() or bool(self._input.poll(0))

    def close(self) -> None:
        """Close the socket; the kernel sends what is left."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def _is_open(self) -> bool:
        # The number of a closed socket may be another's by now.
        return self._socket.fileno() >= 0


class _ThreadGate(Gate):
    def __init__(self, places: int) -> None:
        self._semaphore = threading.BoundedSemaphore(places)

    async def enter(self, deadline: float) -> None:
        left = max(0.0, deadline - time.monotonic())
        if not self._semaphore.acquire(timeout=left):
            raise TimedOut("no connection became free in time", phase=Phase.CONNECT)

    def leave(self) -> None:
        self._semaphore.release()


async def result_by(deadline: float, lookup: Future[T]) -> T:
    """Wait for what a thread makes, in the calling thread; `TimeoutError` at the deadline."""
    return lookup.result(max(0.0, deadline - time.monotonic()))


def _connected(path: str, patience: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(patience)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _poll(connection: socket.socket, event: int) -> select.poll:
    poll = select.poll()
    poll.register(connection, event)
    return poll


def _wait(poll: select.poll, deadline: float) -> bool:
    """Wait for the event, or an end; tell whether it came in time."""
    left = deadline - time.monotonic()
    # Rounded up: a wait that is too short would be repeated until the deadline has passed.
    return left > 0 and bool(poll.poll(math.ceil(left * 1000)))


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
