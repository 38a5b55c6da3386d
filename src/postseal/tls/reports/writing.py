"""Writing a report: its JSON, the compressed form that travels, and its names (RFC 8460 4.4, 5)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final, TypeAlias

from postseal.errors import InvalidReport
from postseal.tls.reports.values import FailureCount, PolicyResults, Report

__all__ = [
    "GZIP_TYPE",
    "JSONValue",
    "report_filename",
    "report_id",
    "report_json",
    "report_octets",
    "results_json",
    "submitter_of",
]

GZIP_TYPE: Final = "application/tlsrpt+gzip"

JSONValue: TypeAlias = (
    str | int | float | bool | Sequence["JSONValue"] | Mapping[str, "JSONValue"] | None
)


def report_octets(report: Report) -> bytes:
    """Give a report as it is sent, of the media type `GZIP_TYPE`; the same octets each time."""
    text = json.dumps(report_json(report), ensure_ascii=True, separators=(",", ":"))
    return gzip.compress(text.encode("ascii"), mtime=0)


def report_json(report: Report) -> JSONValue:
    """Give a report in the shape of RFC 8460 4.4; what is not known is left out."""
    return {
        "organization-name": report.organization_name,
        "date-range": {
            "start-datetime": _moment(report.period.start),
            "end-datetime": _moment(report.period.end),
        },
        "contact-info": report.contact_info,
        "report-id": report.report_id,
        "policies": [results_json(results) for results in report.policies],
    }


def results_json(results: PolicyResults) -> JSONValue:
    """Give one entry of `policies`; it is also the form to store results in."""
    policy: dict[str, JSONValue] = {"policy-type": results.policy.type}
    if results.policy.strings:
        policy["policy-string"] = list(results.policy.strings)
    policy["policy-domain"] = results.policy.domain
    if results.policy.mx_hosts:
        policy["mx-host"] = list(results.policy.mx_hosts)
    entry: dict[str, JSONValue] = {
        "policy": policy,
        "summary": {
            "total-successful-session-count": results.successful_sessions,
            "total-failure-session-count": results.failed_sessions,
        },
    }
    if results.failures:
        entry["failure-details"] = [_failure(count) for count in results.failures]
    return entry


def report_id(day: date, *, policy_domain: str, submitter: str) -> str:
    """Make the identity of a day's report, the same each time, so that a repetition is seen."""
    return f"{day.isoformat()}.{policy_domain}@{submitter}"


def report_filename(report: Report, *, policy_domain: str) -> str:
    """Give the name of the compressed file (RFC 8460 5.1).

    Raises `InvalidReport` where `contact_info` is no address: the sender is its domain.
    """
    start, end = (int(each.timestamp()) for each in (report.period.start, report.period.end))
    return f"{submitter_of(report)}!{policy_domain}!{start}!{end}.json.gz"


def submitter_of(report: Report) -> str:
    """Give the domain of `contact_info`, which every header and name must repeat (RFC 8460 5.3).

    Raises `InvalidReport` where `contact_info` is no address.
    """
    _, at, domain = report.contact_info.rpartition("@")
    if not at or not domain or not domain.isascii():
        raise InvalidReport(
            f"the contact {report.contact_info!a} is no address with a domain in A-labels"
        )
    return domain.lower()


def _failure(count: FailureCount) -> JSONValue:
    failure = count.failure
    details: dict[str, JSONValue] = {"result-type": str(failure.result_type)}
    for key, value in (
        ("sending-mta-ip", failure.sending_mta_ip),
        ("receiving-mx-hostname", failure.receiving_mx_hostname),
        ("receiving-mx-helo", failure.receiving_mx_helo),
        ("receiving-ip", failure.receiving_ip),
        ("additional-information", failure.additional_information),
        ("failure-reason-code", failure.failure_reason_code),
    ):
        if value:
            details[key] = str(value)
    details["failed-session-count"] = count.sessions
    return details


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"
