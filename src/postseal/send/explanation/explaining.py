"""Finding out, for one destination, which TLS policies hold and what follows from them.

It asks what a delivery asks and decides by the same ladder, but has no message. All of it is
looked up afresh, so that what is explained is what the destination says today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, unique
from typing import Final

from postseal.dns import MX, Answer, NameDoesNotExist, Resolver, ResolverFailure, exchangers
from postseal.dns.recording import RecordingResolver
from postseal.errors import ConnectError, MailError, MissingExtra, PermanentlyRejected, Phase
from postseal.send.endpoint import Endpoint
from postseal.send.explanation.explained import ExplainedDestination, ExplainedServer, Trial
from postseal.send.mx.dane import find_dane
from postseal.send.mx.mta_sts import PolicyFinder
from postseal.send.mx.policy_cache import PolicyCache
from postseal.send.mx.server_policy import Destination, decide_server
from postseal.send.mx.ways import Way, connect, ways_to_connect
from postseal.send.networks.network import Network
from postseal.send.networks.resolved_network import ResolvedNetwork
from postseal.send.session.connection import ConnectionOptions
from postseal.tls import Opening, TLSLevel
from postseal.tls.ladder import Deliver, Statement, fallen_short

__all__ = ["Depth", "explain_destination"]

# Who lists more wants to be explained one by one.
_MAX_SERVERS: Final = 10


@unique
class Depth(Enum):
    """How far an explanation goes."""

    POLICY = "policy"
    """What the DNS and the policy file say."""
    CONNECTION = "connection"
    """Besides, a connection to each server that may be used: EHLO, STARTTLS, QUIT."""


async def explain_destination(
    domain: str,
    *,
    network: Network,
    resolver: Resolver,
    options: ConnectionOptions,
    depth: Depth = Depth.POLICY,
    local: Sequence[Statement] = (),
    cache: PolicyCache | None = None,
    can_validate: bool = True,
    port: int = 25,
    timeout: float = 10.0,
) -> ExplainedDestination:
    """Find out what a message to `domain`, in A-labels, would meet.

    `options.trust` is for mail servers and for the web server of an MTA-STS policy. `local` is
    what configuration and memory say of the destination, `cache` where policies of earlier
    deliveries are. Without `can_validate` no answer of the resolver's is ever authentic, and no
    result clean: whether DANE applies is not known then. A fetch takes `timeout` seconds at most,
    and so does a server; lookups take what the resolver allows. Trouble of the destination's is in
    the result. Raises `MissingExtra` where a package is needed that is not there, and what the
    cache raises.
    """
    inquiry = _Inquiry(network, resolver, options, cache, port, timeout)
    explained = await inquiry.explain(domain, depth, tuple(local))
    return replace(explained, can_validate=can_validate)


class _Inquiry:
    """One examination, with what it remembers of the DNS meanwhile."""

    def __init__(
        self,
        network: Network,
        resolver: Resolver,
        options: ConnectionOptions,
        cache: PolicyCache | None,
        port: int,
        timeout: float,
    ) -> None:
        self._resolver = RecordingResolver(resolver)
        self._network = ResolvedNetwork(network, self._resolver)
        self._finder = PolicyFinder(
            self._network,
            self._resolver,
            cache=cache,
            trust=options.trust,
            clock=options.clock,
            timeout=timeout,
        )
        self._options = options
        self._port = port
        self._timeout = timeout

    async def explain(
        self, domain: str, depth: Depth, local: tuple[Statement, ...]
    ) -> ExplainedDestination:
        lookups = self._resolver.lookups
        try:
            mx = await self._resolver.mx(domain)
            hosts = exchangers(domain, mx.records, shuffle=_by_name)
        except (NameDoesNotExist, ResolverFailure, PermanentlyRejected) as problem:
            return ExplainedDestination(
                domain=domain, port=self._port, lookups=tuple(lookups), problem=problem
            )
        mta_sts = await self._finder.find(domain, deadline=self._deadline())
        about_all = len(lookups)
        destination = Destination(
            domain=domain,
            has_mx=bool(mx.records),
            mx_is_authentic=mx.authentic,
            mta_sts=mta_sts.policy,
            local=local,
        )
        servers = [
            await self._explain_server(host, mx, destination, depth)
            for host in hosts[:_MAX_SERVERS]
        ]
        return ExplainedDestination(
            domain=domain,
            port=self._port,
            lookups=tuple(lookups[:about_all]),
            mta_sts=mta_sts,
            servers=tuple(servers),
            left_out=max(0, len(hosts) - _MAX_SERVERS),
        )

    async def _explain_server(
        self, host: str, mx: Answer[MX], destination: Destination, depth: Depth
    ) -> ExplainedServer:
        lookups = self._resolver.lookups
        before = len(lookups)
        preference = next((one.preference for one in mx.records if one.host == host), None)
        server = ExplainedServer(host=host, preference=preference)
        problem: MailError | None = None
        try:
            if not (await self._resolver.addresses(host)).records:
                problem = ConnectError(f"{host} has no address", phase=Phase.RESOLVE)
        except (NameDoesNotExist, ResolverFailure) as error:
            problem = error
        if problem is None or problem.is_temporary:
            dane = await find_dane(
                self._resolver, host, port=self._port, next_hop=destination.domain, mx=mx
            )
            server = replace(server, dane=dane, decision=decide_server(host, destination, dane))
        server = replace(server, problem=problem, lookups=tuple(lookups[before:]))
        if depth is Depth.CONNECTION and problem is None:
            server = replace(server, trial=await self._try(server))
        return server

    async def _try(self, server: ExplainedServer) -> Trial | None:
        decision = server.decision
        if server.dane is None or not isinstance(decision, Deliver):
            return None
        endpoint = Endpoint(server.host, self._port, Opening.STARTTLS, TLSLevel.NONE)
        ways = ways_to_connect(decision, Way(endpoint, self._options), server.dane)
        deadline = self._deadline()
        try:
            connection, shortfalls = await connect(self._network, ways, deadline=deadline)
        except MissingExtra:
            # That is no fault of the server's.
            raise
        except MailError as problem:
            return Trial(problem=problem)
        await connection.quit(deadline=deadline)
        return Trial(
            peer_address=connection.peer_address,
            outcome=connection.tls,
            shortfalls=shortfalls,
            fallen_short=fallen_short(decision.watched, connection.tls),
        )

    def _deadline(self) -> float:
        return self._network.now() + self._timeout


def _by_name(records: object) -> None:
    """Leave servers of equal preference in the order of the resolver, which is that of names."""
