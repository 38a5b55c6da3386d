"""A domain with an MTA-STS policy: its DNS, its web servers, and a sender with its own clock."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass, field

from postseal.send.mx.mta_sts import DiscoveredPolicy, PolicyFinder
from postseal.send.mx.policy_cache import MemoryPolicyCache
from postseal.testing import MemoryResolver
from postseal.tls import Trust
from tests.parts.hostile_server import HostileServer, Script
from tests.parts.routed_network import RoutedNetwork
from tests.parts.web_scripts import answering, response
from tests.parts.worlds import World

DOMAIN = "example.com"
RECORD = f"_mta-sts.{DOMAIN}"
HOST = f"mta-sts.{DOMAIN}"


@dataclass(slots=True)
class PolicyHouse:
    """The domain and the sender; close it in the end."""

    world: World
    trust: Trust
    context: ssl.SSLContext
    resolver: MemoryResolver = field(default_factory=MemoryResolver)
    cache: MemoryPolicyCache = field(default_factory=MemoryPolicyCache)
    now: float = 1_800_000_000.0
    servers: list[HostileServer] = field(default_factory=list)
    timeout: float = 10.0
    _network: RoutedNetwork | None = None
    _finder: PolicyFinder | None = None
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def announce(self, identifier: str = "1") -> None:
        self.resolver.remove(RECORD)
        self.resolver.add(RECORD, f"v=STSv1; id={identifier};")

    def serve(self, script: Script | bytes) -> HostileServer:
        """Serve a script, or a policy file as it should be, from now on."""
        if isinstance(script, bytes):
            script = answering(self.context, response(script))
        self.servers.append(self._stack.enter_context(HostileServer(script)))
        self.network.routes = {HOST: self.servers[-1].port}
        return self.servers[-1]

    def take_down(self) -> None:
        self.network.routes = {}

    @property
    def network(self) -> RoutedNetwork:
        if self._network is None:
            self._network = RoutedNetwork(self.world.network(), {})
        return self._network

    @property
    def finder(self) -> PolicyFinder:
        if self._finder is None:
            self._finder = PolicyFinder(
                self.network,
                self.resolver,
                cache=self.cache,
                trust=self.trust,
                clock=lambda: self.now,
                timeout=self.timeout,
            )
        return self._finder

    def find(self, domain: str = DOMAIN) -> DiscoveredPolicy:
        async def ask() -> DiscoveredPolicy:
            return await self.finder.find(domain, deadline=self.network.now() + 30)

        return self.world.drive(ask())

    def refresh(self) -> tuple[DiscoveredPolicy, ...]:
        return self.world.drive(self.finder.refresh())

    @property
    def fetches(self) -> int:
        return len(self.network.asked)

    def close(self) -> None:
        self._stack.close()
