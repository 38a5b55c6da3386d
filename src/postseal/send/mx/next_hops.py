"""The servers of a domain as the DNS names them, and what has to be known of each to use it.

Nothing is taken for less because a lookup failed: what cannot be found out is raised, or stands in
the finding.
"""

from __future__ import annotations

import random
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from postseal.dns.answers import MX, Answer
from postseal.dns.exchangers import exchangers
from postseal.dns.resolver import Resolver
from postseal.errors import PermanentlyRejected
from postseal.send.mx.dane import DaneFinding, find_dane
from postseal.send.mx.mta_sts import DiscoveredPolicy, PolicyFinder
from postseal.send.networks.network import IPAddress
from postseal.tls.dane import DNSState, TLSAState

__all__ = ["NextHops", "address_of", "dane_not_asked", "find_next_hops", "is_literal"]

# RFC 5321 5.1: a client SHOULD try at least two addresses; more than this helps nobody.
_MAX_HOSTS: Final = 5
_MAX_ADDRESSES: Final = 8


@dataclass(frozen=True, slots=True)
class NextHops:
    """The `hosts` to try for mail to a `domain` (A-labels, or an address literal), in order.

    `mx` is what the lookup of its exchangers gave, `discovered` what there is of MTA-STS.
    """

    domain: str
    hosts: tuple[str, ...]
    mx: Answer[MX]
    discovered: DiscoveredPolicy

    async def dane(self, host: str, resolver: Resolver, *, port: int) -> DaneFinding:
        """Find out what DANE says of one of the hosts; see `find_dane`."""
        if is_literal(self.domain):
            return dane_not_asked(host)
        return await find_dane(resolver, host, port=port, next_hop=self.domain, mx=self.mx)

    async def addresses(
        self, host: str, resolver: Resolver, *, on_this_machine: bool = False
    ) -> frozenset[IPAddress]:
        """Look up where to connect to; raise `PermanentlyRejected` where that is nowhere.

        The DNS names this machine only where `on_this_machine` allows it.
        """
        found: tuple[IPAddress, ...]
        if is_literal(self.domain):
            found = (ip_address(host),)
        else:
            found = (await resolver.addresses(host)).records
        if not found:
            raise PermanentlyRejected(f"{host} has no address", enhanced_code="5.4.4")
        if not on_this_machine:
            found = tuple(filter(_may_be_elsewhere, found))
        if not found:
            raise PermanentlyRejected(
                f"the addresses of {host} lead to this machine or to nobody",
                enhanced_code="5.4.6",
                hint="For a server of yours on this machine, set a route.",
            )
        return frozenset(found[:_MAX_ADDRESSES])


async def find_next_hops(
    domain: str,
    resolver: Resolver,
    policies: PolicyFinder,
    *,
    our_name: str = "",
    shuffle: Callable[[MutableSequence[MX]], None] = random.shuffle,
) -> NextHops:
    """Look up the servers of a domain, or take the one that an address literal is.

    Raises `PermanentlyRejected` for a domain that takes no mail, and what the resolver and the
    store of policies raise.
    """
    if is_literal(domain):
        mx: Answer[MX] = Answer((), authentic=False, name=domain, ttl=0.0)
        return NextHops(domain, (address_of(domain),), mx, DiscoveredPolicy(domain, None))
    mx = await resolver.mx(domain)
    hosts = exchangers(domain, mx.records, our_name=our_name, shuffle=shuffle)
    return NextHops(domain, hosts[:_MAX_HOSTS], mx, await policies.find(domain))


def dane_not_asked(host: str) -> DaneFinding:
    """What DANE says where there is nothing to ask."""
    return DaneFinding(DNSState.INSECURE, TLSAState.ABSENT, host)


def is_literal(domain: str) -> bool:
    """Tell whether a domain is an address in brackets."""
    return domain.startswith("[")


def address_of(literal: str) -> str:
    """The address in the brackets; RFC 5321 4.1.3: the tag is written in any case."""
    address = literal[1:-1]
    return address[5:] if address[:5].lower() == "ipv6:" else address


def _may_be_elsewhere(address: IPAddress) -> bool:
    mapped = address.ipv4_mapped if address.version == 6 else None
    real = mapped or address
    return not (real.is_loopback or real.is_unspecified or real.is_multicast)
