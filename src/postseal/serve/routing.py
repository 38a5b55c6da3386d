"""Where the mail for a domain goes: a fixed route, or the domain's mail exchangers (RFC 5321 5).

Each server comes with the decision of the TLS ladder. Whatever cannot be found out about it stands
in the way of the connection; nothing is taken for less because a lookup failed.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, MutableSequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from postseal.dns import MX, Answer, Resolver, exchangers
from postseal.errors import MailError, PermanentlyRejected, Phase
from postseal.send.connection import ConnectionOptions
from postseal.send.dane import DaneFinding, find_dane
from postseal.send.endpoint import Endpoint
from postseal.send.mta_sts import DiscoveredPolicy, PolicyFinder
from postseal.send.network import IPAddress
from postseal.send.server_policy import Destination, decide_server, host_assurance
from postseal.send.timeouts import Timeouts
from postseal.send.ways import Way
from postseal.serve.experience import Experience
from postseal.serve.sealing import Hop
from postseal.serve.setting_policies import DomainPolicy
from postseal.serve.setting_routes import DEFAULT_ROUTE, Route
from postseal.serve.settings import Settings
from postseal.tls import Opening, TLSLevel, Trust
from postseal.tls.dane import DaneRequirement, DNSState, TLSAState
from postseal.tls.ladder import Deliver, decide
from postseal.tls.mta_sts import MTAStsMode
from postseal.tls.reports import AppliedPolicy
from postseal.tls.requiretls import HostAssurance, TLSRequirement, requiretls_statement
from postseal.tls.statements import configuration_statement

__all__ = ["Errand", "Router"]

# RFC 5321 5.1: a client SHOULD try at least two addresses; more than this helps nobody.
_MAX_HOSTS: Final = 5
_MAX_ADDRESSES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Where a message is to go, and what it asks of the way there.

    `domain` is in A-labels, or an address literal.
    """

    domain: str
    requirement: TLSRequirement = TLSRequirement.UNSTATED
    is_notification: bool = False


