"""Open connections to one endpoint, kept for the next message."""

from __future__ import annotations

from dataclasses import dataclass

from postseal.errors import InvalidSetting
from postseal.send.connection import Connection, ConnectionOptions
from postseal.send.endpoint import Endpoint
from postseal.send.network import Network

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

    A connection is handed to one user at a time. One that idled for too long, or on which
    anything arrived meanwhile, is replaced before a message touches it.
    """

    def __init__(
        self,
        network: Network,
        endpoint: Endpoint,
        options: ConnectionOptions,
        *,
        max_connections: int,
    ) -> None:
        if max_connections < 1:
            raise InvalidSetting("max_connections must be at least 1")
        self._network = network
        self._endpoint = endpoint
        self._options = options
        self._gate = network.gate(max_connections)
        self._idle: list[_Idle] = []
        self._taken = 0

    @property
    def is_empty(self) -> bool:
        """True when no connection is open or being opened."""
        return not self._idle and not self._taken

    async def take(self, deadline: float) -> Connection:
        """Get a connection that is ready for a message; give it back with `put_back`."""
        await self._gate.enter(deadline)
        self._taken += 1
        try:
            while self._idle:
                # The newest is the likeliest to be alive.
                idle = self._idle.pop()
                if not self._is_stale(idle):
                    return idle.connection
                idle.connection.close()
            return await Connection.open(
                self._network, self._endpoint, self._options, deadline=deadline
            )
        except BaseException:
            self._leave()
            raise

    def put_back(self, connection: Connection) -> None:
        """Return a connection, whatever became of it."""
        if connection.is_usable:
            self._idle.append(_Idle(connection, self._network.now()))
        else:
            connection.close()
        self._leave()

    async def drop_stale(self) -> None:
        """Say QUIT on what idled for too long."""
        stale = [idle for idle in self._idle if self._is_stale(idle)]
        self._idle = [idle for idle in self._idle if idle not in stale]
        for idle in stale:
            await self._quit(idle)

    async def close(self) -> None:
        """Say QUIT on all that are idle."""
        while self._idle:
            await self._quit(self._idle.pop())

    async def _quit(self, idle: _Idle) -> None:
        limit = self._network.now() + _GOODBYE
        await idle.connection.quit(deadline=limit)

    def _is_stale(self, idle: _Idle) -> bool:
        too_old = self._network.now() - idle.since >= _MAX_IDLE
        return too_old or not idle.connection.is_usable

    def _leave(self) -> None:
        self._taken -= 1
        self._gate.leave()
