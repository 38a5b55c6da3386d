"""SPF: whether a client may send for the domain of the envelope sender (RFC 7208)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final, Protocol, TypeVar

from postseal.address import ascii_domain
from postseal.defaults import Clock, utc_now
from postseal.errors import InvalidAddress, MailError
from postseal.mail.authentication.lookups import Records, SPFLookup
from postseal.mail.authentication.spf_macros import InvalidSPF, MacroString, dotted
from postseal.mail.authentication.spf_record import Directive, Mechanism, SPFRecord
from postseal.mail.authentication.words import ResultWord

__all__ = ["ReverseLookup", "SPFResult", "check_spf"]

T = TypeVar("T")
IPAddress = IPv4Address | IPv6Address

# RFC 7208 4.6.4.
_MAX_LOOKUPS: Final = 10
_MAX_VOID_LOOKUPS: Final = 2
_MAX_EXCHANGERS: Final = 10
_MAX_REVERSE_NAMES: Final = 10
_LABEL = re.compile(r"[\x20-\x2d\x2f-\x7e]{1,63}\Z")


class ReverseLookup(Protocol):
    """Whoever can look up the names of an address."""

    async def names(self, address: IPAddress) -> Records[str]:
        """Give the PTR records of an address."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SPFResult:
    """The result for one domain.

    `directive` is what matched, as its record writes it, and empty where nothing did. `explanation`
    is the domain's own text for a failure: others' words, to be shown as such. `lookups` is how
    many terms asked the DNS, of the ten that may.
    """

    word: ResultWord
    domain: str
    text: str = ""
    directive: str = ""
    explanation: str | None = None
    lookups: int = 0


async def check_spf(
    client: IPAddress,
    resolver: SPFLookup,
    *,
    sender: str,
    helo: str,
    reverse: ReverseLookup | None = None,
    receiver: str = "unknown",
    clock: Clock = utc_now,
) -> SPFResult:
    """Evaluate the domain of a sender for a client: `check_host()` of RFC 7208 4.

    `sender` is the reverse-path without its brackets; where it is empty, the name of the EHLO
    stands for it (RFC 7208 2.4). Without `reverse` the mechanism ptr matches nothing, and the macro
    p is `unknown`, as where those lookups fail. `receiver` is the macro r. Nothing in the DNS makes
    it raise.
    """
    identity = sender or f"postmaster@{helo}"
    local, _, domain = identity.rpartition("@")
    if isinstance(client, IPv6Address) and client.ipv4_mapped is not None:
        client = client.ipv4_mapped
    values = {
        "s": f"{local or 'postmaster'}@{domain}",
        "l": local or "postmaster",
        "o": domain,
        "i": dotted(client),
        "h": helo,
        "c": str(client),
        "r": receiver,
        "t": str(int(clock().timestamp())),
        "v": "in-addr" if isinstance(client, IPv4Address) else "ip6",
    }
    check = _Check(client, resolver, reverse, values)
    try:
        found = await check.host(domain)
    except InvalidSPF as error:
        found = check.result(ResultWord.PERMERROR, domain, error.text)
    except _TemporaryFault as error:
        found = check.result(ResultWord.TEMPERROR, domain, str(error))
    # Wherever a redirect led to, it is this domain that has let the client or not.
    return replace(found, domain=_canonical(domain) or domain)


class _TemporaryFault(Exception):
    """A lookup failed that the result depends on."""


