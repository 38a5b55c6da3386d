"""A resolver that writes down what was asked of another one, and what came back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from postseal.dns.answers import MX, SRV, Answer, Lookup
from postseal.dns.resolver import Resolver
from postseal.errors import MailError

if TYPE_CHECKING:
    from postseal.tls.tlsa import TLSA

__all__ = ["RecordedLookup", "RecordingResolver", "ResourceRecord"]

ResourceRecord: TypeAlias = "MX | SRV | IPv4Address | IPv6Address | TLSA | str"
"""A record as resolvers give it; a text is a TXT record."""

R = TypeVar("R", bound="ResourceRecord")


@dataclass(frozen=True, slots=True)
class RecordedLookup:
    """One question to the DNS, and what became of it: an `answer` or a `problem`."""

    lookup: Lookup
    name: str
    answer: Answer[ResourceRecord] | None = None
    problem: MailError | None = None


class RecordingResolver(Resolver):
    """Asks another resolver, each question once, and keeps what came back in `lookups`.

    It is for one short piece of work: nothing in it grows old.
    """

    def __init__(self, resolver: Resolver) -> None:
        self.lookups: list[RecordedLookup] = []
        self._mx = _Questions(Lookup.MX, resolver.mx, self.lookups)
        self._addresses = _Questions(Lookup.ADDRESSES, resolver.addresses, self.lookups)
        self._tlsa = _Questions(Lookup.TLSA, resolver.tlsa, self.lookups)
        self._txt = _Questions(Lookup.TXT, resolver.txt, self.lookups)
        self._srv = _Questions(Lookup.SRV, resolver.srv, self.lookups)

    async def mx(self, domain: str) -> Answer[MX]:
        return await self._mx.ask(domain)

    async def addresses(self, host: str) -> Answer[IPv4Address | IPv6Address]:
        return await self._addresses.ask(host)

    async def tlsa(self, name: str) -> Answer[TLSA]:
        return await self._tlsa.ask(name)

    async def txt(self, name: str) -> Answer[str]:
        return await self._txt.ask(name)

    async def srv(self, name: str) -> Answer[SRV]:
        return await self._srv.ask(name)


class _Questions(Generic[R]):
    """What was asked of one kind."""

    def __init__(
        self,
        lookup: Lookup,
        ask: Callable[[str], Awaitable[Answer[R]]],
        lookups: list[RecordedLookup],
    ) -> None:
        self._lookup = lookup
        self._ask = ask
        self._lookups = lookups
        self._known: dict[str, Answer[R] | MailError] = {}

    async def ask(self, name: str) -> Answer[R]:
        if name not in self._known:
            try:
                answer = await self._ask(name)
            except MailError as problem:
                self._known[name] = problem
                self._lookups.append(RecordedLookup(self._lookup, name, problem=problem))
            else:
                self._known[name] = answer
                self._lookups.append(RecordedLookup(self._lookup, name, answer))
        known = self._known[name]
        if isinstance(known, Answer):
            return known
        # A new one: tracebacks would grow on the old one.
        raise copy(known)
