"""What mail authentication asks of the DNS, as interfaces that `postseal.dns` fulfils.

Each method raises a `MailError`: one that `is_temporary` where the answer may be had later, and
another where the name does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol, TypeVar

__all__ = ["Exchanger", "Records", "SPFLookup", "TXTLookup"]

T_co = TypeVar("T_co", covariant=True)


class Records(Protocol[T_co]):
    """An answer: the records, and whether DNSSEC vouches for them."""

    @property
    def records(self) -> Sequence[T_co]:
        """The records; none where the name has none of the type."""
        ...

    @property
    def authentic(self) -> bool:
        """Whether a validating resolver vouches for the answer."""
        ...


class Exchanger(Protocol):
    """One mail exchanger."""

    @property
    def host(self) -> str:
        """Its name, empty for the null MX (RFC 7505)."""
        ...


class TXTLookup(Protocol):
    """Whoever can look up TXT records."""

    async def txt(self, name: str) -> Records[str]:
        """Give the TXT records of a name, the strings of each joined."""
        ...


class SPFLookup(TXTLookup, Protocol):
    """Whoever can look up what SPF asks for."""

    async def addresses(self, host: str) -> Records[IPv4Address | IPv6Address]:
        """Give the A and AAAA records of a name."""
        ...

    async def mx(self, domain: str) -> Records[Exchanger]:
        """Give the mail exchangers of a name, the most preferred first."""
        ...
