"""Mail handed to the recipients' own servers, each sealed as its domain asks (`mx:`).

For each domain the policies that it publishes decide how: DANE (RFC 7672), then MTA-STS (RFC 8461),
then the level that the caller wants at least. What a server lacks of that is an error, never less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from postseal.dns.resolver import Resolver
from postseal.errors import InvalidSetting, InvalidURL, MissingExtra
from postseal.send.mx.destinations import Destinations
from postseal.send.mx.lane import DirectLane
from postseal.send.mx.mta_sts import PolicyFinder
from postseal.send.mx.policy_cache import PolicyCache
from postseal.send.mx.routes import Routes
from postseal.send.session.connection_options import ConnectionOptions
from postseal.send.transport import Lane, LaneTransport, Verification
from postseal.tls import TLSLevel
from postseal.tls.levels import TLSOutcome

if TYPE_CHECKING:
    from postseal.send.networks.network import Network
    from postseal.send.pool_options import PoolOptions

__all__ = ["Direct", "DirectTransport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """Delivery to the recipients' own servers, given to a mailer in place of a URL.

    `level` is the least that is asked of every server; what a domain publishes raises it.
    `resolver` answers for the DNS, by default the system's name servers: DANE is known only from a
    validating one on this machine. `policies` keeps MTA-STS policies, by default in memory, where
    they are forgotten with the process and an attacker may stop the next fetch. A domain that names
    this very machine is refused, unless `dangerous_mx_on_this_machine`.
    """

    level: TLSLevel = TLSLevel.OPPORTUNISTIC
    resolver: Resolver | None = None
    policies: PolicyCache | None = None
    port: int = 25
    dangerous_mx_on_this_machine: bool = False

    @classmethod
    def parse(cls, url: str) -> Direct:
        """Read `mx:`, which says all there is to say."""
        if url.partition(":")[2].strip("/"):
            raise InvalidURL(
                "mx: names no host: each recipient's domain names its own servers",
                hint="Write mx: alone, and give options as Direct(...).",
            )
        return cls()


class DirectTransport(LaneTransport):
    """Hands each message to the servers of its recipients' domains, one domain after the other."""

    def __init__(
        self,
        direct: Direct,
        network: Network,
        options: ConnectionOptions,
        *,
        limits: PoolOptions,
        is_blocking: bool,
    ) -> None:
        if options.login is not None:
            raise InvalidSetting(
                "a password is for one server, and mx: goes to those of strangers",
                hint="Leave it out, or use smtp:// with your provider's server.",
            )
        resolver = direct.resolver or _system_resolver(is_blocking=is_blocking)
        policies = PolicyFinder(
            network, resolver, cache=direct.policies, trust=options.trust, clock=options.clock
        )
        self._routes = Routes(direct, resolver, policies, options)
        self._destinations = Destinations(network, limits=limits)
        self._lanes = limits.max_connections

    @property
    def lanes(self) -> int:
        """As many as there may be connections with one server."""
        return self._lanes

    def lane(self) -> Lane:
        """A lane that announces a message to the same server behind the one before."""
        return DirectLane(self._routes, self._destinations)

    async def verify(self, *, deadline: float) -> Verification:
        """Tell that names can be looked up; there is no server before there is a recipient."""
        return Verification("mx:", "", TLSOutcome.in_clear())

    async def tend(self) -> None:
        """Close what idled for too long."""
        await self._destinations.sweep()

    async def close(self) -> None:
        """Say goodbye everywhere."""
        await self._destinations.close()


def _system_resolver(*, is_blocking: bool) -> Resolver:
    try:
        from postseal.dns.cache import CachingResolver
        from postseal.dns.exchange import AsyncioExchange, BlockingExchange
        from postseal.dns.stub import StubResolver
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"mx: needs the package {error.name}",
            hint="Install it with: pip install 'postseal[mx]'.",
        ) from None
    exchange = BlockingExchange() if is_blocking else AsyncioExchange()
    return CachingResolver(StubResolver(exchange=exchange))
