"""What the client needs of the outside world: streams, time and gates, as interfaces.

Everything that waits is written once, as coroutines over these. The asyncio network suspends
them; the blocking one never does, so `run` in `blocking` can drive the same coroutine to its end
without an event loop.

A deadline is a point on the network's own monotonic clock, in seconds. Every call that may wait
takes one and raises `TimedOut` when it passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

__all__ = ["Attendant", "Gate", "IPAddress", "Network", "Stream"]

T = TypeVar("T")

IPAddress: TypeAlias = "IPv4Address | IPv6Address"

Attendant: TypeAlias = Callable[[bytes], bytes | None]
"""What a server makes of the octets that arrive: those to be written, or None to be asked."""


class Stream(Protocol):
    """A connection that carries octets both ways."""

    @property
    def peer_address(self) -> str:
        """The peer's IP address in text; empty where there is none."""
        ...

    @property
    def local_address(self) -> str:
        """Our own IP address in text; empty where there is none."""
        ...

    async def read(self, deadline: float) -> bytes:
        """Read what has arrived, at least one octet; empty at the end of the stream.

        Raises `Disconnected` when the connection broke.
        """
        ...

    async def write(self, data: bytes, deadline: float) -> None:
        """Write all of `data`; it is on its way once the caller waits for anything.

        Raises `Disconnected` when the connection broke.
        """
        ...

    async def attend(self, hear: Attendant, due: Callable[[], float]) -> None:
        """Write what `hear` answers to each piece that arrives, until it answers None.

        It is given no octets at the end of the stream, and then has to answer None. `due` gives
        the deadline of the next wait.
        """
        while (answer := hear(await self.read(due()))) is not None:
            if answer:
                await self.write(answer, due())

    def has_input(self) -> bool:
        """Tell, without waiting, whether octets or the end of the stream have arrived."""
        ...

    def close(self) -> None:
        """Close once what was written is on its way; never waits and never fails."""
        ...

    def abandon(self) -> None:
        """Let go of a connection that another process goes on with, or that nobody can close.

        Nothing is sent and no event loop is touched: after a fork, those are the parent's.
        """
        self.close()


class Gate(Protocol):
    """Lets a limited number through at a time."""

    async def enter(self, deadline: float) -> None:
        """Wait for a place."""
        ...

    def leave(self) -> None:
        """Give the place back."""
        ...

    def is_over(self) -> bool:
        """Tell whether all that it let through have come to nothing, with their event loop."""
        return False

    def check_home(self) -> None:
        """Raise `LocalProtocolError` in another event loop than that of those it let through."""
        return


class Network(Protocol):
    """Where streams come from, and the clock that their deadlines are on."""

    def now(self) -> float:
        """The network's monotonic clock, in seconds."""
        ...

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        """Connect by TCP, trying each address of `host`. Raises `ConnectError`.

        Where `addresses` are given, they are those of the host: the system is not asked for any.
        """
        ...

    async def connect_unix(self, path: str, deadline: float) -> Stream:
        """Connect to a Unix domain socket. Raises `ConnectError`."""
        ...

    def gate(self, places: int) -> Gate:
        """A gate for this network's kind of concurrency: threads or tasks."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for as long as that."""
        ...

    async def run_blocking(self, work: Callable[[], T]) -> T:
        """Call what blocks, where nobody else has to wait for it.

        It has to come to its end by itself: a caller that is cancelled leaves it behind.
        """
        ...
