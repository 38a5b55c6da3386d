"""What is remembered of destinations' TLS: statements for policies, levels and results.

Those that write are bulk operations for the `Writer`. Each table is bounded: a destination costs
nothing to make up.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from sqlalchemy import Column, Connection, Table, delete, func, insert, select

from postseal.send.mx.policy_cache import CachedPolicy
from postseal.serve.storage.schema import level_sightings, mta_sts_policies, tls_results
from postseal.tls import TLSLevel
from postseal.tls.mta_sts import MTAStsPolicy
from postseal.tls.remembered import Sighting
from postseal.tls.reports import PolicyResults, merged, read_results, results_json

__all__ = [
    "NewPolicy",
    "NewResults",
    "NewSighting",
    "ReportKey",
    "add_results",
    "domains_with_policies",
    "find_policy",
    "find_results",
    "find_sighting",
    "forget_results",
    "put_policies",
    "put_sightings",
    "remove_results",
    "reportable",
]

_MAX_POLICIES: Final = 10_000
_MAX_SIGHTINGS: Final = 100_000
_MAX_RESULTS: Final = 10_000

ReportKey: TypeAlias = tuple[date, str]
"""The day and the domain of a report."""


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """What to keep for a domain; None removes what is there."""

    domain: str
    cached: CachedPolicy | None


@dataclass(frozen=True, slots=True)
class NewSighting:
    """What to remember of a destination; None forgets it."""

    destination: str
    sighting: Sighting | None


@dataclass(frozen=True, slots=True)
class NewResults:
    """What to add to the results of a domain on a day."""

    day: date
    domain: str
    results: PolicyResults


# -- policies of MTA-STS -------------------------------------------------------------------------


def put_policies(connection: Connection, policies: Sequence[NewPolicy]) -> list[None]:
    """Replace policies; beyond 10,000 those that expire first make room."""
    latest = {each.domain: each.cached for each in policies}
    connection.execute(delete(mta_sts_policies).where(mta_sts_policies.c.domain.in_(latest)))
    rows = [
        {
            "domain": domain,
            "record_id": cached.id,
            "policy": cached.policy.write(),
            "fetched_at": cached.fetched_at,
            "expires_at": cached.expires_at,
        }
        for domain, cached in latest.items()
        if cached is not None
    ]
    if rows:
        connection.execute(insert(mta_sts_policies), rows)
        _make_room(
            connection,
            mta_sts_policies,
            key=mta_sts_policies.c.domain,
            oldest=mta_sts_policies.c.expires_at,
            limit=_MAX_POLICIES,
        )
    return [None] * len(policies)


def find_policy(connection: Connection, domain: str) -> CachedPolicy | None:
    """Give the policy of a domain, expired or not."""
    row = connection.execute(
        select(mta_sts_policies).where(mta_sts_policies.c.domain == domain)
    ).one_or_none()
    if row is None:
        return None
    return CachedPolicy(row.record_id, MTAStsPolicy.parse(row.policy), row.fetched_at)


def domains_with_policies(connection: Connection) -> tuple[str, ...]:
    """Name the domains that have a policy, those whose policies expire first at the beginning."""
    return tuple(
        connection.scalars(
            select(mta_sts_policies.c.domain).order_by(mta_sts_policies.c.expires_at)
        )
    )


# -- remembered levels ---------------------------------------------------------------------------


def put_sightings(connection: Connection, sightings: Sequence[NewSighting]) -> list[None]:
    """Replace sightings; beyond 100,000 those seen the longest ago make room."""
    latest = {each.destination: each.sighting for each in sightings}
    connection.execute(delete(level_sightings).where(level_sightings.c.destination.in_(latest)))
    rows = [
        {"destination": name, "level": seen.level.word, "seen_at": seen.seen_at}
        for name, seen in latest.items()
        if seen is not None
    ]
    if rows:
        connection.execute(insert(level_sightings), rows)
        _make_room(
            connection,
            level_sightings,
            key=level_sightings.c.destination,
            oldest=level_sightings.c.seen_at,
            limit=_MAX_SIGHTINGS,
        )
    return [None] * len(sightings)


def find_sighting(connection: Connection, destination: str) -> Sighting | None:
    """Give what is remembered of a destination, however old."""
    row = connection.execute(
        select(level_sightings).where(level_sightings.c.destination == destination)
    ).one_or_none()
    return None if row is None else Sighting(TLSLevel[row.level.upper()], row.seen_at)


# -- results for TLS reports ---------------------------------------------------------------------


def add_results(connection: Connection, additions: Sequence[NewResults]) -> list[None]:
    """Add results to those of their days; beyond 10,000 rows no further domain is taken."""
    together: defaultdict[ReportKey, list[PolicyResults]] = defaultdict(list)
    for each in additions:
        together[each.day, each.domain].append(each.results)
    room = _MAX_RESULTS - _count(connection, tls_results)
    for (day, domain), results in together.items():
        known = find_results(connection, day, domain)
        if known:
            remove_results(connection, [(day, domain)])
        elif room <= 0:
            continue
        else:
            room -= 1
        text = json.dumps([results_json(one) for one in merged((*known, *results))])
        connection.execute(
            insert(tls_results), {"day": day.isoformat(), "domain": domain, "results": text}
        )
    return [None] * len(additions)


def find_results(connection: Connection, day: date, domain: str) -> tuple[PolicyResults, ...]:
    """Give the merged results of a domain on a day."""
    text = connection.scalar(
        select(tls_results.c.results).where(
            tls_results.c.day == day.isoformat(), tls_results.c.domain == domain
        )
    )
    return () if text is None else tuple(read_results(entry) for entry in json.loads(text))


def reportable(connection: Connection, before: date) -> tuple[ReportKey, ...]:
    """Give the day and domain of all results of earlier days, the earliest first."""
    rows = connection.execute(
        select(tls_results.c.day, tls_results.c.domain)
        .where(tls_results.c.day < before.isoformat())
        .order_by(tls_results.c.day, tls_results.c.domain)
    )
    return tuple((date.fromisoformat(row.day), row.domain) for row in rows)


def remove_results(connection: Connection, keys: Sequence[ReportKey]) -> list[None]:
    """Drop the results of these days and domains."""
    for day, domain in keys:
        connection.execute(
            delete(tls_results).where(
                tls_results.c.day == day.isoformat(), tls_results.c.domain == domain
            )
        )
    return [None] * len(keys)


def forget_results(connection: Connection, days: Sequence[date]) -> list[None]:
    """Drop the results of all days before each of these."""
    connection.execute(delete(tls_results).where(tls_results.c.day < max(days).isoformat()))
    return [None] * len(days)


def _make_room(
    connection: Connection, table: Table, *, key: Column[str], oldest: Column[float], limit: int
) -> None:
    if (surplus := _count(connection, table) - limit) > 0:
        first = select(key).order_by(oldest).limit(surplus)
        connection.execute(delete(table).where(key.in_(first)))


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
