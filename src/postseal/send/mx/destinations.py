"""Connections to the servers that mail goes to, whichever they turn out to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakSet

from postseal.errors import MailError
from postseal.send.mx.ways import Way, is_shortfall
from postseal.send.networks.network import Network
from postseal.send.pool import Pool
from postseal.send.pool_options import PoolOptions
from postseal.send.session.connection import Connection
from postseal.send.session.sessions import SessionCache

__all__ = ["Destinations"]

# Postfix begins with 5 and goes up to 20; a receiver that sees more from one host slows it down.
_CONNECTIONS_EACH: Final = 10


class Destinations:
    """A pool for each way in use; its policy is part of what tells a way from others.

    So a connection is never used for mail that asks for another TLS level, name, authority or
    address than it was opened with. TLS sessions outlive the pools and are kept apart in the same
    way. `limits` are those of each pool.
    """

    def __init__(self, network: Network, *, limits: PoolOptions | None = None) -> None:
        self._network = network
        self._limits = limits or PoolOptions(max_connections=_CONNECTIONS_EACH)
        self._pools: dict[Way, Pool] = {}
        self._known: WeakSet[Connection] = WeakSet()
        self._sessions = SessionCache()

    def now(self) -> float:
        """The clock of deadlines."""
        return self._network.now()

    def pool(self, way: Way) -> Pool:
        """Give the way's pool."""
        pool = self._pools.get(way)
        if pool is None:
            pool = Pool(
                self._network,
                way.endpoint,
                way.options,
                limits=self._limits,
                sessions=self._sessions,
            )
            self._pools[way] = pool
        return pool

    async def take(
        self, ways: Sequence[Way], *, deadline: float, note: Callable[[MailError], None]
    ) -> tuple[Pool, Connection]:
        """Get a connection by the first of the ways that succeeds, and the pool to return it to.

        `note` is told of each way by which TLS failed. Raises what `Pool.take` does: for the last
        way, or for what is no shortfall.
        """
        *wishes, last = ways
        for way in wishes:
            pool = self.pool(way)
            try:
                return pool, await pool.take(deadline)
            except MailError as error:
                if not is_shortfall(error):
                    raise
                note(error)
        pool = self.pool(last)
        return pool, await pool.take(deadline)

    def is_first_use(self, connection: Connection) -> bool:
        """Tell whether a connection carries its first message: asked once, for each use of it."""
        if connection in self._known:
            return False
        self._known.add(connection)
        return True

    async def sweep(self) -> None:
        """Close what idled for too long, and forget the ways that nothing is open to."""
        for way, pool in tuple(self._pools.items()):
            await pool.drop_stale()
            if pool.is_empty:
                del self._pools[way]

    async def close(self) -> None:
        """Say goodbye everywhere."""
        for pool in tuple(self._pools.values()):
            await pool.close()
        self._pools.clear()
