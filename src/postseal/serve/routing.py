"""Where the mail for a domain goes: a fixed route, or the domain's mail exchangers (RFC 5321 5)."""

from __future__ import annotations

import random
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from typing import Final

from postseal.dns import MX, Resolver, exchangers
from postseal.send.connection import ConnectionOptions
from postseal.send.endpoint import Endpoint
from postseal.send.timeouts import Timeouts
from postseal.serve.setting_routes import DEFAULT_ROUTE, Route
from postseal.serve.settings import Settings
from postseal.tls import Opening, PolicySource, TLSLevel, Trust

__all__ = ["Hop", "Router"]

# RFC 5321 5.1: a client SHOULD try at least two addresses; more than this helps nobody.
_MAX_HOSTS: Final = 5


@dataclass(frozen=True, slots=True)
class Hop:
    """A server to try, and how; `rule` says in words what made it so."""

    endpoint: Endpoint
    options: ConnectionOptions
    rule: str


class Router:
    """Turns a recipient's domain into the servers to try, in order."""

    def __init__(
        self,
        settings: Settings,
        resolver: Resolver,
        *,
        shuffle: Callable[[MutableSequence[MX]], None] = random.shuffle,
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._shuffle = shuffle

    async def hops(self, domain: str) -> tuple[Hop, ...]:
        """Give the servers for a domain in A-labels or an address literal, at least one.

        Raises `PermanentlyRejected` for a domain that takes no mail, and what the resolver raises.
        """
        routes = self._settings.delivery.routes
        for key in (domain, DEFAULT_ROUTE):
            if (route := routes.get(key)) is not None:
                return (self._fixed(key, route),)
        if domain.startswith("["):
            return (self._exchanger(_address_of(domain), "address literal"),)
        return tuple(
            self._exchanger(host, f"MX of {domain}") for host in await self._exchangers(domain)
        )

    def _fixed(self, key: str, route: Route) -> Hop:
        endpoint = route.endpoint
        options = ConnectionOptions(
            trust=Trust.only(route.ca_file) if route.ca_file else Trust.system(),
            policy_source=PolicySource.CONFIGURATION,
            tls_name=route.tls_name,
            local_name=self._settings.hostname,
            timeouts=Timeouts.for_relays(),
        )
        rule = f'{endpoint.level.word}, by delivery.routes."{key}"'
        return Hop(endpoint, options, rule)

    def _exchanger(self, host: str, found: str) -> Hop:
        delivery = self._settings.delivery
        level = TLSLevel[delivery.mx_tls.name]
        endpoint = Endpoint(host, delivery.mx_port, Opening.STARTTLS, level)
        options = ConnectionOptions(
            policy_source=PolicySource.CONFIGURATION,
            local_name=self._settings.hostname,
            timeouts=Timeouts.for_relays(),
        )
        return Hop(endpoint, options, f"{level.word}, by delivery.mx_tls ({found})")

    async def _exchangers(self, domain: str) -> tuple[str, ...]:
        answer = await self._resolver.mx(domain)
        hosts = exchangers(
            domain, answer.records, our_name=self._settings.hostname, shuffle=self._shuffle
        )
        return hosts[:_MAX_HOSTS]


def _address_of(literal: str) -> str:
    # RFC 5321 4.1.3: the tag is written in any case.
    address = literal[1:-1]
    return address[5:] if address[:5].lower() == "ipv6:" else address
