"""Connections to the servers that mail goes to, shared by all deliveries of a worker."""

from __future__ import annotations

from typing import Final

from postseal.send.network import Network
from postseal.send.pool import Pool
from postseal.send.sessions import SessionCache
from postseal.serve.routing import Hop

__all__ = ["Destinations"]

# Postfix begins with 5 and goes up to 20; a receiver that sees more from one host slows it down.
_CONNECTIONS_EACH: Final = 10


class Destinations:
    """A pool for each hop in use; a hop's policy is part of what tells it from others.

    So a connection is never used for mail that asks for another TLS level, name or authority
    than it was opened with. TLS sessions outlive the pools and are kept apart in the same way.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._pools: dict[Hop, Pool] = {}
        self._sessions = SessionCache()

    def now(self) -> float:
        """The clock of deadlines."""
        return self._network.now()

    def pool(self, hop: Hop) -> Pool:
        """Give the hop's pool."""
        pool = self._pools.get(hop)
        if pool is None:
            pool = Pool(
                self._network,
                hop.endpoint,
                hop.options,
                max_connections=_CONNECTIONS_EACH,
                sessions=self._sessions,
            )
            self._pools[hop] = pool
        return pool

    async def sweep(self) -> None:
        """Close what idled for too long, and forget the hops that nothing is open to."""
        for hop, pool in tuple(self._pools.items()):
            await pool.drop_stale()
            if pool.is_empty:
                del self._pools[hop]

    async def close(self) -> None:
        """Say goodbye everywhere."""
        for pool in tuple(self._pools.values()):
            await pool.close()
        self._pools.clear()
