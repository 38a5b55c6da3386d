"""DANE: a server proves by TLSA records, not by authorities, who it is (RFC 7672, 7671, 6698).

Nothing here asks the DNS. `requirement` is the table that turns what the DNS said into what a
connection must have, and `DanePeer.authenticate` judges the certificates that the server showed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from postseal.errors import CertificateReason, CertificateRejected, MissingExtra, Phase
from postseal.tls.tlsa import TLSA, Usage

__all__ = [
    "DNSState",
    "DaneMatch",
    "DanePeer",
    "DaneRequirement",
    "TLSAState",
    "requirement",
    "strongest",
]

_MAX_CHAIN: Final = 10
_HINT: Final = "Its certificate changed without its TLSA records, or somebody is impersonating it."


@unique
class DNSState(StrEnum):
    """What is known of the records that lead to a server: its domain's MX and its addresses."""

    SECURE = "secure"
    """All of them were authentic."""
    INSECURE = "insecure"
    """Some were not signed, as the DNS provably says."""
    BOGUS = "bogus"
    """Some were not what was signed."""
    FAILED = "failed"
    """Some could not be had."""


@unique
class TLSAState(StrEnum):
    """What is known of the TLSA records of a server."""

    USABLE = "usable"
    """Authentic, and at least one can be checked."""
    UNUSABLE = "unusable"
    """Authentic, and none can be checked (RFC 7672 2.2)."""
    ABSENT = "absent"
    """There are none."""
    INSECURE = "insecure"
    """There may be some, but anybody could have put them there."""
    BOGUS = "bogus"
    """They are not what was signed."""
    FAILED = "failed"
    """They could not be had."""


@unique
class DaneRequirement(StrEnum):
    """What follows for a connection to the server."""

    AUTHENTICATED = "authenticated"
    """TLS, and the server matches one of the usable records."""
    ENCRYPTED = "encrypted"
    """TLS with whoever answers."""
    NONE = "none"
    """DANE asks for nothing; other rules may."""
    DEFER = "defer"
    """No connection to this server until the DNS answers properly (RFC 7672 2.1.3)."""


_BY_TLSA: Final[Mapping[TLSAState, DaneRequirement]] = {
    TLSAState.USABLE: DaneRequirement.AUTHENTICATED,
    TLSAState.UNUSABLE: DaneRequirement.ENCRYPTED,
    TLSAState.ABSENT: DaneRequirement.NONE,
    TLSAState.INSECURE: DaneRequirement.NONE,
    TLSAState.BOGUS: DaneRequirement.DEFER,
    TLSAState.FAILED: DaneRequirement.DEFER,
}


def requirement(dns: DNSState, tlsa: TLSAState) -> DaneRequirement:
    """Say what a connection must have; a lookup that went wrong never makes it less.

    | DNS | TLSA usable | unusable | absent | insecure | bogus | failed |
    |---|---|---|---|---|---|---|
    | secure | authenticated | encrypted | none | none | defer | defer |
    | insecure | none | none | none | none | none | none |
    | bogus | defer | defer | defer | defer | defer | defer |
    | failed | defer | defer | defer | defer | defer | defer |

    Where the way to the server is insecure, its TLSA records need not be asked for: an attacker
    could have named another server (RFC 7672 2.2.1).
    """
    match dns:
        case DNSState.SECURE:
            return _BY_TLSA[tlsa]
        case DNSState.INSECURE:
            return DaneRequirement.NONE
        case DNSState.BOGUS | DNSState.FAILED:
            return DaneRequirement.DEFER


def strongest(records: Iterable[TLSA]) -> tuple[TLSA, ...]:
    """Keep the usable records with no stronger digest beside them (RFC 7671 9).

    That is by usage and selector; records that hold a whole certificate or key stay in any case.
    """
    usable = [record for record in records if record.is_usable]
    best: dict[tuple[int, int], int] = {}
    for record in usable:
        kind = record.usage, record.selector
        best[kind] = max(best.get(kind, 0), record.matching_type)
    return tuple(
        record
        for record in dict.fromkeys(usable)
        if record.matching_type in (0, best[record.usage, record.selector])
    )


@dataclass(frozen=True, slots=True)
class DaneMatch:
    """The record that authenticated a server, and for DANE-TA the name found."""

    record: TLSA
    name: str = ""

    def __str__(self) -> str:
        return f"DANE TLSA {self.record}" + (f" for {self.name}" if self.name else "")


@dataclass(frozen=True, slots=True)
class DanePeer:
    """A server as the DNS describes it.

    `records` are what `strongest` kept, at least one. `base_domain` is the name they were found
    for, without port and protocol: it goes into SNI (RFC 7672 8.1) and is the first of the
    reference identifiers; `other_names` are the others: the next-hop domain, and what it is an
    alias of (RFC 7672 3.2.2).
    """

    records: tuple[TLSA, ...]
    base_domain: str
    other_names: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The reference identifiers."""
        return tuple(dict.fromkeys((self.base_domain, *self.other_names)))

    def authenticate(self, chain: Sequence[bytes], *, now: float) -> DaneMatch:
        """Find the record that vouches for the certificates a server showed, in DER.

        The server's own certificate comes first. `now` is in seconds since the epoch. Raises
        `CertificateRejected` where no record does, and `MissingExtra` where a DANE-TA record has
        to be checked without the package `cryptography`.
        """
        if not chain:
            raise rejection(chain, CertificateReason.OTHER, "the server showed no certificate")
        for record in self.records:
            # RFC 7672 3.1.1: neither names nor dates count, the record itself says both.
            if record.usage == Usage.DANE_EE and record.matches(chain[0]):
                return DaneMatch(record)
        anchors = tuple(record for record in self.records if record.usage == Usage.DANE_TA)
        if not anchors:
            shown = ", ".join(map(str, self.records))
            raise rejection(
                chain,
                CertificateReason.NO_TLSA_MATCH,
                f"the server's certificate is none of those that the DNS names ({shown})",
            )
        if len(chain) > _MAX_CHAIN:
            raise rejection(
                chain,
                CertificateReason.CHAIN_TOO_LONG,
                f"the server showed {len(chain)} certificates, more than {_MAX_CHAIN}",
            )
        try:
            from postseal.tls.dane_path import verify_path
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"a TLSA record of usage 2 needs the package {error.name}",
                phase=Phase.HANDSHAKE,
                hint="Install it with: pip install 'postseal[mx]'.",
            ) from None
        return DaneMatch(*verify_path(anchors, chain, self.names, now=now))


def rejection(
    chain: Sequence[bytes], reason: CertificateReason, detail: str
) -> CertificateRejected:
    """Refuse the certificates that a server showed."""
    return CertificateRejected(
        detail, reason=reason, phase=Phase.HANDSHAKE, hint=_HINT, chain=tuple(chain)
    )
