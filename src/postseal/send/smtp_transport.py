"""The transport that is a server: messages over the connections of a pool."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from postseal.errors import Disconnected
from postseal.send.networks.network import Network
from postseal.send.outgoing import Outgoing
from postseal.send.pool import Pool
from postseal.send.rates import Pace
from postseal.send.results import Delivery
from postseal.send.session.connection import Connection
from postseal.send.session.transaction import Deliveries
from postseal.send.transport import (
    BEFORE_THE_BODY,
    Following,
    Lane,
    LaneTransport,
    Verification,
    nothing_follows,
)

__all__ = ["SMTPTransport"]

# A lane that waits for its next message for longer leaves its connection to the pool's judgement.
_PAUSE: Final = 1.0


class SMTPTransport(LaneTransport):
    """Hands messages to one server; `per_connection` is how many a second on each connection."""

    def __init__(
        self, network: Network, pool: Pool, *, per_connection: float | None = None
    ) -> None:
        self._network = network
        self._pool = pool
        self._per_connection = per_connection
        self._unlimited = Pace(network, None)
        self._paces: WeakKeyDictionary[Connection, Pace] = WeakKeyDictionary()

    @property
    def lanes(self) -> int:
        """As many as there may be connections."""
        return self._pool.limits.max_connections

    def lane(self) -> Lane:
        """A lane that keeps its connection, and announces a message behind the one before."""
        return _ConnectionLane(self._network, self._pool, self._pace)

    async def verify(self, *, deadline: float) -> Verification:
        """Open a connection, or take an open one, and tell what it is."""
        connection = await self._pool.take(deadline)
        try:
            return Verification(
                host=connection.endpoint.host,
                peer_address=connection.peer_address,
                tls=connection.tls,
                extensions=tuple(sorted(connection.extensions.parameters)),
            )
        finally:
            self._pool.put_back(connection)

    async def tend(self) -> None:
        """See `Pool.tend`."""
        await self._pool.tend()

    async def close(self) -> None:
        """Say QUIT on all connections that are idle."""
        await self._pool.close()

    def _pace(self, connection: Connection) -> Pace:
        if self._per_connection is None:
            return self._unlimited
        pace = self._paces.get(connection)
        if pace is None:
            pace = self._paces[connection] = Pace(self._network, self._per_connection)
        return pace


class _ConnectionLane(Lane):
    def __init__(self, network: Network, pool: Pool, pace: Callable[[Connection], Pace]) -> None:
        self._network = network
        self._pool = pool
        self._pace = pace
        self._connection: Connection | None = None
        self._deliveries: Deliveries | None = None
        self._since = 0.0

    async def deliver(
        self, outgoing: Outgoing, *, deadline: float, following: Following = nothing_follows
    ) -> Delivery:
        while True:
            connection, deliveries = await self._ready(deadline)
            await self._pace(connection).take(deadline=deadline)
            is_new = connection.usage.is_new
            try:
                return await deliveries.deliver(
                    outgoing, deadline=deadline, following=partial(self._following, following)
                )
            except Disconnected as error:
                # A server may close what was idle just as we begin to speak.
                if is_new or error.phase not in BEFORE_THE_BODY:
                    raise
            finally:
                self._since = self._network.now()

    def leave(self) -> None:
        if self._connection is not None:
            self._pool.put_back(self._connection)
            self._connection = self._deliveries = None

    async def _ready(self, deadline: float) -> tuple[Connection, Deliveries]:
        connection, deliveries = self._connection, self._deliveries
        if connection is not None and deliveries is not None:
            if connection.is_open and (deliveries.has_announced or self._may_stay(connection)):
                return connection, deliveries
            if connection.is_open and self._pool.is_spent(connection):
                await self._pool.quit(connection)
            self.leave()
        connection = await self._pool.take(deadline)
        deliveries = Deliveries(connection)
        self._connection, self._deliveries = connection, deliveries
        return connection, deliveries

    def _may_stay(self, connection: Connection) -> bool:
        paused = self._network.now() - self._since > _PAUSE
        return not paused and not self._pool.is_spent(connection)

    def _following(self, following: Following) -> Outgoing | None:
        """Give the message to come next, where it can come on this connection and at once."""
        connection = self._connection
        if connection is None or self._pool.is_spent(connection):
            return None
        return following() if self._pace(connection).is_free() else None
