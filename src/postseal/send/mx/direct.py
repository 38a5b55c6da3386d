"""Mail handed to the recipients' own servers, each sealed as its domain asks (`mx:`).

For each domain the policies that it publishes decide how: DANE (RFC 7672), then MTA-STS (RFC 8461),
then the level that the caller wants at least. What a server lacks of that is an error, never less.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from postseal.address import ascii_domain
from postseal.dns.resolver import Resolver
from postseal.errors import InvalidInput, InvalidSetting, InvalidURL, MailError, MissingExtra, Phase
from postseal.mail.envelope import Envelope
from postseal.send.endpoint import Endpoint
from postseal.send.failover import says_nothing_of_the_message
from postseal.send.mx.destinations import Destinations
from postseal.send.mx.mta_sts import PolicyFinder
from postseal.send.mx.next_hops import NextHops, find_next_hops
from postseal.send.mx.policy_cache import PolicyCache
from postseal.send.mx.server_policy import Destination, decide_server
from postseal.send.mx.ways import Way, ways_to_connect
from postseal.send.outgoing import Outgoing, can_be_read_again
from postseal.send.results import Delivery
from postseal.send.session.connection_options import ConnectionOptions
from postseal.send.session.transaction import deliver
from postseal.send.transport import Transport, Verification
from postseal.tls import Opening, TLSLevel
from postseal.tls.ladder import Deliver
from postseal.tls.levels import TLSOutcome
from postseal.tls.requiretls import TLSRequirement
from postseal.tls.statements import configuration_statement

if TYPE_CHECKING:
    from postseal.address import Address
    from postseal.send.networks.network import Network
    from postseal.send.pool_options import PoolOptions

__all__ = ["Direct", "DirectTransport"]

_SETTING: Final = "Direct(level=...)"

_log: Final = logging.getLogger("postseal.send")


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


class DirectTransport(Transport):
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
        self._direct = direct
        self._network = network
        self._options = options
        self._resolver = direct.resolver or _system_resolver(is_blocking=is_blocking)
        self._policies = PolicyFinder(
            network,
            self._resolver,
            cache=direct.policies,
            trust=options.trust,
            clock=options.clock,
        )
        self._destinations = Destinations(network, limits=limits)
        self._lanes = limits.max_connections

    @property
    def lanes(self) -> int:
        """As many as there may be connections with one server."""
        return self._lanes

    async def deliver(self, outgoing: Outgoing, *, deadline: float) -> Delivery:
        """Hand the message to each domain's servers; what became of them is joined.

        A domain that cannot be reached refuses its recipients in the result, unless it is the only
        one: then its error is raised. Raises `InvalidInput` where several domains need content that
        can be read only once.
        """
        domains = _by_domain(outgoing.envelope.recipients)
        if len(domains) > 1 and not can_be_read_again(outgoing.content):
            raise InvalidInput(
                "the content can be read only once, and its recipients have several servers",
                phase=Phase.MAIL,
                hint="Give the content as a list.",
            )
        delivery: Delivery | None = None
        failures: list[tuple[tuple[Address, ...], MailError]] = []
        for domain, recipients in domains.items():
            part = replace(outgoing, envelope=Envelope(outgoing.envelope.sender, recipients))
            try:
                done = await self._deliver_to(domain, part, deadline)
            except MailError as error:
                failures.append((recipients, error))
            else:
                delivery = done if delivery is None else delivery.beside(done)
        if delivery is None:
            # Whoever tries again may reach those of the failure that may pass.
            raise max(failures, key=lambda failure: failure[1].is_temporary)[1]
        for recipients, failure in failures:
            delivery = delivery.broken_off(recipients, failure)
        return delivery

    async def verify(self, *, deadline: float) -> Verification:
        """Tell that names can be looked up; there is no server before there is a recipient."""
        return Verification("mx:", "", TLSOutcome.in_clear())

    async def tend(self) -> None:
        """Close what idled for too long."""
        await self._destinations.sweep()

    async def close(self) -> None:
        """Say goodbye everywhere."""
        await self._destinations.close()

    async def _deliver_to(self, domain: str, outgoing: Outgoing, deadline: float) -> Delivery:
        """Hand the message to the first of a domain's servers that can be reached and sealed."""
        try:
            hops = await find_next_hops(
                domain, self._resolver, self._policies, our_name=self._options.local_name or ""
            )
        except MailError as error:
            error.at(phase=Phase.RESOLVE, host=domain)
            raise
        destination = self._destination(hops, outgoing)
        failures: list[MailError] = []
        for host in hops.hosts:
            try:
                ways = await self._ways(host, hops, destination)
                pool, connection = await self._destinations.take(
                    ways, deadline=deadline, note=_note
                )
                try:
                    return await deliver(connection, outgoing, deadline=deadline)
                finally:
                    pool.put_back(connection)
            except MailError as error:
                if not says_nothing_of_the_message(error):
                    raise
                failures.append(error)
        raise max(failures, key=lambda error: error.is_temporary)

    def _destination(self, hops: NextHops, outgoing: Outgoing) -> Destination:
        asks = outgoing.options is not None and outgoing.options.requires_tls
        return Destination(
            domain=hops.domain,
            has_mx=bool(hops.mx.records),
            mx_is_authentic=hops.mx.authentic,
            mta_sts=hops.discovered.policy,
            local=(configuration_statement(self._direct.level, setting=_SETTING),),
            requirement=TLSRequirement.REQUIRED if asks else TLSRequirement.UNSTATED,
            is_notification=outgoing.envelope.sender is None,
        )

    async def _ways(self, host: str, hops: NextHops, destination: Destination) -> tuple[Way, ...]:
        direct = self._direct
        try:
            dane = await hops.dane(host, self._resolver, port=direct.port)
            decision = decide_server(host, destination, dane)
            if not isinstance(decision, Deliver):
                raise decision.error(host=host)
            addresses = await hops.addresses(
                host, self._resolver, on_this_machine=direct.dangerous_mx_on_this_machine
            )
        except MailError as error:
            error.at(phase=Phase.RESOLVE, host=host)
            raise
        options = replace(
            self._options,
            addresses=addresses,
            beyond_this_machine=not direct.dangerous_mx_on_this_machine,
        )
        endpoint = Endpoint(host, direct.port, Opening.STARTTLS, TLSLevel.NONE)
        return ways_to_connect(decision, Way(endpoint, options), dane)


def _note(shortfall: MailError) -> None:
    # Promise 2: where a policy allows less, what happened is recorded.
    _log.warning("TLS failed, and the policy allows less: %s", shortfall)


def _by_domain(recipients: Sequence[Address]) -> dict[str, tuple[Address, ...]]:
    domains: dict[str, tuple[Address, ...]] = {}
    for recipient in recipients:
        domain = ascii_domain(recipient.domain).lower()
        domains[domain] = (*domains.get(domain, ()), recipient)
    return domains


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
