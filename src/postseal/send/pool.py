"""Open connections to one endpoint, kept for the next message."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from postseal.errors import InvalidSetting, MailError, Phase
from postseal.send.connection import Connection, ConnectionOptions
from postseal.send.endpoint import Endpoint
from postseal.send.network import Network
from postseal.send.sessions import SessionCache

__all__ = ["Pool"]

# Servers close what idles; RFC 5321 4.5.3.2.7 lets them after five minutes, many do earlier.
_MAX_IDLE = 60.0
_GOODBYE = 5.0


@dataclass(frozen=True, slots=True)
class _Idle:
    connection: Connection
    since: float


class Pool:
    """At most `max_connections` connections, all with one endpoint and one set of options.

    A connection is handed to one user at a time; the users may be threads. One that idled for too
    long, or on which anything arrived meanwhile, is replaced before a message touches it. After
    `close`, none is kept any more. New ones resume the TLS sessions in `sessions`, which several
    pools may share.
    """

    def __init__(
        self,
        network: Network,
        endpoint: Endpoint,
        options: ConnectionOptions,
        *,
        max_connections: int,
        sessions: SessionCache | None = None,
    ) -> None:
        if max_connections < 1:
            raise InvalidSetting("max_connections must be at least 1")
        self._network = network
        self._endpoint = endpoint
        self._options = options
        self._sessions = sessions or SessionCache()
        self._gate = network.gate(max_connections)
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._taken = 0
        self._is_closed = False

    @property
    def is_empty(self) -> bool:
        """True when no connection is open or being opened."""
        return not self._idle and not self._taken

    async def take(self, deadline: float) -> Connection:
        """Get a connection that is ready for a message; give it back with `put_back`."""
        try:
            await self._gate.enter(deadline)
        except MailError as error:
            error.at(phase=Phase.CONNECT, host=self._endpoint.host)
            raise
        with self._lock:
            self._taken += 1
        try:
            while (idle := self._pop()) is not None:
                if not self._is_stale(idle):
                    return idle.connection
                idle.connection.close()
            return await Connection.open(
                self._network,
                self._endpoint,
                self._options,
                deadline=deadline,
                sessions=self._sessions,
            )
        except BaseException:
            self._leave()
            raise

    def put_back(self, connection: Connection) -> None:
        """Return a connection, whatever became of it."""
        usable = connection.is_usable
        with self._lock:
            kept = usable and not self._is_closed
            if kept:
                self._idle.append(_Idle(connection, self._network.now()))
        if not kept:
            connection.close()
        self._leave()

    async def drop_stale(self) -> None:
        """Say QUIT on what idled for too long."""
        with self._lock:
            stale = [idle for idle in self._idle if self._is_stale(idle)]
            self._idle = [idle for idle in self._idle if idle not in stale]
        for idle in stale:
            await self._quit(idle)

    async def close(self) -> None:
        """Say QUIT on all that are idle."""
        with self._lock:
            self._is_closed = True
        while (idle := self._pop()) is not None:
            await self._quit(idle)

    def _pop(self) -> _Idle | None:
        # The newest is the likeliest to be alive.
        with self._lock:
            return self._idle.pop() if self._idle else None

    async def _quit(self, idle: _Idle) -> None:
        limit = self._network.now() + _GOODBYE
        await idle.connection.quit(deadline=limit)

    def _is_stale(self, idle: _Idle) -> bool:
        too_old = self._network.now() - idle.since >= _MAX_IDLE
        return too_old or not idle.connection.is_usable

    def _leave(self) -> None:
        with self._lock:
            self._taken -= 1
        self._gate.leave()
