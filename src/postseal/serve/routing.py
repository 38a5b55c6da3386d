"""Where the mail for a domain goes: a fixed route, or the domain's mail exchangers (RFC 5321 5).

Each server comes with the decision of the TLS ladder. Whatever cannot be found out about it stands
in the way of the connection; nothing is taken for less because a lookup failed.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, MutableSequence
from dataclasses import dataclass, replace

from postseal.dns import MX, Resolver
from postseal.errors import MailError, Phase
from postseal.send.endpoint import Endpoint
from postseal.send.mx.dane import DaneFinding
from postseal.send.mx.mta_sts import PolicyFinder
from postseal.send.mx.next_hops import NextHops, dane_not_asked, find_next_hops, is_literal
from postseal.send.mx.server_policy import Destination, decide_server, host_assurance
from postseal.send.mx.ways import Way
from postseal.send.networks.network import IPAddress
from postseal.send.session.connection import ConnectionOptions
from postseal.send.timeouts import Timeouts
from postseal.serve.experience import Experience
from postseal.serve.sealing import Hop
from postseal.serve.setting_policies import DomainPolicy
from postseal.serve.setting_routes import DEFAULT_ROUTE, Route
from postseal.serve.settings import Settings
from postseal.tls import Opening, TLSLevel, Trust
from postseal.tls.dane import DaneRequirement
from postseal.tls.ladder import Deliver, decide
from postseal.tls.mta_sts import MTAStsMode
from postseal.tls.reports import AppliedPolicy
from postseal.tls.requiretls import HostAssurance, TLSRequirement, requiretls_statement
from postseal.tls.statements import configuration_statement

__all__ = ["Errand", "Router"]


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
        for host in search.hops.hosts:
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
        return hop.decided(decision, Way(endpoint, options), dane_not_asked(endpoint.host))

    # -- the servers that the DNS names ---------------------------------------------------------

    async def _search(self, errand: Errand) -> _Search:
        domain = errand.domain
        hops = await find_next_hops(
            domain,
            self._resolver,
            self._policies,
            our_name=self._settings.hostname,
            shuffle=self._shuffle,
        )
        remembered = await self._experience.statement(domain)
        delivery = self._settings.delivery
        policy = delivery.policies.get(domain, DomainPolicy())
        configured = policy.statements(domain, default=delivery.mx_tls)
        destination = Destination(
            domain=domain,
            has_mx=bool(hops.mx.records),
            mx_is_authentic=hops.mx.authentic,
            mta_sts=hops.discovered.policy,
            local=configured if remembered is None else (*configured, remembered),
            requirement=errand.requirement,
            is_notification=errand.is_notification,
        )
        return _Search(hops, destination)

    async def _hop(self, host: str, search: _Search) -> Hop:
        destination, delivery = search.destination, self._settings.delivery
        hop = Hop(
            host=host,
            port=delivery.mx_port,
            explanation=search.remarks(host),
            assurance=host_assurance(host, destination),
            destination=destination.domain,
            policy_problem=search.hops.discovered.problem if destination.mta_sts is None else None,
        )
        try:
            dane = await search.hops.dane(host, self._resolver, port=delivery.mx_port)
            hop = replace(hop, applied=_applied(destination, dane))
            decision = decide_server(host, destination, dane)
            addresses = frozenset[IPAddress]()
            if isinstance(decision, Deliver):
                addresses = await search.hops.addresses(
                    host, self._resolver, on_this_machine=delivery.dangerous_mx_on_this_machine
                )
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


@dataclass(frozen=True, slots=True)
class _Search:
    """What was found out about a destination as a whole."""

    hops: NextHops
    destination: Destination

    def remarks(self, host: str) -> tuple[str, ...]:
        domain = self.destination.domain
        if is_literal(domain):
            found = f"{host} is the address that the recipient's has in brackets."
        elif self.destination.has_mx:
            kind = "authentic" if self.hops.mx.authentic else "not authentic"
            found = f"{host} is a mail exchanger of {domain}; its MX records are {kind}."
        else:
            found = f"{domain} has no MX records and takes its mail itself."
        problem = self.hops.discovered.problem
        if problem is None:
            return (found,)
        kept = "; the one that was fetched before holds" if self.hops.discovered.policy else ""
        return (found, f"{problem.text}{kept}.")


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
