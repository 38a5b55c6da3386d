"""A hostile server on loopback, for one client in one case."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from types import TracebackType
from typing import Final, Self

from postseal.audit.lab.case import Case
from postseal.audit.lab.conversation import Conversation, Scene
from postseal.audit.lab.records import Connection, Record
from postseal.audit.lab.wire import Hearing, Wire

__all__ = ["HostileServer", "PortsTaken"]

_LOOPBACKS: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_ATTEMPTS: Final = 20
# A client that connects without end is not answered without end (promise 7).
_MAX_CONNECTIONS: Final = 200
_LAST_WORDS: Final = 0.5


class PortsTaken(Exception):
    """A port that the case needs is not to be had."""


class HostileServer:
    """Listens on all loopback addresses at one port of the system's choice; a context manager.

    Besides it, at those that the case names; entering raises `PortsTaken` where one is not free.
    Leaving it breaks every conversation off. `record` holds what was seen.
    """

    def __init__(self, case: Case, scene: Scene) -> None:
        self.record = Record()
        self.port = 0
        self._case = case
        self._scene = scene
        self._servers: list[asyncio.Server] = []
        self._conversations: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        sockets = self._bind()
        self.port = sockets[0].getsockname()[1]
        for bound in sockets:
            loop = asyncio.get_running_loop()
            self._servers.append(await loop.create_server(self._protocol, sock=bound))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for server in self._servers:
            server.close()
        if self._conversations:
            # What the client said last may still be on its way.
            await asyncio.wait(self._conversations, timeout=_LAST_WORDS)
        for task in tuple(self._conversations):
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _bind(self) -> list[socket.socket]:
        sockets: list[socket.socket] = []
        try:
            sockets += _bind_alike()
            for port in self._case.also_on:
                sockets += _bind_all(port)
        except OSError as error:
            for bound in sockets:
                bound.close()
            raise PortsTaken(f"the case listens there, too: {error}") from error
        return sockets

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        reader = Hearing(loop=asyncio.get_running_loop())
        return asyncio.StreamReaderProtocol(reader, self._accept)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.record.connections)
        if number >= _MAX_CONNECTIONS:
            writer.close()
            return
        connection = Connection(number)
        self.record.connections.append(connection)
        wire = Wire(reader, writer, connection)
        conversation = Conversation(wire, self._case.server(number), self._scene)
        task = asyncio.ensure_future(conversation.run())
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)
        try:
            await task
        except asyncio.CancelledError:
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, it is no merit of the client
            self.record.fault = f"{type(error).__name__}: {error}"


def _bind_alike() -> list[socket.socket]:
    """Bind one port of the system's choice on each loopback address that the machine has."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(OSError):
            return _bind_all(0)
    raise OSError("no port is free on all loopback addresses")


def _bind_all(port: int) -> list[socket.socket]:
    """Bind `port`, or with 0 a free one, on each loopback address that the machine has."""
    bound: list[socket.socket] = []
    try:
        for family, address in _LOOPBACKS if _has_ipv6() else _LOOPBACKS[:1]:
            listening = socket.socket(family, socket.SOCK_STREAM)
            bound.append(listening)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((address, port or bound[0].getsockname()[1]))
            # Two may bind a port, and only one may listen.
            listening.listen()
    except OSError as error:
        for listening in bound:
            listening.close()
        raise OSError(f"port {port}: {error.strerror}") from error
    return bound


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
