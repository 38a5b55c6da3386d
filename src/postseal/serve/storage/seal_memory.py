"""What the TLS engine remembers, kept in the store: it must outlive the process.

An attacker who could make the platform forget by a restart would have suppressed a policy
(RFC 8461 10.2).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from postseal.send.mx.policy_cache import CachedPolicy, PolicyCache
from postseal.serve.storage import seals
from postseal.serve.storage.seals import NewPolicy, NewResults, NewSighting, ReportKey
from postseal.serve.storage.writer import Writer
from postseal.tls.remembered import LevelMemory, Sighting
from postseal.tls.reports import PolicyResults, ResultStore

__all__ = ["Read", "StoredLevels", "StoredPolicies", "StoredResults"]

_R = TypeVar("_R")


class Read(Protocol):
    """Runs a query in a transaction of its own."""

    async def __call__(self, query: Callable[[Connection], _R], /) -> _R:
        """Give what the query gave; raise `StorageError`."""
        ...


class StoredPolicies(PolicyCache):
    """Policies of MTA-STS, at most 10,000; those that expire first make room."""

    def __init__(self, writer: Writer, read: Read) -> None:
        self._writer = writer
        self._read = read

    async def get(self, domain: str) -> CachedPolicy | None:
        return await self._read(partial(seals.find_policy, domain=domain))

    async def put(self, domain: str, cached: CachedPolicy) -> None:
        await self._writer.write(seals.put_policies, NewPolicy(domain, cached))

    async def remove(self, domain: str) -> None:
        await self._writer.write(seals.put_policies, NewPolicy(domain, None))

    async def domains(self) -> tuple[str, ...]:
        return await self._read(seals.domains_with_policies)


class StoredLevels(LevelMemory):
    """Levels that destinations had, at most 100,000; those seen the longest ago make room."""

    def __init__(self, writer: Writer, read: Read) -> None:
        self._writer = writer
        self._read = read

    async def recall(self, destination: str) -> Sighting | None:
        return await self._read(partial(seals.find_sighting, destination=destination))

    async def remember(self, destination: str, sighting: Sighting | None) -> None:
        await self._writer.write(seals.put_sightings, NewSighting(destination, sighting))


class StoredResults(ResultStore):
    """Results for TLS reports, of at most 10,000 domains in all days; further ones are dropped."""

    def __init__(self, writer: Writer, read: Read) -> None:
        self._writer = writer
        self._read = read

    async def add(self, day: date, domain: str, results: PolicyResults) -> None:
        await self._writer.write(seals.add_results, NewResults(day, domain, results))

    async def results(self, day: date, domain: str) -> tuple[PolicyResults, ...]:
        return await self._read(partial(seals.find_results, day=day, domain=domain))

    async def forget(self, before: date) -> None:
        await self._writer.write(seals.forget_results, before)

    async def reportable(self, before: date) -> tuple[ReportKey, ...]:
        """Give the days before this one and their domains, the earliest first."""
        return await self._read(partial(seals.reportable, before=before))

    async def remove(self, day: date, domain: str) -> None:
        """Drop the results of one report, which has been sent or is wanted by nobody."""
        await self._writer.write(seals.remove_results, (day, domain))
