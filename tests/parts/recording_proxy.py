"""A TCP proxy that keeps every byte of both directions, and can fail on request.

What it recorded is what somebody on the path would have seen: tests search it for what must not
be there.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Self

from tests.parts.ports import LOOPBACK, ReservedPort

_PIECE = 65536
# l_onoff, l_linger: closing sends a reset, as a broken path does (socket(7)).
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@unique
class Direction(Enum):
    """Who said it."""

    FROM_CLIENT = "client"
    FROM_SERVER = "server"


@dataclass(frozen=True, slots=True)
class Path:
    """How the way through the proxy behaves.

    Each piece waits `delay` seconds before it goes on. When `cut_after` bytes from the client have
    gone on, the next one makes both ends get a reset.
    """

    delay: float = 0.0
    cut_after: int | None = None


@dataclass(slots=True)
class Conversation:
    """The bytes of one connection, in the order in which the proxy got them."""

    pieces: list[tuple[Direction, bytes]] = field(default_factory=list)

    @property
    def from_client(self) -> bytes:
        """All that the client sent."""
        return self._said(Direction.FROM_CLIENT)

    @property
    def from_server(self) -> bytes:
        """All that the server sent."""
        return self._said(Direction.FROM_SERVER)

    def _said(self, direction: Direction) -> bytes:
        return b"".join(data for who, data in list(self.pieces) if who is direction)


class RecordingProxy:
    """Listens on a port of its own from `start` to exit and passes connections on to a server.

    Before `start` it refuses connections; while the server at `upstream`, a loopback port, refuses
    them, its clients get a reset. `path` holds for the connections made after it was set.
    """

    def __init__(self, upstream: int) -> None:
        self.path = Path()
        self.conversations: list[Conversation] = []
        self._upstream = upstream
        self._reserved = ReservedPort()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The loopback port to connect to."""
        return self._reserved.number

    def recorded(self) -> bytes:
        """All bytes of all conversations, each direction of each in one piece."""
        return b"\0".join(
            data
            for talk in list(self.conversations)
            for data in (talk.from_client, talk.from_server)
        )

    def start(self) -> None:
        """Accept connections from now on."""
        listening = asyncio.start_server(self._connected, *self._reserved.address)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._reserved.close()

    async def _end(self) -> None:
        if self._server:
            self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            from_server, to_server = await asyncio.open_connection(LOOPBACK, self._upstream)
            ends.append(to_server)
            talk = Conversation()
            self.conversations.append(talk)
            path = self.path
            async with asyncio.TaskGroup() as both:
                both.create_task(_relay(talk, path, Direction.FROM_CLIENT, reader, to_server))
                both.create_task(_relay(talk, path, Direction.FROM_SERVER, from_server, writer))
        except* OSError:
            # Either end may go at any time, or the path is cut: then both go.
            for end in ends:
                raw: socket.socket = end.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        finally:
            for end in ends:
                end.transport.abort()


async def _relay(
    talk: Conversation,
    path: Path,
    who: Direction,
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
) -> None:
    left = path.cut_after if who is Direction.FROM_CLIENT else None
    while piece := await source.read(_PIECE):
        talk.pieces.append((who, piece))
        await asyncio.sleep(path.delay)
        sink.write(piece[:left])
        await sink.drain()
        if left is not None:
            left -= len(piece)
            if left < 0:
                raise ConnectionResetError("the path is cut here")
    with contextlib.suppress(OSError):
        sink.write_eof()
