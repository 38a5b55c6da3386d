"""To whom a domain belongs: its organizational domain, and the DMARC record that holds for it.

DMARCbis finds both by walking up the DNS tree (its section 4.10); RFC 7489 3.2 takes the domain
from a list of public suffixes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from postseal.errors import MailError
from postseal.mail.authentication.dmarc_record import DMARCRecord, PublicSuffix
from postseal.mail.authentication.lookups import TXTLookup
from postseal.mail.authentication.tags import InvalidTagList

__all__ = ["FoundRecord", "OrganizationalDomains", "SuffixList", "TreeWalk", "find_record"]

# DMARCbis 4.10: eight queries at most, the second one for seven labels.
_MOST_LABELS: Final = 8


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record and the domain that publishes it."""

    domain: str
    record: DMARCRecord


class OrganizationalDomains(Protocol):
    """Knows the organizational domain of each name; names are in A-labels and lower case."""

    async def of(self, domain: str) -> str:
        """Give the organizational domain, which may be the name itself. Raises `MailError`."""
        ...

    async def record_of(self, domain: str) -> FoundRecord | None:
        """Give the record that holds for a name. Raises `MailError` where a lookup failed."""
        ...


class TreeWalk(OrganizationalDomains):
    """Asks the DNS, label by label; it keeps what it was told, so it is for one message."""

    def __init__(self, resolver: TXTLookup) -> None:
        self._resolver = resolver
        self._known: dict[str, DMARCRecord | None] = {}

    async def of(self, domain: str) -> str:
        found = await self._walk(domain)
        for one in found:
            if one.record.public_suffix is PublicSuffix.NO:
                return one.domain
            if one.record.public_suffix is PublicSuffix.YES and one.domain != domain:
                labels = one.domain.count(".") + 2
                return ".".join(domain.split(".")[-labels:])
        return found[-1].domain if found else domain

    async def record_of(self, domain: str) -> FoundRecord | None:
        found = await self._walk(domain)
        if not found or found[0].domain == domain:
            return found[0] if found else None
        organization = await self.of(domain)
        by_domain = {one.domain: one for one in found}
        # Without a record of its own the organization is under that of the public suffix.
        return by_domain.get(organization) or found[-1]

    async def _walk(self, domain: str) -> list[FoundRecord]:
        """The records from a name up to the top or to the one that ends the walk."""
        found = []
        for name in _names_above(domain):
            if name not in self._known:
                self._known[name] = await find_record(name, self._resolver)
            record = self._known[name]
            if record is None:
                continue
            found.append(FoundRecord(name, record))
            is_end = record.public_suffix is PublicSuffix.NO or (
                record.public_suffix is PublicSuffix.YES and name != domain
            )
            if is_end:
                break
        return found


class SuffixList(OrganizationalDomains):
    """Takes the organizational domain from a list of public suffixes.

    `organization` gives the domain registered under a public suffix, or None for a public suffix:
    `PublicSuffixList().privatesuffix` of the package publicsuffixlist does.
    """

    def __init__(self, resolver: TXTLookup, organization: Callable[[str], str | None]) -> None:
        self._resolver = resolver
        self._organization = organization

    async def of(self, domain: str) -> str:
        return self._organization(domain) or domain

    async def record_of(self, domain: str) -> FoundRecord | None:
        for name in dict.fromkeys((domain, await self.of(domain))):
            if record := await find_record(name, self._resolver):
                return FoundRecord(name, record)
        return None


async def find_record(domain: str, resolver: TXTLookup) -> DMARCRecord | None:
    """Look up the record at `_dmarc.` below a name; one that cannot be used counts as none.

    Raises `MailError` where the lookup failed for now.
    """
    try:
        answer = await resolver.txt(f"_dmarc.{domain}")
        return DMARCRecord.among(answer.records)
    except InvalidTagList:
        return None
    except MailError as error:
        if error.is_temporary:
            raise
        return None


def _names_above(domain: str) -> list[str]:
    labels = domain.split(".")
    names = [domain]
    first = max(1, len(labels) - (_MOST_LABELS - 1))
    return names + [".".join(labels[at:]) for at in range(first, len(labels))]