class Router:
    """Turns an errand into the servers to try, in order."""

    def __init__(
        self,
        settings: Settings,
        resolver: Resolver,
        policies: PolicyFinder,
        experience: Experience,
        *,
        shuffle: Callable[[MutableSequence[MX]], None] = random.shuffle,
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._policies = policies
        self._experience = experience
        self._shuffle = shuffle

    async def hops(self, errand: Errand) -> AsyncGenerator[Hop, None]:
        """Give the servers for an errand, at least one; the next is looked up when it is wanted.

        Raises `PermanentlyRejected` for a domain that takes no mail, and what the resolver and the
        stores of policies and levels raise.
        """
        routes = self._settings.delivery.routes
        for key in (errand.domain, DEFAULT_ROUTE):
            if (route := routes.get(key)) is not None:
                yield self._fixed(key, route, errand)
                return
        search = await self._search(errand)
        for host in search.hosts:
            yield await self._hop(host, search)

    # -- a fixed route --------------------------------------------------------------------------

    def _fixed(self, key: str, route: Route, errand: Errand) -> Hop:
        endpoint = route.endpoint
        options = ConnectionOptions(
            trust=Trust.only(route.ca_file) if route.ca_file else Trust.system(),
            tls_name=route.tls_name,
            local_name=self._settings.hostname,
            timeouts=Timeouts.for_relays(),
        )
        # RFC 8689 2: whom the operator names needs no proof of being the right one.
        assurance = HostAssurance.ITSELF
        said = (
            configuration_statement(endpoint.level, setting=f'delivery.routes."{key}"'),
            requiretls_statement(
                errand.requirement, assurance, is_notification=errand.is_notification
            ),
        )
        hop = Hop(host=endpoint.host, port=endpoint.port, assurance=assurance)
        decision = decide(each for each in said if each is not None)
        return hop.decided(decision, Way(endpoint, options), _not_asked(endpoint.host))

    # -- the servers that the DNS names ---------------------------------------------------------

    async def _search(self, errand: Errand) -> _Search:
        domain = errand.domain
        if _is_literal(domain):
            mx: Answer[MX] = Answer((), authentic=False, name=domain, ttl=0.0)
            discovered = DiscoveredPolicy(domain, None)
            hosts: tuple[str, ...] = (_address_of(domain),)
        else:
            mx = await self._resolver.mx(domain)
            hosts = exchangers(
                domain, mx.records, our_name=self._settings.hostname, shuffle=self._shuffle
            )
            discovered = await self._policies.find(domain)
        remembered = await self._experience.statement(domain)
        delivery = self._settings.delivery
        policy = delivery.policies.get(domain, DomainPolicy())
        configured = policy.statements(domain, default=delivery.mx_tls)
        destination = Destination(
            domain=domain,
            has_mx=bool(mx.records),
            mx_is_authentic=mx.authentic,
            mta_sts=discovered.policy,
            local=configured if remembered is None else (*configured, remembered),
            requirement=errand.requirement,
            is_notification=errand.is_notification,
        )
        return _Search(hosts[:_MAX_HOSTS], mx, destination, discovered)

    async def _hop(self, host: str, search: _Search) -> Hop:
        destination, delivery = search.destination, self._settings.delivery
        hop = Hop(
            host=host,
            port=delivery.mx_port,
            explanation=search.remarks(host),
            assurance=host_assurance(host, destination),
            destination=destination.domain,
            policy_problem=search.discovered.problem if destination.mta_sts is None else None,
        )
        try:
            dane = await self._find_dane(host, search)
            hop = replace(hop, applied=_applied(destination, dane))
            decision = decide_server(host, destination, dane)
            addresses = frozenset[IPAddress]()
            if isinstance(decision, Deliver):
                addresses = await self._addresses(host, destination)
        except MailError as error:
            error.at(phase=Phase.RESOLVE, host=host)
            return replace(hop, obstacle=error)
        options = ConnectionOptions(
            trust=delivery.policies.get(destination.domain, DomainPolicy()).trust,
            local_name=self._settings.hostname,
            timeouts=Timeouts.for_relays(),
            addresses=addresses,
            beyond_this_machine=not delivery.dangerous_mx_on_this_machine,
        )
        endpoint = Endpoint(host, delivery.mx_port, Opening.STARTTLS, TLSLevel.NONE)
        return hop.decided(decision, Way(endpoint, options), dane)

    async def _find_dane(self, host: str, search: _Search) -> DaneFinding:
        destination = search.destination
        if _is_literal(destination.domain):
            return _not_asked(host)
        return await find_dane(
            self._resolver,
            host,
            port=self._settings.delivery.mx_port,
            next_hop=destination.domain,
            mx=search.mx,
        )

    async def _addresses(self, host: str, destination: Destination) -> frozenset[IPAddress]:
        """Look up where to connect to; raise `PermanentlyRejected` where that is nowhere."""
        addresses: tuple[IPAddress, ...]
        if _is_literal(destination.domain):
            addresses = (ip_address(host),)
        else:
            addresses = (await self._resolver.addresses(host)).records
        if not addresses:
            raise PermanentlyRejected(f"{host} has no address", enhanced_code="5.4.4")
        if not self._settings.delivery.dangerous_mx_on_this_machine:
            addresses = tuple(filter(_may_be_elsewhere, addresses))
        if not addresses:
            raise PermanentlyRejected(
                f"the addresses of {host} lead to this machine or to nobody",
                enhanced_code="5.4.6",
                hint="For a server of yours on this machine, set a route.",
            )
        return frozenset(addresses[:_MAX_ADDRESSES])


@dataclass(frozen=True, slots=True)
class _Search:
    """What was found out about a destination as a whole."""

    hosts: tuple[str, ...]
    mx: Answer[MX]
    destination: Destination
    discovered: DiscoveredPolicy

    def remarks(self, host: str) -> tuple[str, ...]:
        domain = self.destination.domain
        if _is_literal(domain):
            found = f"{host} is the address that the recipient's has in brackets."
        elif self.destination.has_mx:
            kind = "authentic" if self.mx.authentic else "not authentic"
            found = f"{host} is a mail exchanger of {domain}; its MX records are {kind}."
        else:
            found = f"{domain} has no MX records and takes its mail itself."
        problem = self.discovered.problem
        if problem is None:
            return (found,)
        kept = "; the one that was fetched before holds" if self.discovered.policy else ""
        return (found, f"{problem.text}{kept}.")


def _not_asked(host: str) -> DaneFinding:
    return DaneFinding(DNSState.INSECURE, TLSAState.ABSENT, host)


def _applied(destination: Destination, dane: DaneFinding) -> tuple[AppliedPolicy, ...]:
    """The policies under which a session with a server is counted (RFC 8460 4.2)."""
    applied: list[AppliedPolicy] = []
    if dane.requirement is not DaneRequirement.NONE:
        records = dane.peer.records if dane.peer else ()
        applied.append(AppliedPolicy.of_tlsa(dane.base_domain, records))
    policy = destination.mta_sts
    if (
        policy is not None
        and policy.mode is not MTAStsMode.NONE
        and dane.requirement is not DaneRequirement.AUTHENTICATED
    ):
        applied.append(AppliedPolicy.of_mta_sts(destination.domain, policy))
    return tuple(applied) or (AppliedPolicy.none(destination.domain),)


def _may_be_elsewhere(address: IPAddress) -> bool:
    mapped = address.ipv4_mapped if address.version == 6 else None
    real = mapped or address
    return not (real.is_loopback or real.is_unspecified or real.is_multicast)


def _is_literal(domain: str) -> bool:
    return domain.startswith("[")


def _address_of(literal: str) -> str:
    # RFC 5321 4.1.3: the tag is written in any case.
    address = literal[1:-1]
    return address[5:] if address[:5].lower() == "ipv6:" else address
