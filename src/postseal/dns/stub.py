"""The stub resolver: asks validating name servers, and takes the AD bit of nobody else.

It validates nothing itself (RFC 4035 4.9.3): that is the work of a resolver such as Unbound on the
same machine, where nobody can change the answers on their way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import dns.exception
import dns.message
import dns.rdata
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from postseal.dns.answers import MX, SRV, Answer, BogusAnswer, NameDoesNotExist, ResolverFailure
from postseal.dns.exchange import AsyncioExchange, Exchange
from postseal.dns.messages import Checking, make_query, read_response
from postseal.dns.name_servers import NameServer, system_name_servers
from postseal.dns.records import addresses_of, exchangers_of, services_of, texts_of, tlsa_of
from postseal.dns.resolver import Resolver
from postseal.dns.wire import Response, parse_response
from postseal.errors import MailError, Phase
from postseal.tls.tlsa import TLSA

__all__ = ["StubResolver"]

_TIMEOUT: Final = 20.0
_PATIENCE: Final = 4.0


class StubResolver(Resolver):
    """Asks `name_servers`, or those of the system's configuration, in their order.

    The AD bit is believed from servers on loopback alone. Where there are any, no other server is
    asked: who can silence the trusted one must not choose the answer. With
    `dangerous_trust_ad_beyond_loopback` all servers count as trusted; that is sound only where
    nobody can write on the path to them, as within a tunnel.

    A question takes `timeout` seconds at most, and a server that is silent for `patience` seconds
    makes room for the next. Over a `BlockingExchange` the coroutines never suspend.
    """

    def __init__(
        self,
        *,
        name_servers: Sequence[NameServer] = (),
        exchange: Exchange | None = None,
        timeout: float = _TIMEOUT,
        patience: float = _PATIENCE,
        dangerous_trust_ad_beyond_loopback: bool = False,
    ) -> None:
        self._name_servers = tuple(name_servers)
        self._exchange = exchange or AsyncioExchange()
        self._timeout = timeout
        self._patience = patience
        self._trust_all = dangerous_trust_ad_beyond_loopback

    async def mx(self, domain: str) -> Answer[MX]:
        return exchangers_of(await self._ask(domain, RdataType.MX))

    async def tlsa(self, name: str) -> Answer[TLSA]:
        return tlsa_of(await self._ask(name, RdataType.TLSA))

    async def txt(self, name: str) -> Answer[str]:
        return texts_of(await self._ask(name, RdataType.TXT))

    async def srv(self, name: str) -> Answer[SRV]:
        return services_of(await self._ask(name, RdataType.SRV))

    async def addresses(self, host: str) -> Answer[IPv4Address | IPv6Address]:
        both = [partial(self._ask, host, rdtype) for rdtype in (RdataType.A, RdataType.AAAA)]
        settled = await self._exchange.settle(both)
        troubles = [one for one in settled if isinstance(one, MailError)]
        for trouble in troubles:
            if isinstance(trouble, BogusAnswer):
                raise trouble
        # Name servers that know nothing of AAAA are still about; A will do then.
        found = [addresses_of(one) for one in settled if isinstance(one, Answer)]
        records = tuple(record for answer in found for record in answer.records)
        if not records and troubles:
            raise next((one for one in troubles if isinstance(one, NameDoesNotExist)), troubles[-1])
        return Answer(
            records,
            all(answer.authentic for answer in found),
            found[0].name,
            min(answer.ttl for answer in found),
        )

    async def _ask(self, name: str, rdtype: RdataType) -> Answer[dns.rdata.Rdata]:
        query = make_query(name, rdtype)
        deadline = self._exchange.now() + self._timeout
        servers = deque(self._servers())
        trouble = ""
        while servers and self._exchange.now() < deadline:
            server = servers.popleft()
            try:
                response = await self._exchange_with(server, query, deadline)
                if response.rcode == Rcode.SERVFAIL:
                    await self._refuse_bogus(server, response, name, rdtype, deadline)
                return read_response(response, trusted=self._trusts(server))
            except TimeoutError:
                trouble = f"{server} did not answer in time"
                # A datagram may have been lost: of all troubles this one is worth another try.
                servers.append(server)
            except BogusAnswer:
                raise
            except ResolverFailure as error:
                trouble = f"{server}: {error.text}"
            except (dns.exception.DNSException, OSError) as error:
                trouble = f"{server}: {error}"
        raise ResolverFailure(
            f"no answer for the {rdtype.name} records of {name}: {trouble}", phase=Phase.RESOLVE
        )

    async def _exchange_with(
        self, server: NameServer, query: dns.message.QueryMessage, deadline: float
    ) -> Response:
        wire = query.to_wire()

        def accept(datagram: bytes) -> Response | None:
            try:
                return parse_response(query, datagram)
            except dns.exception.DNSException:
                # Anybody may send rubbish; the answer may be behind it.
                return None

        response = await self._exchange.datagram(wire, server, self._left(deadline), accept)
        if not response.is_truncated:
            return response
        octets = await self._exchange.stream(wire, server, self._left(deadline))
        whole = parse_response(query, octets)
        if whole is None or whole.is_truncated:
            raise ResolverFailure("the whole answer cannot be had by TCP either")
        return whole

    async def _refuse_bogus(
        self,
        server: NameServer,
        response: Response,
        name: str,
        rdtype: RdataType,
        deadline: float,
    ) -> None:
        """Raise `BogusAnswer` where a server fails for DNSSEC's sake alone.

        It may say so itself; otherwise it gives the answer as soon as nobody asks for validation.
        """
        if not response.says_bogus:
            unchecked = make_query(name, rdtype, checking=Checking.DISABLED)
            response = await self._exchange_with(server, unchecked, deadline)
            if response.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
                return
        raise BogusAnswer(
            f"the {rdtype.name} records of {name} are bogus: {server} could not validate them",
            phase=Phase.RESOLVE,
            hint="The domain's DNSSEC is broken, or somebody forges answers.",
        )

    def trusted_servers(self) -> tuple[NameServer, ...]:
        """Give the servers whose word about DNSSEC is taken; without any, nothing is authentic.

        Raises `ResolverFailure` where the system's configuration has to be read and cannot be.
        """
        if not self._name_servers:
            self._name_servers = system_name_servers()
        return tuple(server for server in self._name_servers if self._trusts(server))

    def _servers(self) -> list[NameServer]:
        return list(self.trusted_servers() or self._name_servers)

    def _trusts(self, server: NameServer) -> bool:
        return self._trust_all or server.is_on_loopback

    def _left(self, deadline: float) -> float:
        left = deadline - self._exchange.now()
        if left <= 0:
            raise TimeoutError
        return min(left, self._patience)
