"""The resolver interface, and the one that asks the system's name servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

from postseal.errors import MailError, Phase

__all__ = ["MX", "NameDoesNotExist", "Resolver", "ResolverFailure", "SystemResolver"]

_LIFETIME = 20.0
_MAX_RECORDS = 100


class NameDoesNotExist(MailError):
    """The DNS says that there is no such name (RFC 8020)."""


class ResolverFailure(MailError):
    """The DNS gave no answer that can be used; another time it may."""

    _may_pass = True


@dataclass(frozen=True, slots=True, order=True)
class MX:
    """One mail exchanger; lower preferences come first. An empty host is the null MX (RFC 7505)."""

    preference: int
    host: str


class Resolver(Protocol):
    """What delivery asks of the DNS."""

    async def mx(self, domain: str) -> tuple[MX, ...]:
        """Give the MX records of a domain in A-labels, empty when it has none of them.

        Raises `NameDoesNotExist` and `ResolverFailure`.
        """
        ...


class SystemResolver(Resolver):
    """Asks the name servers in the system's configuration, within 20 seconds a question.

    `name_servers`, pairs of address and port, are asked in their stead; `lifetime` is another
    limit in seconds.
    """

    def __init__(
        self, *, name_servers: Sequence[tuple[str, int]] = (), lifetime: float = _LIFETIME
    ) -> None:
        self._name_servers = tuple(name_servers)
        self._lifetime = lifetime
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def mx(self, domain: str) -> tuple[MX, ...]:
        """Ask for MX, as an absolute name."""
        try:
            if self._resolver is None:
                self._resolver = self._configured()
            answer = await self._resolver.resolve(
                f"{domain}.", "MX", lifetime=self._lifetime, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            raise NameDoesNotExist(
                f"the domain {domain} does not exist", phase=Phase.RESOLVE, enhanced_code="5.1.2"
            ) from None
        except (dns.exception.DNSException, OSError) as error:
            raise ResolverFailure(
                f"no answer for the MX records of {domain}: {error}", phase=Phase.RESOLVE
            ) from error
        records = list(answer.rrset or ())[:_MAX_RECORDS]
        return tuple(
            sorted(
                MX(record.preference, record.exchange.to_text(omit_final_dot=True).lower())
                if record.exchange.to_text() != "."
                else MX(record.preference, "")
                for record in records
            )
        )

    def _configured(self) -> dns.asyncresolver.Resolver:
        if not self._name_servers:
            return dns.asyncresolver.Resolver()
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [
            dns.nameserver.Do53Nameserver(address, port) for address, port in self._name_servers
        ]
        return resolver
