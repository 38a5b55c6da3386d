"""What is asked of the DNS, what comes back, and what can go wrong, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Generic, TypeVar

from postseal.errors import MailError

__all__ = [
    "MX",
    "SRV",
    "Answer",
    "BogusAnswer",
    "Lookup",
    "NameDoesNotExist",
    "ResolverFailure",
]

T_co = TypeVar("T_co", covariant=True)


@unique
class Lookup(StrEnum):
    """The questions that mail asks of the DNS."""

    MX = "MX"
    ADDRESSES = "address"
    TLSA = "TLSA"
    TXT = "TXT"
    SRV = "SRV"


@dataclass(frozen=True, slots=True)
class Answer(Generic[T_co]):
    """The records of one type at one name; none of them means that the name has none (NODATA).

    `authentic` is true where a trusted resolver validated by DNSSEC all that led to the answer,
    each alias on the way and a denial included (the AD bit, RFC 4035 3.2.3). `name` is where the
    records are, behind all aliases, in A-labels and lower case without the final dot. `ttl` says
    for how many seconds the answer may be kept.
    """

    records: tuple[T_co, ...]
    authentic: bool
    name: str
    ttl: float


@dataclass(frozen=True, slots=True, order=True)
class MX:
    """One mail exchanger; lower preferences come first. An empty host is the null MX (RFC 7505)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True, order=True)
class SRV:
    """Where a service is (RFC 2782); an empty host says that it is not to be had here.

    Lower priorities come first. Of records of equal priority, each is to be chosen in proportion to
    its weight.
    """

    priority: int
    weight: int
    port: int
    host: str


class NameDoesNotExist(MailError):
    """The DNS says that there is no such name, nor any below it (RFC 8020).

    `authentic` and `ttl` have the meaning that they have in an `Answer`.
    """

    _fields = (*MailError._fields, "authentic", "ttl")

    def __init__(
        self, text: str = "", *, authentic: bool = False, ttl: float = 0.0, **where: Any
    ) -> None:
        super().__init__(text, **where)
        self.authentic = authentic
        self.ttl = ttl


class ResolverFailure(MailError):
    """The DNS gave no answer that can be used; another time it may.

    It says nothing about the name: neither that it has no records nor that it is not signed.
    """

    _may_pass = True


class BogusAnswer(ResolverFailure):
    """DNSSEC validation failed: the answer was forged, or the zone is signed wrongly (RFC 4035 5).

    Whoever goes on without the answer does what an attacker wants.
    """
