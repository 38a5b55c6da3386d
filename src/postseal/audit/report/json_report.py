"""The report as JSON, by the schema in docs/schemas/audit-report.json, and read back.

Nothing is lost: whatever strangers wrote is there, escaped to ASCII.
"""

from __future__ import annotations

import json
from typing import Final

from postseal.audit.findings import (
    AuditReport,
    Check,
    Evidence,
    Finding,
    Location,
    Outcome,
    Reference,
    Severity,
)
from postseal.audit.suppressions import Suppression
from postseal.audit.triage import TriagedFinding, TriagedReport
from postseal.errors import InvalidInput
from postseal.json_place import JSONPlace, read_json
from postseal.tls.reports.writing import JSONValue

__all__ = ["json_report", "read_json_report"]

_VERSION: Final = 1
_MAX_OCTETS: Final = 64 * 2**20
_SEVERITIES: Final = {severity.name.lower(): severity for severity in Severity}
_OUTCOMES: Final = {outcome.value: outcome for outcome in Outcome}


def json_report(triaged: TriagedReport) -> str:
    """Write the whole report; equal reports give equal texts."""
    report = triaged.report
    checks = {finding.check.id: finding.check for finding in report.findings}
    document: JSONValue = {
        "version": _VERSION,
        "audit": report.audit,
        "subject": report.subject,
        "postseal": report.version,
        "started": report.started.isoformat(),
        "finished": report.finished.isoformat(),
        "facts": [{"name": name, "value": value} for name, value in report.facts],
        "fail_on": triaged.fail_on.name.lower(),
        "exit_code": int(triaged.exit_code),
        "checks": [_check(check) for check in checks.values()],
        "findings": [_finding(one) for one in triaged.findings],
    }
    return json.dumps(document, indent=2) + "\n"


def _check(check: Check) -> JSONValue:
    return {
        "id": check.id,
        "title": check.title,
        "description": check.description,
        "severity": check.severity.name.lower(),
        "remedy": check.remedy,
        "references": [{"label": one.label, "url": one.url} for one in check.references],
        "cwe": check.cwe,
        "tags": check.tags,
    }


def _finding(one: TriagedFinding) -> JSONValue:
    finding, suppression, location = one.finding, one.suppression, one.finding.location
    return {
        "check": finding.check.id,
        "subject": finding.subject,
        "outcome": finding.outcome.value,
        "verdict": finding.verdict,
        "severity": finding.severity.name.lower(),
        "message": finding.message,
        "stimulus": finding.stimulus,
        "remedy": finding.remedy,
        "evidence": [{"label": each.label, "text": each.text} for each in finding.evidence],
        "location": None if location is None else {"path": location.path, "line": location.line},
        "seconds": finding.seconds,
        "fingerprint": finding.fingerprint,
        "is_known": one.is_known,
        "suppression": None if suppression is None else _suppression(suppression),
    }


def _suppression(suppression: Suppression) -> JSONValue:
    return {"reason": suppression.reason, "expires": suppression.expires.isoformat()}


def read_json_report(octets: bytes, *, source: str) -> AuditReport:
    """Read what `json_report` wrote; `source` names it in errors.

    What had been triaged is not part of it. Members that nobody knows are passed over, for a later
    release may have written them. Raises `InvalidInput` for anything else.
    """
    if len(octets) > _MAX_OCTETS:
        raise InvalidInput(f"{source} has more than {_MAX_OCTETS} octets")
    top = read_json(octets, source)
    if top.get("version").value != _VERSION:
        raise InvalidInput(
            f"{source} is no report of version {_VERSION}",
            hint="A report is made with --format json.",
        )
    checks = {check.id: check for check in map(_read_check, top.get("checks").items())}
    return AuditReport(
        audit=top.get("audit").text(),
        subject=top.get("subject").text(),
        version=top.get("postseal").text(),
        started=top.get("started").moment(),
        finished=top.get("finished").moment(),
        findings=tuple(_read_finding(place, checks) for place in top.get("findings").items()),
        facts=tuple(
            (place.get("name").text(), place.get("value").text())
            for place in top.get("facts").items()
        ),
    )


def _read_check(place: JSONPlace) -> Check:
    return Check(
        id=place.get("id").text(),
        title=place.get("title").text(),
        description=place.get("description").text(),
        severity=place.get("severity").choice(_SEVERITIES),
        remedy=place.get("remedy").text(),
        references=tuple(
            Reference(each.get("label").text(), each.get("url").text())
            for each in place.get("references").items()
        ),
        cwe=tuple(int(each.number()) for each in place.get("cwe").items()),
        tags=tuple(place.get("tags").texts()),
    )


def _read_finding(place: JSONPlace, checks: dict[str, Check]) -> Finding:
    check = checks.get(place.get("check").text())
    if check is None:
        raise InvalidInput(f"{place.name}.check is none of the report's checks")
    severity = place.get("severity").choice(_SEVERITIES)
    remedy = place.get("remedy").text()
    return Finding(
        check=check,
        subject=place.get("subject").text(),
        outcome=place.get("outcome").choice(_OUTCOMES),
        verdict=place.get("verdict").text(),
        message=place.get("message").text(),
        stimulus=place.get("stimulus").text(),
        evidence=tuple(
            Evidence(each.get("label").text(), each.get("text").text())
            for each in place.get("evidence").items()
        ),
        location=_read_location(place.get("location")),
        own_severity=None if severity is check.severity else severity,
        own_remedy=None if remedy == check.remedy else remedy,
        seconds=place.get("seconds").number(),
    )


def _read_location(place: JSONPlace) -> Location | None:
    if place.value is None:
        return None
    return Location(place.get("path").text(), int(place.get("line").number()))
