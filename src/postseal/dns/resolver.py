"""The resolver interface: four questions, each answer with what DNSSEC says about it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Protocol

from postseal.dns.answers import MX, SRV, Answer

if TYPE_CHECKING:
    from postseal.tls.tlsa import TLSA

__all__ = ["Resolver"]


class Resolver(Protocol):
    """Asks the DNS. Names are absolute, with or without the final dot, and in A-labels or U-labels.

    Each method raises `NameDoesNotExist` when there is no such name, `BogusAnswer` when validation
    failed, and `ResolverFailure` when there is no answer that can be used: a timeout, a server
    that fails, a message that makes no sense.
    """

    async def mx(self, domain: str) -> Answer[MX]:
        """Give the mail exchangers, the most preferred first; hosts in A-labels and lower case."""
        ...

    async def addresses(self, host: str) -> Answer[IPv4Address | IPv6Address]:
        """Give the A and AAAA records, IPv4 first; authentic where both answers were."""
        ...

    async def tlsa(self, name: str) -> Answer[TLSA]:
        """Give the TLSA records of a name such as `_25._tcp.mx.example.org` (RFC 6698 3)."""
        ...

    async def txt(self, name: str) -> Answer[str]:
        """Give the TXT records, the strings of each joined; octets beyond ASCII as Latin-1."""
        ...

    async def srv(self, name: str) -> Answer[SRV]:
        """Give the SRV records of a name such as `_submissions._tcp.example.org` (RFC 2782).

        The lowest priority comes first; hosts in A-labels and lower case.
        """
        ...
