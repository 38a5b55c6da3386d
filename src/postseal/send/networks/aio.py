"""The asyncio network: streams that suspend, for clients and for listeners.

Not built on `asyncio.StreamReader`: the code above must know which octets arrived before a TLS
handshake, and nothing may be read ahead of it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final, TypeVar, cast

from postseal.errors import ConnectError, Disconnected, LocalProtocolError, Phase, TimedOut
from postseal.send.networks.happy_eyeballs import in_turn
from postseal.send.networks.lookup import LookUp, Lookups, Place, ask_system
from postseal.send.networks.network import Attendant, Gate, IPAddress, Network, Stream
from postseal.send.networks.racing import race

__all__ = ["AsyncioNetwork", "AsyncioStream", "listen"]

T = TypeVar("T")

_READ_SIZE: Final = 64 * 1024
# Reading pauses above this many octets that nobody has taken.
_HIGH_WATER = 256 * 1024
# What is smaller waits for the end of the loop's turn, and leaves together with what the other
# connections have to say: a peer process is woken once for all of them, not once for each.
_SMALL = 16 * 1024
# How long a peer may take to fetch what was written before the close.
_LINGER = 10.0

_NO_DATA = "the peer sent nothing in time"
_NOT_TAKEN = "the peer took no data in time"


class AsyncioNetwork(Network):
    """Streams over the running event loop, from `local_address` where one is given.

    Names are looked up by `look_up`, in threads that the loop does not wait for at its end.
    """

    def __init__(
        self, *, local_address: IPAddress | None = None, look_up: LookUp = ask_system
    ) -> None:
        self._lookups = Lookups(look_up)
        self._local = None if local_address is None else (str(local_address), 0)

    def now(self) -> float:
        """The loop's clock."""
        return asyncio.get_running_loop().time()

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        """Race the addresses of the host by Happy Eyeballs (RFC 8305)."""
        places = await self._lookups.find(host, port, addresses, partial(_result, deadline))
        attempts = [partial(self._connected, place) for place in in_turn(places)]
        try:
            async with asyncio.timeout_at(deadline):
                return await race(attempts, discard=AsyncioStream.abort)
        except TimeoutError:
            raise TimedOut("connecting took too long", phase=Phase.CONNECT) from None
        except OSError as error:
            raise ConnectError(
                f"port {port} of {host} cannot be reached: {error}", phase=Phase.CONNECT
            ) from error

    async def connect_unix(self, path: str, deadline: float) -> Stream:
        """Suspend until the listener takes the connection."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(deadline):
                _, stream = await loop.create_unix_connection(AsyncioStream, path)
        except TimeoutError:
            raise TimedOut("connecting took too long", phase=Phase.CONNECT) from None
        except OSError as error:
            raise ConnectError(
                f"the socket {path} cannot be reached: {error}", phase=Phase.CONNECT
            ) from error
        return stream

    def gate(self, places: int) -> Gate:
        """A gate for the tasks of one event loop."""
        return _TaskGate(places)

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep`."""
        await asyncio.sleep(seconds)

    async def run_blocking(self, work: Callable[[], T]) -> T:
        """Call it in a thread of the loop's executor."""
        return await asyncio.to_thread(work)

    async def _connected(self, place: Place) -> AsyncioStream:
        _, stream = await asyncio.get_running_loop().create_connection(
            AsyncioStream, place.host, place.port, local_addr=self._local
        )
        return stream


class _Buffers(threading.local):
    """Where the event loop of a thread reads to, before a stream takes what is its own.

    Without it asyncio makes room for 256 KiB at each read, and the system has to find the memory
    anew each time: up to two fifths of the work for a short message.
    """

    def __init__(self) -> None:
        self.shared = memoryview(bytearray(_READ_SIZE))


_buffers: Final = _Buffers()


