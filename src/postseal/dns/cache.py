"""Answers kept for as long as the DNS allows, and failures for a moment (RFC 2308, RFC 9520)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Generic, TypeVar

from postseal.dns.answers import MX, SRV, Answer, NameDoesNotExist, ResolverFailure
from postseal.dns.resolver import Resolver

if TYPE_CHECKING:
    from postseal.tls.tlsa import TLSA

__all__ = ["CacheLimits", "CachingResolver"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How much is kept and how long, in seconds, whatever the TTL of an answer says.

    `names` is for each kind of question; the answer that was not asked for the longest goes first.
    """

    names: int = 10_000
    shortest: float = 0.0
    longest: float = 86_400.0
    longest_denial: float = 3_600.0  # RFC 2308 5: one to three hours work well
    failure: float = 5.0  # RFC 9520 3.2: from one second to five minutes


class CachingResolver(Resolver):
    """Puts a memory before another resolver; threads and tasks may share it.

    What `authentic` was stays with an answer, and its `ttl` is what is left of it. `clock` counts
    seconds and never goes back.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        limits: CacheLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        limits = limits or CacheLimits()
        self._mx = _Table(resolver.mx, limits, clock)
        self._addresses = _Table(resolver.addresses, limits, clock)
        self._tlsa = _Table(resolver.tlsa, limits, clock)
        self._txt = _Table(resolver.txt, limits, clock)
        self._srv = _Table(resolver.srv, limits, clock)

    async def mx(self, domain: str) -> Answer[MX]:
        return await self._mx.get(domain)

    async def addresses(self, host: str) -> Answer[IPv4Address | IPv6Address]:
        return await self._addresses.get(host)

    async def tlsa(self, name: str) -> Answer[TLSA]:
        return await self._tlsa.get(name)

    async def txt(self, name: str) -> Answer[str]:
        return await self._txt.get(name)

    async def srv(self, name: str) -> Answer[SRV]:
        return await self._srv.get(name)


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    outcome: Answer[T] | NameDoesNotExist | ResolverFailure
    until: float


class _Table(Generic[T]):
    """The memory for one kind of question."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[Answer[T]]],
        limits: CacheLimits,
        clock: Callable[[], float],
    ) -> None:
        self._ask = ask
        self._limits = limits
        self._clock = clock
        self._kept: OrderedDict[str, _Kept[T]] = OrderedDict()
        self._lock = threading.Lock()

    async def get(self, name: str) -> Answer[T]:
        key = name.removesuffix(".").lower()
        if kept := self._find(key):
            return _again(kept.outcome, kept.until - self._clock())
        try:
            answer = await self._ask(name)
        except (NameDoesNotExist, ResolverFailure) as error:
            self._keep(key, copy(error))
            raise
        self._keep(key, answer)
        return answer

    def _find(self, key: str) -> _Kept[T] | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            if kept.until <= self._clock():
                del self._kept[key]
                return None
            self._kept.move_to_end(key)
            return kept

    def _keep(self, key: str, outcome: Answer[T] | NameDoesNotExist | ResolverFailure) -> None:
        if (seconds := self._lifetime(outcome)) <= 0:
            return
        with self._lock:
            self._kept[key] = _Kept(outcome, self._clock() + seconds)
            self._kept.move_to_end(key)
            if len(self._kept) > self._limits.names:
                self._kept.popitem(last=False)

    def _lifetime(self, outcome: Answer[T] | NameDoesNotExist | ResolverFailure) -> float:
        limits = self._limits
        if isinstance(outcome, ResolverFailure):
            return limits.failure
        denies = isinstance(outcome, NameDoesNotExist) or not outcome.records
        longest = limits.longest_denial if denies else limits.longest
        return min(max(outcome.ttl, limits.shortest), longest)


def _again(outcome: Answer[T] | NameDoesNotExist | ResolverFailure, left: float) -> Answer[T]:
    """Give an answer, or raise a failure as a new one: tracebacks would grow on the old one."""
    if isinstance(outcome, Answer):
        return replace(outcome, ttl=left)
    error = copy(outcome)
    if isinstance(error, NameDoesNotExist):
        error.ttl = left
    raise error
