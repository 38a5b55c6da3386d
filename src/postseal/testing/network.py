"""A network in memory: each connection plays the next script."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from postseal.errors import ConnectError, MailError, Phase, TimedOut
from postseal.send.networks.network import Gate, IPAddress, Network, Stream
from postseal.testing.clock import ManualClock
from postseal.testing.script import Step
from postseal.testing.stream import ScriptedStream

__all__ = ["MemoryNetwork"]

T = TypeVar("T")


class MemoryNetwork(Network):
    """Stands in for the system's network in a `Mailer`, an `AsyncMailer` or a pool.

    `scripts` are transcripts or steps (see `transcript`), one for each connection in order; an
    error is raised to the client instead, a `TimedOut` after its whole deadline. Without a script
    left, connecting is refused. `streams` are the connections made, `connected` their hosts and
    ports (the path and 0 for a Unix domain socket), failed attempts included; `addresses` are those
    that were given for each host.
    """

    def __init__(
        self,
        *scripts: str | Iterable[Step] | MailError,
        clock: ManualClock | None = None,
        peer_address: str = "192.0.2.25",
        local_address: str = "192.0.2.1",
    ) -> None:
        self.clock = clock or ManualClock()
        self.streams: list[ScriptedStream] = []
        self.connected: list[tuple[str, int]] = []
        self.addresses: list[tuple[IPAddress, ...]] = []
        self._scripts = deque(scripts)
        self._peer_address = peer_address
        self._local_address = local_address

    def now(self) -> float:
        return self.clock.now()

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        self.addresses.append(tuple(addresses))
        self.connected.append((host, port))
        if not self._scripts:
            raise ConnectError(f"port {port} of {host} cannot be reached", phase=Phase.CONNECT)
        return self._play(deadline, peer=self._peer_address, local=self._local_address)

    async def connect_unix(self, path: str, deadline: float) -> Stream:
        self.connected.append((path, 0))
        if not self._scripts:
            raise ConnectError(f"the socket {path} cannot be reached", phase=Phase.CONNECT)
        return self._play(deadline, peer="", local="")

    def _play(self, deadline: float, *, peer: str, local: str) -> Stream:
        script = self._scripts.popleft()
        if isinstance(script, MailError):
            if isinstance(script, TimedOut):
                self.clock.advance_to(deadline)
            raise script
        stream = ScriptedStream(script, clock=self.clock, peer_address=peer, local_address=local)
        self.streams.append(stream)
        return stream

    def gate(self, places: int) -> Gate:
        """A gate at which nobody waits: when it is full, the deadline passes at once."""
        return _MemoryGate(places, self.clock)

    async def sleep(self, seconds: float) -> None:
        """Move the clock on."""
        self.clock.advance(seconds)

    async def run_blocking(self, work: Callable[[], T]) -> T:
        """Call it at once."""
        return work()

    def check_played(self) -> None:
        """Raise `AssertionError` where a script was not played, or not to its end."""
        if self._scripts:
            raise AssertionError(f"{len(self._scripts)} scripts were not played")
        for number, stream in enumerate(self.streams, start=1):
            if not stream.is_played:
                raise AssertionError(f"connection {number} did not come to the end of its script")


class _MemoryGate(Gate):
    def __init__(self, places: int, clock: ManualClock) -> None:
        self._free = places
        self._clock = clock

    async def enter(self, deadline: float) -> None:
        if not self._free:
            self._clock.advance_to(deadline)
            raise TimedOut("no connection became free in time", phase=Phase.CONNECT)
        self._free -= 1

    def leave(self) -> None:
        self._free += 1
