"""A network over another one, which does all that the outer does not do in its own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from postseal.send.networks.network import Gate, Network, Stream

__all__ = ["WrappedNetwork"]

T = TypeVar("T")


class WrappedNetwork(Network):
    """Has the clock, the gates and the local sockets of `network`; subclasses connect."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def now(self) -> float:
        return self._network.now()

    async def connect_unix(self, path: str, deadline: float) -> Stream:
        return await self._network.connect_unix(path, deadline)

    def gate(self, places: int) -> Gate:
        return self._network.gate(places)

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def run_blocking(self, work: Callable[[], T]) -> T:
        return await self._network.run_blocking(work)
