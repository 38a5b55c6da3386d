"""The system's network with hosts and ports of its own, each of them a port on loopback."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence

from postseal.errors import ConnectError, Phase, TimedOut
from postseal.send.networks.network import IPAddress, Network, Stream
from postseal.send.networks.wrapped_network import WrappedNetwork
from tests.parts.ports import LOOPBACK

Place = tuple[str, int]


class PortedNetwork(WrappedNetwork):
    """Connects to `ports[host, port]` on loopback, and refuses all others.

    Those `filtered` do not answer, for which nobody has to wait here. `reached` is who was to be
    connected to, in order.
    """

    def __init__(
        self, network: Network, ports: Mapping[Place, int], *, filtered: Sequence[Place] = ()
    ) -> None:
        super().__init__(network)
        self.reached: list[Place] = []
        self._ports = ports
        self._filtered = filtered

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        self.reached.append((host, port))
        if (host, port) in self._filtered:
            raise TimedOut("connecting took too long", phase=Phase.CONNECT)
        if (host, port) not in self._ports:
            refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
            raise ConnectError(
                f"port {port} of {host} cannot be reached: {refused}", phase=Phase.CONNECT
            ) from refused
        return await self._network.connect(LOOPBACK, self._ports[host, port], deadline)
