"""A DNS in memory: names with records, aliases, denials and every way to fail."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeVar

from postseal.address import ascii_domain
from postseal.dns import (
    MX,
    SRV,
    Answer,
    BogusAnswer,
    Lookup,
    NameDoesNotExist,
    Resolver,
    ResolverFailure,
)
from postseal.dns.recording import ResourceRecord
from postseal.errors import MailError, Phase
from postseal.testing.clock import ManualClock
from postseal.tls.tlsa import TLSA

__all__ = ["MemoryResolver"]

T = TypeVar("T", bound="ResourceRecord")

_MAX_ALIASES: Final = 8


@dataclass(frozen=True, slots=True)
class _Failure:
    error: MailError
    after: float


@dataclass(slots=True)
class _Node:
    """What is known of one name; a failure of None is one of all lookups."""

    authentic: bool
    ttl: float = 300.0
    records: list[ResourceRecord] = field(default_factory=list)
    target: str | None = None
    failures: dict[Lookup | None, _Failure] = field(default_factory=dict)


class MemoryResolver(Resolver):
    """Answers from what the test has told it; names that it was not told of do not exist.

    `authentic` is what it says about DNSSEC where nothing else was said, denials included.
    `asked` are the questions in their order. It never suspends, so it serves blocking and asyncio
    code alike; a timeout moves `clock` by `patience` seconds and takes no time.
    """

    def __init__(
        self,
        *,
        authentic: bool = True,
        clock: ManualClock | None = None,
        patience: float = 20.0,
    ) -> None:
        self.clock = clock or ManualClock()
        self.asked: list[tuple[Lookup, str]] = []
        self._authentic = authentic
        self._patience = patience
        self._nodes: dict[str, _Node] = {}

    def add(
        self, name: str, *records: ResourceRecord, authentic: bool | None = None, ttl: float = 300.0
    ) -> None:
        """Put records at a name; without any it merely exists. The options hold for all of it."""
        node = self._node(name, authentic=authentic)
        node.ttl = ttl
        node.records += records

    def alias(
        self, name: str, target: str, *, authentic: bool | None = None, ttl: float = 300.0
    ) -> None:
        """Make a name an alias (CNAME) of another."""
        node = self._node(name, authentic=authentic)
        node.ttl = ttl
        node.target = _canonical(target)

    def remove(self, name: str) -> None:
        """Forget a name: it does not exist any more."""
        self._nodes.pop(_canonical(name), None)

    def fail(
        self, name: str, error: MailError, *, lookup: Lookup | None = None, after: float = 0.0
    ) -> None:
        """Raise `error` for a name, in one lookup or in all, when `after` seconds have passed."""
        self._node(name).failures[lookup] = _Failure(error, after)

    def bogus(self, name: str, *, lookup: Lookup | None = None) -> None:
        """Let validation fail for a name."""
        error = BogusAnswer(f"the answer for {name} is bogus: so the test says")
        self.fail(name, error, lookup=lookup)

    def time_out(self, name: str, *, lookup: Lookup | None = None) -> None:
        """Let nobody answer for a name until the resolver's patience is over."""
        error = ResolverFailure(f"no answer for {name} in time: so the test says")
        self.fail(name, error, lookup=lookup, after=self._patience)

    async def mx(self, domain: str) -> Answer[MX]:
        answer = self._ask(Lookup.MX, domain, MX)
        return replace(answer, records=tuple(sorted(answer.records)))

    async def addresses(self, host: str) -> Answer[IPv4Address | IPv6Address]:
        answer: Answer[IPv4Address | IPv6Address] = self._ask(
            Lookup.ADDRESSES, host, IPv4Address, IPv6Address
        )
        return replace(answer, records=tuple(sorted(answer.records, key=lambda one: one.version)))

    async def tlsa(self, name: str) -> Answer[TLSA]:
        return self._ask(Lookup.TLSA, name, TLSA)

    async def txt(self, name: str) -> Answer[str]:
        return self._ask(Lookup.TXT, name, str)

    async def srv(self, name: str) -> Answer[SRV]:
        answer = self._ask(Lookup.SRV, name, SRV)
        return replace(answer, records=tuple(sorted(answer.records)))

    def _ask(self, lookup: Lookup, name: str, *kinds: type[T]) -> Answer[T]:
        at = _canonical(name)
        self.asked.append((lookup, at))
        authentic, ttl = True, math.inf
        for _ in range(_MAX_ALIASES):
            node = self._nodes.get(at)
            if node is None:
                authentic = authentic and self._authentic
                raise NameDoesNotExist(
                    f"{at} does not exist",
                    authentic=authentic,
                    ttl=min(ttl, 300.0),
                    phase=Phase.RESOLVE,
                    enhanced_code="5.1.2",
                )
            if failure := node.failures.get(lookup) or node.failures.get(None):
                self.clock.advance(failure.after)
                raise copy(failure.error)
            authentic, ttl = authentic and node.authentic, min(ttl, node.ttl)
            if node.target is None:
                records = tuple(record for record in node.records if isinstance(record, kinds))
                return Answer(records, authentic, at, ttl)
            at = node.target
        raise ResolverFailure(f"{name} is an alias of too many others", phase=Phase.RESOLVE)

    def _node(self, name: str, *, authentic: bool | None = None) -> _Node:
        node = self._nodes.setdefault(_canonical(name), _Node(self._authentic))
        if authentic is not None:
            node.authentic = authentic
        return node


def _canonical(name: str) -> str:
    return ascii_domain(name.removesuffix("."))
