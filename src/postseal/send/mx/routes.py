"""How the servers of a domain are to be reached: what is published, put on the ladder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from postseal.dns.resolver import Resolver
from postseal.errors import MailError, Phase
from postseal.send.endpoint import Endpoint
from postseal.send.mx.mta_sts import PolicyFinder
from postseal.send.mx.next_hops import NextHops, find_next_hops
from postseal.send.mx.server_policy import Destination, decide_server
from postseal.send.mx.ways import Way, ways_to_connect
from postseal.send.outgoing import Outgoing
from postseal.send.session.connection_options import ConnectionOptions
from postseal.tls import Opening, TLSLevel
from postseal.tls.ladder import Deliver
from postseal.tls.requiretls import TLSRequirement
from postseal.tls.statements import caller_statement

if TYPE_CHECKING:
    from postseal.send.mx.direct import Direct

__all__ = ["Routes"]

_OPTION: Final = "Direct(level=...)"


class Routes:
    """Looks up what domains publish, and decides by that and by what `direct` asks for."""

    def __init__(
        self,
        direct: Direct,
        resolver: Resolver,
        policies: PolicyFinder,
        options: ConnectionOptions,
    ) -> None:
        self._direct = direct
        self._resolver = resolver
        self._policies = policies
        self._options = options

    async def hops(self, domain: str) -> NextHops:
        """Find the servers of a domain. Raises what `find_next_hops` does."""
        try:
            return await find_next_hops(
                domain, self._resolver, self._policies, our_name=self._options.local_name or ""
            )
        except MailError as error:
            error.at(phase=Phase.RESOLVE, host=domain)
            raise

    def destination(self, hops: NextHops, outgoing: Outgoing) -> Destination:
        """Give all that a decision for a message depends on, but for what each server publishes."""
        asks = outgoing.options is not None and outgoing.options.requires_tls
        return Destination(
            domain=hops.domain,
            has_mx=bool(hops.mx.records),
            mx_is_authentic=hops.mx.authentic,
            mta_sts=hops.discovered.policy,
            local=(caller_statement(self._direct.level, option=_OPTION),),
            requirement=TLSRequirement.REQUIRED if asks else TLSRequirement.UNSTATED,
            is_notification=outgoing.envelope.sender is None,
        )

    async def ways(self, host: str, hops: NextHops, destination: Destination) -> tuple[Way, ...]:
        """Decide how one of the servers may be reached, the best way first.

        Raises the decision's error where it may not be used, and what the lookups raise.
        """
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
