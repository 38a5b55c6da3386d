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
from postseal.audit.lab.wire import Wire

__all__ = ["HostileServer"]

_LOOPBACKS: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_ATTEMPTS: Final = 20
# A client that connects without end is not answered without end (promise 7).
_MAX_CONNECTIONS: Final = 200
_LAST_WORDS: Final = 0.5


class HostileServer:
    """Listens on all loopback addresses at one port of the system's choice; a context manager.

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
        sockets = _bind_alike()
        self.port = sockets[0].getsockname()[1]
        for bound in sockets:
            self._servers.append(await asyncio.start_server(self._accept, sock=bound))
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
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _bind_alike() -> list[socket.socket]:
    """Bind one port on each loopback address that the machine has."""
    for _ in range(_ATTEMPTS):
        bound: list[socket.socket] = []
        try:
            for family, address in _LOOPBACKS:
                port = bound[0].getsockname()[1] if bound else 0
                listening = socket.socket(family, socket.SOCK_STREAM)
                bound.append(listening)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.bind((address, port))
        except OSError:
            failed = bound.pop()
            failed.close()
            if failed.family is socket.AF_INET6 and not _has_ipv6():
                return bound
            for listening in bound:
                listening.close()
            continue
        return bound
    raise OSError("no port is free on all loopback addresses")


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