class _Check:
    """One evaluation, with what it may still look up."""

    def __init__(
        self,
        client: IPAddress,
        resolver: SPFLookup,
        reverse: ReverseLookup | None,
        values: Mapping[str, str],
    ) -> None:
        self._own_values = values
        self._client = client
        self._resolver = resolver
        self._reverse = reverse
        self._lookups = 0
        self._void_lookups = 0
        self._own_names: tuple[str, ...] | None = None

    def result(
        self, word: ResultWord, domain: str, text: str = "", directive: str = ""
    ) -> SPFResult:
        return SPFResult(
            word=word, domain=domain, text=text, directive=directive, lookups=self._lookups
        )

    async def host(self, domain: str, *, is_included: bool = False) -> SPFResult:
        name = _canonical(domain)
        if name is None:
            return self.result(ResultWord.NONE, domain, f"{domain[:80]!a} is no domain name")
        record = SPFRecord.among(await self._records(self._resolver.txt, name))
        if record is None:
            return self.result(ResultWord.NONE, name, f"{name} has no SPF record")
        for directive in record.directives:
            if await self._matches(directive, name):
                found = self.result(directive.word, name, directive=directive.text)
                if found.word is ResultWord.FAIL and record.explanation and not is_included:
                    explanation = await self._explain(record.explanation, name)
                    found = replace(found, explanation=explanation)
                return found
        if record.redirect is not None:
            self._count()
            target = await self._expanded(record.redirect, name)
            found = await self.host(target, is_included=is_included)
            if found.word is ResultWord.NONE:
                raise InvalidSPF(f"{name} redirects to {target[:80]!a}, which has no SPF record")
            return found
        return self.result(ResultWord.NEUTRAL, name, f"nothing in the record of {name} matches")

    async def _matches(self, directive: Directive, domain: str) -> bool:
        mechanism = directive.mechanism
        if mechanism is Mechanism.ALL:
            return True
        if directive.network is not None:
            return self._client in directive.network
        self._count()
        target = domain
        if directive.target is not None:
            target = await self._expanded(directive.target, domain)
        if mechanism is Mechanism.INCLUDE:
            return await self._includes(target)
        name = _canonical(target, labels=1)
        if name is None:
            # RFC 7208 4.8: a name that cannot exist is treated as one that does not.
            return False
        if mechanism is Mechanism.PTR:
            return await self._is_named(name)
        if mechanism is Mechanism.MX:
            return await self._is_exchanger(name, directive)
        addresses = await self._records(self._resolver.addresses, name)
        version = 4 if mechanism is Mechanism.EXISTS else self._client.version
        addresses = [one for one in addresses if one.version == version]
        self._count_void(addresses)
        if mechanism is Mechanism.EXISTS:
            return bool(addresses)
        return self._is_among(addresses, directive)

    async def _includes(self, target: str) -> bool:
        # RFC 7208 5.2: only pass and the three plain results of the other record come through.
        found = await self.host(target, is_included=True)
        if found.word is ResultWord.NONE:
            raise InvalidSPF(f"{target[:80]!a} is included and has no SPF record")
        return found.word is ResultWord.PASS

    async def _is_exchanger(self, name: str, directive: Directive) -> bool:
        exchangers = await self._records(self._resolver.mx, name)
        hosts = [one.host for one in exchangers if one.host]
        self._count_void(hosts)
        if len(hosts) > _MAX_EXCHANGERS:
            raise InvalidSPF(f"{name} has {len(hosts)} mail exchangers, more than 10")
        for host in hosts:
            if self._is_among(await self._records(self._resolver.addresses, host), directive):
                return True
        return False

    async def _is_named(self, target: str) -> bool:
        return any(
            name == target or name.endswith(f".{target}") for name in await self._valid_names()
        )

    async def _valid_names(self) -> Sequence[str]:
        """The names of the client that lead back to it (RFC 7208 5.5); looked up once."""
        if self._own_names is None:
            self._own_names = tuple(
                [name for name in await self._claimed_names() if await self._leads_back(name)]
            )
        return self._own_names

    async def _claimed_names(self) -> Sequence[str]:
        if self._reverse is None:
            return ()
        try:
            answer = await self._reverse.names(self._client)
        except MailError:
            return ()
        names = map(_canonical, answer.records[:_MAX_REVERSE_NAMES])
        return [name for name in names if name is not None]

    async def _leads_back(self, name: str) -> bool:
        try:
            return self._client in (await self._resolver.addresses(name)).records
        except MailError:
            return False

    def _is_among(self, addresses: Sequence[IPAddress], directive: Directive) -> bool:
        prefix = directive.prefix4 if self._client.version == 4 else directive.prefix6
        return any(
            one.version == self._client.version
            and self._client in ip_network(f"{one}/{prefix}", strict=False)
            for one in addresses
        )

    async def _expanded(self, text: MacroString, domain: str) -> str:
        return text.expand_name(await self._values(text, domain))

    async def _values(self, text: MacroString, domain: str) -> Mapping[str, str]:
        values = {**self._own_values, "d": domain}
        if "p" in text.letters:
            names = await self._valid_names()
            best = [name for name in names if name == domain]
            best += [name for name in names if name.endswith(f".{domain}")]
            values["p"] = next(iter([*best, *names]), "unknown")
        return values

    async def _explain(self, target: MacroString, domain: str) -> str | None:
        """RFC 7208 6.2: anything wrong means that there is no explanation."""
        name = _canonical(await self._expanded(target, domain))
        if name is None:
            return None
        try:
            answer = await self._resolver.txt(name)
            if len(answer.records) != 1:
                return None
            text = MacroString.parse(answer.records[0], is_explanation=True)
        except MailError:
            return None
        return text.expand(await self._values(text, domain))

    async def _records(
        self, lookup: Callable[[str], Awaitable[Records[T]]], name: str
    ) -> Sequence[T]:
        try:
            return (await lookup(name)).records
        except MailError as error:
            if error.is_temporary:
                raise _TemporaryFault(f"{name}: {error.text}") from error
            return ()

    def _count(self) -> None:
        self._lookups += 1
        if self._lookups > _MAX_LOOKUPS:
            raise InvalidSPF(f"more than {_MAX_LOOKUPS} terms ask the DNS (RFC 7208 4.6.4)")

    def _count_void(self, records: Sequence[object]) -> None:
        self._void_lookups += not records
        if self._void_lookups > _MAX_VOID_LOOKUPS:
            raise InvalidSPF(f"more than {_MAX_VOID_LOOKUPS} lookups find nothing")


def _canonical(name: str, *, labels: int = 2) -> str | None:
    """Give a name as the DNS is asked for it; None for one that cannot be there (RFC 7208 4.3)."""
    try:
        text = ascii_domain(name.removesuffix("."))
    except InvalidAddress:
        return None
    parts = text.split(".")
    if len(text) > 253 or len(parts) < labels or not all(map(_LABEL.match, parts)):
        return None
    return text
