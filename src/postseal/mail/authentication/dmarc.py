"""DMARC: whether the author's domain vouches for a message, and what it asks for where not.

RFC 7489 6.6, with the tree walk of its successor (DMARCbis) to find policies and organizations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique

from postseal.address import ascii_domain
from postseal.errors import InvalidAddress, MailError
from postseal.mail.authentication.dkim_verifying import DKIMResult
from postseal.mail.authentication.dmarc_domains import (
    FoundRecord,
    OrganizationalDomains,
    TreeWalk,
)
from postseal.mail.authentication.dmarc_record import Alignment, DMARCPolicy
from postseal.mail.authentication.lookups import SPFLookup
from postseal.mail.authentication.spf import SPFResult
from postseal.mail.authentication.words import ResultWord

__all__ = ["AlignedMethod", "DMARCResult", "check_dmarc"]


@unique
class AlignedMethod(StrEnum):
    """What proved that a message is its author's."""

    DKIM = "dkim"
    SPF = "spf"


@dataclass(frozen=True, slots=True, kw_only=True)
class DMARCResult:
    """The result for one author's domain.

    `policy` is what the domain asks for where the result is fail, and None without a record;
    `found` is the record that it comes from. `aligned` says what passed for the domain.
    """

    word: ResultWord
    domain: str
    policy: DMARCPolicy | None = None
    aligned: tuple[AlignedMethod, ...] = ()
    found: FoundRecord | None = None
    text: str = ""


async def check_dmarc(
    author: str,
    resolver: SPFLookup,
    *,
    dkim: Iterable[DKIMResult] = (),
    spf: SPFResult | None = None,
    organizations: OrganizationalDomains | None = None,
) -> DMARCResult:
    """Evaluate DMARC for the domain of the From field.

    `dkim` and `spf` are what was found for the message; `spf` has to be that of the envelope
    sender, or of the EHLO where that was empty. `organizations` walks the DNS tree unless given.
    Where nothing passed and a lookup failed that could have changed that, the word is `temperror`.
    """
    try:
        domain = ascii_domain(author.removesuffix("."))
    except InvalidAddress as error:
        return DMARCResult(word=ResultWord.PERMERROR, domain=author, text=error.text)
    organizations = organizations or TreeWalk(resolver)
    try:
        found = await organizations.record_of(domain)
        if found is None:
            return DMARCResult(
                word=ResultWord.NONE, domain=domain, text=f"{domain} has no DMARC record"
            )
        record, alignments = found.record, _Alignments(organizations, domain)
        claims = [
            (AlignedMethod.DKIM, one.signature.domain, record.dkim, one.word)
            for one in dkim
            if one.signature is not None
        ]
        if spf is not None:
            claims.append((AlignedMethod.SPF, spf.domain, record.spf, spf.word))
        said = [
            (method, word)
            for method, claimed, mode, word in claims
            if await alignments.holds(claimed, mode, word)
        ]
        policy = await _policy(found, domain, resolver)
    except MailError as error:
        return DMARCResult(word=ResultWord.TEMPERROR, domain=domain, text=str(error))
    aligned = tuple(dict.fromkeys(method for method, word in said if word is ResultWord.PASS))
    if aligned:
        word = ResultWord.PASS
    else:
        # Aligned, and neither passed nor failed.
        word = ResultWord.TEMPERROR if said else ResultWord.FAIL
    return DMARCResult(
        word=word,
        domain=domain,
        policy=policy,
        aligned=aligned,
        found=found,
        text="" if aligned else f"nothing that passed is aligned with {domain}",
    )


class _Alignments:
    """Compares domains with that of the author."""

    def __init__(self, organizations: OrganizationalDomains, author: str) -> None:
        self._organizations = organizations
        self._author = author

    async def holds(self, domain: str, mode: Alignment, word: ResultWord) -> bool:
        """Whether a domain is aligned, asked only where the word could matter."""
        if word not in (ResultWord.PASS, ResultWord.TEMPERROR):
            return False
        if domain == self._author:
            return True
        if mode is Alignment.STRICT:
            return False
        return await self._organizations.of(domain) == await self._organizations.of(self._author)


async def _policy(found: FoundRecord, domain: str, resolver: SPFLookup) -> DMARCPolicy:
    record = found.record
    if found.domain == domain:
        policy = record.policy
    elif record.missing_policy is record.subdomain_policy or await _exists(domain, resolver):
        policy = record.subdomain_policy
    else:
        policy = record.missing_policy
    return policy.milder if record.is_testing else policy


async def _exists(domain: str, resolver: SPFLookup) -> bool:
    """Whether a name has an address or a mail exchanger (DMARCbis 3.2.13)."""
    for lookup in (resolver.addresses, resolver.mx):
        try:
            if (await lookup(domain)).records:
                return True
        except MailError as error:
            if error.is_temporary:
                raise
    return False
