"""The report as SARIF 2.1.0, for code scanning (OASIS SARIF 2.1.0 with errata 01).

Only failures are results: services that show SARIF take every result for an alert, whatever its
kind. What passed is told by the rules, and what could not be told by notifications.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from postseal.audit.findings import Check, Finding, Location, Outcome, Severity
from postseal.audit.report.plain import one_line, terminal_safe
from postseal.audit.triage import TriagedFinding, TriagedReport
from postseal.tls.reports.writing import JSONValue

__all__ = ["sarif_report"]

_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS: Final = {
    Severity.INFO: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
# As scores of CVSS, of which code scanning makes its own words: from 9 critical, 7 high, 4 medium.
_SCORES: Final = {
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
_UNTOLD: Final = {
    Outcome.INCONCLUSIVE: "warning",
    Outcome.NOT_COVERED: "note",
    Outcome.BROKEN: "error",
}


def sarif_report(triaged: TriagedReport) -> str:
    """Write one run; rule ids and fingerprints are the same in each run that finds the same."""
    report = triaged.report
    checks = list({one.finding.check.id: one.finding.check for one in triaged.findings}.values())
    places = {check.id: number for number, check in enumerate(checks)}
    findings = [one.finding for one in triaged.findings]
    run: dict[str, JSONValue] = {
        "tool": {
            "driver": {
                "name": "Postseal",
                "version": report.version,
                "rules": [_rule(check) for check in checks],
            }
        },
        # Uploads of one id replace one another: each audit of each subject has its own.
        "automationDetails": {
            "id": f"postseal-audit/{report.audit}/{_digest(report.subject)[:8]}/"
        },
        "invocations": [
            {
                "executionSuccessful": all(one.outcome is not Outcome.BROKEN for one in findings),
                "exitCode": int(triaged.exit_code),
                "startTimeUtc": _utc(report.started),
                "endTimeUtc": _utc(report.finished),
                "toolExecutionNotifications": [
                    _notification(one, places) for one in findings if one.outcome in _UNTOLD
                ],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(one, triaged, places)
            for one in triaged.findings
            if one.finding.outcome is Outcome.FAILED
        ],
        "properties": {"facts": dict(report.facts)},
    }
    document: JSONValue = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2) + "\n"


def _rule(check: Check) -> JSONValue:
    references = [f"{one.label} {one.url}".strip() for one in check.references]
    cwe = (f"external/cwe/cwe-{number}" for number in check.cwe)
    # SARIF 2.1.0, 3.8.2: a tag stands there once.
    tags = dict.fromkeys(("security", *check.tags, *cwe))
    properties: dict[str, JSONValue] = {"tags": list(tags)}
    if check.severity in _SCORES:
        properties["security-severity"] = _SCORES[check.severity]
    return {
        "id": check.id,
        "shortDescription": _message(check.title),
        "fullDescription": _message(check.description),
        "help": _message("\n".join((check.remedy, *references))),
        "defaultConfiguration": {"level": _LEVELS[check.severity]},
        "properties": properties,
    }


def _result(
    one: TriagedFinding, triaged: TriagedReport, places: dict[str, int]
) -> dict[str, JSONValue]:
    finding, suppression = one.finding, one.suppression
    result: dict[str, JSONValue] = {
        "ruleId": finding.check.id,
        "ruleIndex": places[finding.check.id],
        "kind": "fail",
        "level": _LEVELS[finding.severity],
        "message": _message(_told(finding)),
        "locations": [
            {
                "physicalLocation": _physical(finding.location or triaged.location),
                "logicalLocations": [{"fullyQualifiedName": one_line(finding.subject)}],
            }
        ],
        "partialFingerprints": {
            "postsealFinding/v1": finding.fingerprint,
            # The one name that code scanning looks for.
            "primaryLocationLineHash": f"{finding.fingerprint[:16]}:1",
        },
        # Where one result may be suppressed, all have to say whether they are (3.27.23).
        "suppressions": [
            {
                "kind": "external",
                "status": "accepted",
                "justification": terminal_safe(suppression.reason),
            }
        ]
        if suppression
        else [],
    }
    if one.is_known is not None:
        result["baselineState"] = "unchanged" if one.is_known else "new"
    return result


def _told(finding: Finding) -> str:
    met = f" Met with: {finding.stimulus}." if finding.stimulus else ""
    return f"{finding.verdict}: {finding.message}.{met} {finding.remedy}"


def _notification(finding: Finding, places: dict[str, int]) -> JSONValue:
    return {
        "level": _UNTOLD[finding.outcome],
        "message": _message(f"{finding.check.id} is {finding.outcome.value}: {finding.message}"),
        "associatedRule": {"id": finding.check.id, "index": places[finding.check.id]},
    }


def _message(text: str) -> JSONValue:
    """Make a message of a text, whose braces and brackets mean nothing (3.11.5, 3.11.6)."""
    plain = terminal_safe(text).replace("{", "{{").replace("}", "}}")
    if "](" in plain:
        plain = plain.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return {"text": plain or "-"}


def _physical(location: Location) -> JSONValue:
    path = PurePosixPath(location.path)
    artifact: dict[str, JSONValue] = (
        {"uri": path.as_uri()}
        if path.is_absolute()
        else {"uri": quote(str(path)), "uriBaseId": "%SRCROOT%"}
    )
    return {"artifactLocation": artifact, "region": {"startLine": max(location.line, 1)}}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
