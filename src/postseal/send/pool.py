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

    async def take(self, deadline: float) -> Connection:
        """Get a connection that is ready for a message; give it back with `put_back`."""
        await self._gate.enter(deadline)
        try:
            while self._idle:
                # The newest is the likeliest to be alive.
                idle = self._idle.pop()
                fresh = self._network.now() - idle.since < _MAX_IDLE
                if fresh and idle.connection.is_usable:
                    return idle.connection
                idle.connection.close()
            return await Connection.open(
                self._network, self._endpoint, self._options, deadline=deadline
            )
        except BaseException:
            self._gate.leave()
            raise

    def put_back(self, connection: Connection) -> None:
        """Return a connection, whatever became of it."""
        if connection.is_usable:
            self._idle.append(_Idle(connection, self._network.now()))
        else:
            connection.close()
        self._gate.leave()

    async def close(self) -> None:
        """Say QUIT on the idle connections."""
        while self._idle:
            idle = self._idle.pop()
            limit = self._network.now() + self._options.timeouts.command
            await idle.connection.quit(deadline=limit)
