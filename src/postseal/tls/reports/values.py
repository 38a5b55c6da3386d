"""What a TLS report says, as values: sessions with one destination on one day (RFC 8460 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum, unique
from ipaddress import IPv4Address, IPv6Address
from typing import Self, TypeAlias

from postseal.tls.mta_sts import MTAStsPolicy
from postseal.tls.tlsa import TLSA

__all__ = [
    "AppliedPolicy",
    "Failure",
    "FailureCount",
    "IPAddress",
    "PolicyResults",
    "PolicyType",
    "Report",
    "ReportPeriod",
]

IPAddress: TypeAlias = IPv4Address | IPv6Address


@unique
class PolicyType(StrEnum):
    """The kinds of policy that RFC 8460 4.4 knows."""

    TLSA = "tlsa"
    STS = "sts"
    NO_POLICY_FOUND = "no-policy-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedPolicy:
    """The policy under which sessions were tried.

    `type` is a `PolicyType`, or another word in a report of others. `strings` are the policy as
    its owner published it: TLSA records in presentation format, or the lines of an MTA-STS policy
    (RFC 8460 4.5). `domain` is in A-labels. `mx_hosts` are the patterns of an MTA-STS policy.
    """

    type: str
    domain: str
    strings: tuple[str, ...] = ()
    mx_hosts: tuple[str, ...] = ()

    @classmethod
    def none(cls, domain: str) -> Self:
        """That there was no policy."""
        return cls(type=PolicyType.NO_POLICY_FOUND, domain=domain)

    @classmethod
    def of_tlsa(cls, base_domain: str, records: Iterable[TLSA]) -> Self:
        """The TLSA records of a server, whose base domain is the policy domain (RFC 8460 1.1)."""
        strings = tuple(
            f"{each.usage} {each.selector} {each.matching_type} {each.data.hex().upper()}"
            for each in records
        )
        return cls(type=PolicyType.TLSA, domain=base_domain, strings=strings)

    @classmethod
    def of_mta_sts(cls, domain: str, policy: MTAStsPolicy) -> Self:
        """The MTA-STS policy of a domain."""
        lines = tuple(policy.write().decode("ascii").splitlines())
        return cls(type=PolicyType.STS, domain=domain, strings=lines, mx_hosts=policy.mx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What sessions that failed in the same way have in common; empty and None are "not known".

    `result_type` is a `postseal.errors.TLSResultType`, or another word in a report of others.
    """

    result_type: str
    sending_mta_ip: IPAddress | None = None
    receiving_mx_hostname: str = ""
    receiving_mx_helo: str = ""
    receiving_ip: IPAddress | None = None
    additional_information: str = ""
    failure_reason_code: str = ""


@dataclass(frozen=True, slots=True)
class FailureCount:
    """How many sessions failed in one way."""

    failure: Failure
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResults:
    """The sessions under one policy; one session may be counted under several failures."""

    policy: AppliedPolicy
    successful_sessions: int = 0
    failed_sessions: int = 0
    failures: tuple[FailureCount, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """The time that a report is about, both ends within it, with offsets from UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of_day(cls, day: date) -> Self:
        """A whole day in UTC (RFC 8460 4.1)."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return cls(start, start + timedelta(days=1, seconds=-1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one organisation saw of one destination's TLS.

    `contact_info` is the address of who is responsible for the report, `report_id` its identity.
    """

    organization_name: str
    contact_info: str
    report_id: str
    period: ReportPeriod
    policies: tuple[PolicyResults, ...]
