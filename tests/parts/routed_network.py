"""The system's network with names of its own: each host is a port on loopback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from postseal.errors import ConnectError, Phase
from postseal.send.networks.network import Gate, IPAddress, Network, Stream
from tests.parts.ports import LOOPBACK

T = TypeVar("T")


@dataclass(slots=True)
class RoutedNetwork(Network):
    """Connects to `routes[host]` on loopback, whatever the port asked for; `asked` has them all."""

    inner: Network
    routes: Mapping[str, int]
    asked: list[tuple[str, int]] = field(default_factory=list)

    def now(self) -> float:
        return self.inner.now()

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        self.asked.append((host, port))
        if host not in self.routes:
            raise ConnectError(f"port {port} of {host} cannot be reached", phase=Phase.CONNECT)
        return await self.inner.connect(LOOPBACK, self.routes[host], deadline)

    async def connect_unix(self, path: str, deadline: float) -> Stream:
        return await self.inner.connect_unix(path, deadline)

    def gate(self, places: int) -> Gate:
        return self.inner.gate(places)

    async def sleep(self, seconds: float) -> None:
        await self.inner.sleep(seconds)

    async def run_blocking(self, work: Callable[[], T]) -> T:
        return await self.inner.run_blocking(work)