class AsyncioStream(asyncio.BufferedProtocol, Stream):
    """A connection of the event loop, read and written by one task at a time."""

    def __init__(self, on_connect: Callable[[AsyncioStream], None] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_connect = on_connect
        self._arrived: list[bytes] = []
        self._arrived_size = 0
        self._reading_paused = False
        self._unsent = bytearray()
        self._writing_paused = False
        self._ended = False
        self._error: Exception | None = None
        self._hear: Attendant | None = None
        self._next_due: Callable[[], float] | None = None
        self._reader: asyncio.Future[bool] | None = None
        self._writer: asyncio.Future[bool] | None = None
        self._waiting: asyncio.Future[bool] | None = None
        self._due = 0.0
        self._late = ""
        self._alarm: asyncio.TimerHandle | None = None

    # -- what the code above calls --------------------------------------------------------------

    @property
    def peer_address(self) -> str:
        """The peer's IP address in text."""
        return _host(self._transport.get_extra_info("peername"))

    @property
    def local_address(self) -> str:
        """Our own IP address in text."""
        return _host(self._transport.get_extra_info("sockname"))

    async def read(self, deadline: float) -> bytes:
        """Suspend until something arrives."""
        if self._arrived:
            # The timer of a wait loses against a peer that sends without a pause.
            self._check_time(deadline, _NO_DATA)
        while not self._arrived:
            if self._error is not None:
                raise Disconnected(f"the connection broke: {self._error}") from self._error
            if self._ended:
                return b""
            self._reader = self._expect(deadline, _NO_DATA)
            await self._reader
        arrived = self._arrived
        data = arrived[0] if len(arrived) == 1 else b"".join(arrived)
        arrived.clear()
        self._arrived_size = 0
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes, deadline: float) -> None:
        """Hand the data to the loop; suspend while too much is under way."""
        self._check_time(deadline, _NOT_TAKEN)
        self._check_writable()
        self._post(data)
        if self._writing_paused:
            await self._wait_for_room(deadline)

    async def attend(self, hear: Attendant, due: Callable[[], float]) -> None:
        """Answer in the turn of the loop that brings the octets, without waking the task."""
        while True:
            if self._arrived or self._ended or self._writing_paused:
                await self._wait_for_room(due())
                if (answer := hear(await self.read(due()))) is None:
                    return
                await self.write(answer, due())
                continue
            self._hear, self._next_due = hear, due
            self._reader = self._expect(due(), _NO_DATA)
            try:
                if await self._reader:
                    return
            finally:
                self._hear = None

    def has_input(self) -> bool:
        """True when something arrived or the connection ended."""
        return bool(self._arrived) or self._ended or self._transport.is_closing()

    def close(self) -> None:
        """Close after what was written is sent, or the peer did not take it for ten seconds."""
        self._send()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            # A peer that stops reading would keep the connection open for ever.
            self._loop.call_later(_LINGER, self._transport.abort)

    def interrupt(self) -> None:
        """Make a read that waits raise `TimedOut` now."""
        if self._reader is not None:
            _expire(self._reader, "the wait was cut short")

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._unsent.clear()
        self._transport.abort()

    def abandon(self) -> None:
        """Put another file in the socket's place: the transport may not be touched any more.

        Its loop is closed, or shares what it waits by with that of the parent process.
        """
        number = self._transport.get_extra_info("socket").fileno()
        if number >= 0:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number, inheritable=False)
            os.close(null)

    # -- what the event loop calls --------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; tell the listener, if there is one."""
        self._transport = cast(asyncio.Transport, transport)
        if self._on_connect is not None:
            self._on_connect(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the buffer of all streams: an event loop fills it and tells so in one go."""
        return _buffers.shared

    def buffer_updated(self, nbytes: int) -> None:
        """Keep the data for the reader, and hold the peer back when it is too much."""
        data = bytes(_buffers.shared[:nbytes])
        if self._hear is not None and not self._arrived:
            self._answer(data, self._hear)
            return
        self._arrived.append(data)
        self._arrived_size += len(data)
        if self._arrived_size > _HIGH_WATER and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        """The peer sends no more; we may still have to say something."""
        self._ended = True
        _wake(self._reader)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._ended = True
        self._error = exc
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """The transport's buffer has room again."""
        self._writing_paused = False
        _wake(self._writer)

    # -----------------------------------------------------------------------------------------

    def _answer(self, data: bytes, hear: Attendant) -> None:
        try:
            answer = hear(data)
        except Exception as error:  # noqa: BLE001
            # It is the business of who attends, not of the event loop.
            self._hear = None
            if self._reader is not None and not self._reader.done():
                self._reader.set_exception(error)
            return
        if answer is None:
            self._hear = None
            _wake(self._reader, asked=True)
            return
        if self._next_due is not None:
            self._due = self._next_due()
        self._post(answer)
        if self._writing_paused:
            self._hear = None
            _wake(self._reader)

    def _post(self, data: bytes) -> None:
        if not data:
            return
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent += data
        if len(self._unsent) > _SMALL:
            self._send()

    async def _wait_for_room(self, deadline: float) -> None:
        try:
            while self._writing_paused:
                self._writer = self._expect(deadline, _NOT_TAKEN)
                await self._writer
                self._check_writable()
        except BaseException:
            # What the peer did not take until now is not kept for it any longer.
            self._transport.abort()
            raise

    def _expect(self, deadline: float, late: str) -> asyncio.Future[bool]:
        """Make the event to be awaited now; it fails with `TimedOut` at the deadline."""
        self._waiting = event = self._loop.create_future()
        self._due, self._late = deadline, late
        if self._alarm is None or deadline < self._alarm.when():
            self._set_alarm()
        return event

    def _send(self) -> None:
        if self._unsent and not self._transport.is_closing():
            data, self._unsent = self._unsent, bytearray()
            self._transport.write(data)

    def _set_alarm(self) -> None:
        # One timer a connection, moved when it rings too early: most waits are over long before,
        # and a timer for each of them would cost as much as the reading.
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._waiting is None or self._waiting.done():
            return
        if self._loop.time() < self._due:
            self._set_alarm()
        else:
            _expire(self._waiting, self._late)

    def _check_time(self, deadline: float, late: str) -> None:
        if self._loop.time() >= deadline:
            raise TimedOut(late)

    def _check_writable(self) -> None:
        if self._transport.is_closing():
            raise Disconnected(f"the connection broke: {self._error or 'it is closed'}")


async def listen(
    address: str, port: int, serve: Callable[[AsyncioStream], Awaitable[None]]
) -> asyncio.Server:
    """Accept connections and run `serve` for each as a task of its own; port 0 takes a free one.

    `serve` closes the stream. Closing the server ends the listening, not what was accepted.
    """
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def handle(stream: AsyncioStream) -> None:
        await serve(stream)

    def accepted(stream: AsyncioStream) -> None:
        task = loop.create_task(handle(stream))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return await loop.create_server(lambda: AsyncioStream(accepted), address, port, backlog=1024)


class _TaskGate(Gate):
    def __init__(self, places: int) -> None:
        self._semaphore = asyncio.BoundedSemaphore(places)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def enter(self, deadline: float) -> None:
        self.check_home()
        if not self._semaphore.locked():
            await self._semaphore.acquire()
            return
        try:
            async with asyncio.timeout_at(deadline):
                await self._semaphore.acquire()
        except TimeoutError:
            raise TimedOut("no connection became free in time", phase=Phase.CONNECT) from None

    def leave(self) -> None:
        self._semaphore.release()

    def is_over(self) -> bool:
        return self._loop is not None and self._loop.is_closed()

    def check_home(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if loop is not self._loop:
            raise LocalProtocolError(
                "the connections belong to another event loop, which has not ended",
                phase=Phase.CONNECT,
                hint="Make an AsyncMailer for each event loop.",
            )


async def _result(deadline: float, lookup: Future[Sequence[Place]]) -> Sequence[Place]:
    async with asyncio.timeout_at(deadline):
        return await asyncio.wrap_future(lookup)


def _wake(event: asyncio.Future[bool] | None, *, asked: bool = False) -> None:
    if event is not None and not event.done():
        event.set_result(asked)


def _expire(event: asyncio.Future[bool], late: str) -> None:
    if not event.done():
        event.set_exception(TimedOut(late))


def _host(name: object) -> str:
    return str(name[0]) if isinstance(name, tuple) else ""
