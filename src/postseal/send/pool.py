"""Open connections to one endpoint, kept for the next message."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakSet

from postseal.errors import MailError, Phase, TimedOut
from postseal.send.endpoint import Endpoint
from postseal.send.networks.network import Gate, Network
from postseal.send.pool_options import PoolOptions
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.send.session.sessions import SessionCache

__all__ = ["Pool"]

_GOODBYE: Final = 5.0


@dataclass(slots=True)
class _Holdings:
    """What is open; replaced as a whole where it is another process's or event loop's."""

    gate: Gate
    lock: threading.Lock = field(default_factory=threading.Lock)
    idle: list[Connection] = field(default_factory=list)
    taken: set[Connection] = field(default_factory=set)
    opening: int = 0

    @property
    def count(self) -> int:
        return len(self.idle) + len(self.taken) + self.opening


class Pool:
    """At most `max_connections` connections, all with one endpoint and one set of options.

    A connection is handed to one user at a time; the users may be threads, or tasks of one event
    loop. One that is too old, or on which anything arrived while it was idle, is replaced before a
    message touches it. After `close`, none is kept any more. New ones resume the TLS sessions in
    `sessions`, which several pools may share.

    A child process that was forked begins with an empty pool: what its parent has open stays the
    parent's. So does a new event loop once the one before has been closed; while that is open,
    `take` raises `LocalProtocolError` in another.
    """

    def __init__(
        self,
        network: Network,
        endpoint: Endpoint,
        options: ConnectionOptions,
        *,
        limits: PoolOptions | None = None,
        sessions: SessionCache | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.limits = limits or PoolOptions()
        self._network = network
        self._options = options
        self._sessions = sessions or SessionCache()
        self._is_closed = False
        self._has = self._nothing()
        _pools.add(self)

    @property
    def is_empty(self) -> bool:
        """True when no connection is open or being opened."""
        return not self._has.count

    async def take(self, deadline: float) -> Connection:
        """Get a connection that is ready for a message; give it back with `put_back`."""
        has = await self._enter(deadline)
        return self._pop_usable(has) or await self._open(has, deadline)

    def put_back(self, connection: Connection) -> None:
        """Return a connection, whatever became of it."""
        has = self._has
        with has.lock:
            if connection not in has.taken:
                # It was abandoned meanwhile: another process's, or another event loop's.
                return
        connection.usage.idle_since = self._network.now()
        usable = connection.is_usable and not self.is_spent(connection)
        with has.lock:
            has.taken.remove(connection)
            kept = usable and not self._is_closed
            if kept:
                has.idle.append(connection)
        if not kept:
            connection.close()
        has.gate.leave()

    def is_spent(self, connection: Connection) -> bool:
        """Tell whether a connection has carried enough, or for long enough."""
        limits, usage = self.limits, connection.usage
        if limits.max_messages is not None and usage.messages >= limits.max_messages:
            return True
        return self._network.now() - usage.opened_at >= limits.max_lifetime

    async def tend(self) -> None:
        """Say QUIT on what idled for too long, and open what `min_idle` lacks.

        Raises what opening raises.
        """
        await self.drop_stale()
        while self._lacks_idle():
            now = self._network.now()
            try:
                has = await self._enter(now + _GOODBYE)
            except TimedOut:
                # Others were quicker: there is nothing to keep for them.
                return
            self.put_back(await self._open(has, now + self._options.timeouts.total))

    async def drop_stale(self) -> None:
        """Say QUIT on what idled for too long."""
        has = self._has
        with has.lock:
            stale = [idle for idle in has.idle if self._is_stale(idle)]
            has.idle = [idle for idle in has.idle if idle not in stale]
        for idle in stale:
            await self.quit(idle)

    async def close(self) -> None:
        """Say QUIT on all that are idle."""
        self._is_closed = True
        has = self._current()
        has.gate.check_home()
        while (idle := _pop(has)) is not None:
            await self.quit(idle)

    async def quit(self, connection: Connection) -> None:
        """Say QUIT, and wait a few seconds for the answer."""
        await connection.quit(deadline=self._network.now() + _GOODBYE)

    def abandon(self) -> None:
        """Let go of all connections without a word on any of them, and begin anew."""
        had, self._has = self._has, self._nothing()
        for connection in (*had.idle, *had.taken):
            connection.abandon()

    def _nothing(self) -> _Holdings:
        return _Holdings(self._network.gate(self.limits.max_connections))

    def _current(self) -> _Holdings:
        if self._has.gate.is_over():
            self.abandon()
        return self._has

    async def _enter(self, deadline: float) -> _Holdings:
        has = self._current()
        try:
            await has.gate.enter(deadline)
        except MailError as error:
            error.at(phase=Phase.CONNECT, host=self.endpoint.host)
            raise
        return has

    def _pop_usable(self, has: _Holdings) -> Connection | None:
        while (idle := _pop(has, is_taken=True)) is not None:
            if not self._is_stale(idle):
                return idle
            with has.lock:
                has.taken.remove(idle)
            idle.close()
        return None

    async def _open(self, has: _Holdings, deadline: float) -> Connection:
        with has.lock:
            has.opening += 1
        connection: Connection | None = None
        try:
            connection = await Connection.open(
                self._network,
                self.endpoint,
                self._options,
                deadline=deadline,
                sessions=self._sessions,
            )
            return connection
        finally:
            with has.lock:
                has.opening -= 1
                if connection is not None:
                    has.taken.add(connection)
            if connection is None:
                has.gate.leave()

    def _lacks_idle(self) -> bool:
        has, limits = self._current(), self.limits
        with has.lock:
            is_short = len(has.idle) < limits.min_idle and has.count < limits.max_connections
        return is_short and not self._is_closed

    def _is_stale(self, idle: Connection) -> bool:
        since = idle.usage.idle_since
        too_long = since is not None and self._network.now() - since >= self.limits.max_idle
        return too_long or self.is_spent(idle) or not idle.is_usable


def _pop(has: _Holdings, *, is_taken: bool = False) -> Connection | None:
    # The newest is the likeliest to be alive.
    with has.lock:
        if not has.idle:
            return None
        connection = has.idle.pop()
        if is_taken:
            has.taken.add(connection)
        return connection


_pools: WeakSet[Pool] = WeakSet()


def _after_fork() -> None:
    for pool in tuple(_pools):
        pool.abandon()


os.register_at_fork(after_in_child=_after_fork)
