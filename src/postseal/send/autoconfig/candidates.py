"""Servers that may take a person's mail: where they are, who names them, and who vouches for that.

A certificate proves that a server is the host that was meant. Whether that host was meant is
another matter: anybody on the path may have answered in the place of the DNS (RFC 6186 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final
from urllib.parse import quote

from postseal.send.endpoint import Endpoint
from postseal.tls.channel import Opening
from postseal.tls.levels import TLSLevel

__all__ = ["Candidate", "Origin", "Voucher", "lies_within"]

_SCHEMES: Final = {Opening.IMPLICIT: ("smtps", 465), Opening.STARTTLS: ("smtp", 587)}


@unique
class Origin(StrEnum):
    """Who names a server."""

    CALLER = "you"
    SRV = "SRV record"
    FILE = "autoconfig file"
    DATABASE = "Mozilla's database"
    GUESS = "guess"

    @property
    def is_published(self) -> bool:
        """Whether mail programs come to the server because somebody says so."""
        return self is not Origin.GUESS


@unique
class Voucher(StrEnum):
    """Who says that a host is the one that the person's mail is meant for."""

    CALLER = "it was named by you"
    DOMAIN = "it is a host of the domain"
    DNSSEC = "DNSSEC proves the record that names it"
    HTTPS = "the domain's web server names it"
    THIRD_PARTY = "Mozilla's database names it, and nobody of the domain"
    NOBODY = "nobody: anybody on the path to the DNS could have named it"

    @property
    def is_enough(self) -> bool:
        """Whether a password may be given to the host."""
        return self not in (Voucher.THIRD_PARTY, Voucher.NOBODY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server to be examined; `username` is what the user is called there, where that is known."""

    host: str
    port: int
    opening: Opening
    origin: Origin
    voucher: Voucher
    username: str | None = None

    @property
    def endpoint(self) -> Endpoint:
        """The server, TLS and a proof of its identity required."""
        return Endpoint(
            self.host, self.port, self.opening, TLSLevel.AUTHENTICATED, self.username or None
        )

    @property
    def url(self) -> str:
        """What a `Mailer` is made with; `Endpoint.parse` gives the endpoint again."""
        scheme, port = _SCHEMES[self.opening]
        user = f"{quote(self.username, safe='')}@" if self.username else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{user}{host}{'' if self.port == port else f':{self.port}'}"


def lies_within(host: str, domain: str) -> bool:
    """Tell whether `host` is the domain itself or below it."""
    return host == domain or host.endswith(f".{domain}")
