"""A network whose names are looked up by a `Resolver`, not by the operating system."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from postseal.dns import NameDoesNotExist, Resolver, ResolverFailure
from postseal.errors import ConnectError, Phase
from postseal.send.networks.network import IPAddress, Network, Stream
from postseal.send.networks.wrapped_network import WrappedNetwork

__all__ = ["ResolvedNetwork"]

# RFC 5321 5.1 asks for two at least; who publishes dozens gets no dozens of attempts.
_MAX_ADDRESSES: Final = 6


class ResolvedNetwork(WrappedNetwork):
    """Connects over another network to the addresses that `resolver` gives.

    So a connection goes where the DNS answers say that a decision was made by.
    """

    def __init__(self, network: Network, resolver: Resolver) -> None:
        super().__init__(network)
        self._resolver = resolver

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        addresses = addresses or await self._addresses(host)
        return await self._network.connect(host, port, deadline, addresses=addresses)

    async def _addresses(self, host: str) -> Sequence[IPAddress]:
        try:
            return (ipaddress.ip_address(host),)
        except ValueError:
            pass
        try:
            answer = await self._resolver.addresses(host)
        except (NameDoesNotExist, ResolverFailure) as error:
            raise ConnectError(
                f"the name {host!a} cannot be resolved: {error.text}", phase=Phase.RESOLVE
            ) from error
        if not answer.records:
            raise ConnectError(f"{host} has no address", phase=Phase.RESOLVE)
        return answer.records[:_MAX_ADDRESSES]
