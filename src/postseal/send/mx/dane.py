"""DANE discovery: what the DNS says of a server, and what follows for a connection (RFC 7672 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postseal.address import ascii_domain
from postseal.dns import Answer, BogusAnswer, NameDoesNotExist, Resolver, ResolverFailure
from postseal.tls.dane import (
    DanePeer,
    DaneRequirement,
    DNSState,
    TLSAState,
    requirement,
    strongest,
)
from postseal.tls.tlsa import tlsa_name

__all__ = ["DaneFinding", "find_dane"]


@dataclass(frozen=True, slots=True)
class DaneFinding:
    """What is known of a server's TLSA records, and of the lookups that lead to them.

    `base_domain` is the name that they are for or were looked for last. `peer` is there exactly
    where the requirement is AUTHENTICATED. `problem` is the lookup that failed, if one did.
    """

    dns: DNSState
    tlsa: TLSAState
    base_domain: str
    peer: DanePeer | None = None
    problem: ResolverFailure | None = None

    @property
    def requirement(self) -> DaneRequirement:
        """What a connection to the server must have."""
        return requirement(self.dns, self.tlsa)


async def find_dane(
    resolver: Resolver,
    host: str,
    *,
    port: int,
    next_hop: str,
    mx: Answer[object],
) -> DaneFinding:
    """Look for the TLSA records of one server of a destination.

    `next_hop` is the domain that the mail is for, `mx` what the lookup of its exchangers gave, and
    `host` one of these, or the domain itself where there is none. Trouble with a lookup is in the
    finding. Raises `NameDoesNotExist` for a host without addresses to connect to.
    """
    host = ascii_domain(host.removesuffix("."))
    if not mx.authentic:
        return DaneFinding(DNSState.INSECURE, TLSAState.ABSENT, host)
    try:
        addresses = await resolver.addresses(host)
    except ResolverFailure as error:
        dns = DNSState.BOGUS if isinstance(error, BogusAnswer) else DNSState.FAILED
        return DaneFinding(dns, TLSAState.FAILED, host, problem=error)
    bases = _base_domains(host, addresses)
    if not bases:
        return DaneFinding(DNSState.INSECURE, TLSAState.ABSENT, host)
    # RFC 7672 3.2.2: with a secure MX, the names before it identify the server as well.
    names = (next_hop, mx.name)
    finding = DaneFinding(DNSState.SECURE, TLSAState.ABSENT, host)
    for base in bases:
        finding = await _look_up(resolver, base, port, names)
        if finding.tlsa not in (TLSAState.ABSENT, TLSAState.INSECURE):
            break
    return finding


def _base_domains(host: str, addresses: Answer[object]) -> tuple[str, ...]:
    """Give the candidates for the TLSA base domain, in order (RFC 7672 2.2.2, 2.2.3).

    Behind aliases that are all secure that is the last name, then the first. Where an alias leads
    out of what is signed, the first may still be. Unsigned addresses without an alias are in an
    unsigned zone: nothing is asked there, for some of its servers do not know TLSA at all.
    """
    if addresses.authentic:
        return tuple(dict.fromkeys((addresses.name, host)))
    return (host,) if addresses.name != host else ()


async def _look_up(resolver: Resolver, base: str, port: int, names: Sequence[str]) -> DaneFinding:
    try:
        answer = await resolver.tlsa(tlsa_name(base, port=port))
    except NameDoesNotExist:
        return DaneFinding(DNSState.SECURE, TLSAState.ABSENT, base)
    except BogusAnswer as error:
        return DaneFinding(DNSState.SECURE, TLSAState.BOGUS, base, problem=error)
    except ResolverFailure as error:
        return DaneFinding(DNSState.SECURE, TLSAState.FAILED, base, problem=error)
    if not answer.records:
        return DaneFinding(DNSState.SECURE, TLSAState.ABSENT, base)
    if not answer.authentic:
        return DaneFinding(DNSState.SECURE, TLSAState.INSECURE, base)
    usable = strongest(answer.records)
    if not usable:
        return DaneFinding(DNSState.SECURE, TLSAState.UNUSABLE, base)
    return DaneFinding(
        DNSState.SECURE, TLSAState.USABLE, base, DanePeer(usable, base, tuple(names))
    )
