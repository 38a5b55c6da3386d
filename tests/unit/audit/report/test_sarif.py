"""The SARIF report keeps to the schema of SARIF 2.1.0 and to what code scanning asks for.

The schema in this folder is that of OASIS, as Microsoft's SARIF SDK has it (MIT licence).
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from postseal.audit.findings import Location, Outcome, Severity
from postseal.audit.report.sarif import sarif_report
from postseal.audit.suppressions import Suppression
from postseal.audit.triage import TriagedReport
from tests.parts.audited import (
    CHATTY,
    HONEST,
    STRIPPED,
    found,
    hostile_reports,
    passed,
    report,
    triaged,
)

SCHEMA = Path(__file__).with_name("sarif-2.1.0.schema.json")
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def run_of(held: TriagedReport) -> dict[str, Any]:
    document = json.loads(sarif_report(held))
    VALIDATOR.validate(document)
    [run] = document["runs"]
    assert isinstance(run, dict)
    return run


def test_failures_are_results() -> None:
    run = run_of(triaged(passed(HONEST), found()))
    [result] = run["results"]
    assert result["ruleId"] == "LAB-N01-STARTTLS"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert (result["kind"], result["level"]) == ("fail", "error")
    assert result["message"]["text"] == (
        "leak of credentials: gave away its password in clear. "
        "Met with: offered AUTH without STARTTLS. Require TLS."
    )
    [location] = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "postseal-audit.toml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 1},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "client {host}"}]


def test_rules_carry_what_code_scanning_sorts_by() -> None:
    [honest, stripped, chatty] = run_of(triaged(passed(HONEST), found(), passed(CHATTY)))["tool"][
        "driver"
    ]["rules"]
    assert stripped["properties"] == {
        "tags": ["security", "client", "starttls", "external/cwe/cwe-319"],
        "security-severity": "9.5",
    }
    assert chatty["properties"]["security-severity"] == "3.0"
    assert "security-severity" not in honest["properties"]
    assert stripped["help"]["text"].startswith("Require TLS.\nRFC 3207 6 https://")


def test_what_could_not_be_told_is_a_notification() -> None:
    # A result of any kind would be shown as an alert.
    run = run_of(triaged(found(outcome=Outcome.INCONCLUSIVE), found(CHATTY, Outcome.BROKEN)))
    assert run["results"] == []
    [invocation] = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 4)
    assert invocation["startTimeUtc"] == "2026-03-01T12:00:00.250Z"
    assert [
        (one["level"], one["associatedRule"]["id"])
        for one in invocation["toolExecutionNotifications"]
    ] == [("warning", "LAB-N01-STARTTLS"), ("error", "LAB-N17-STARTTLS")]


def test_baseline_and_suppressions_are_told() -> None:
    accepted = Suppression(rule="LAB-N17-*", reason="we know", expires=date(2027, 1, 31))
    held = triaged(found(), found(CHATTY), baseline=report(found()), suppressions=(accepted,))
    first, second = run_of(held)["results"]
    assert (first["baselineState"], first["suppressions"]) == ("unchanged", [])
    assert second["baselineState"] == "new"
    assert second["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "we know"}
    ]
    assert "baselineState" not in run_of(triaged(found()))["results"][0]


def test_fingerprints_and_the_category_are_stable_and_tell_findings_apart() -> None:
    def prints(held: TriagedReport) -> list[dict[str, str]]:
        return [one["partialFingerprints"] for one in run_of(held)["results"]]

    [one] = prints(triaged(found()))
    assert one["postsealFinding/v1"] == found().fingerprint
    assert one == prints(triaged(replace(found(), message="other", seconds=3.0)))[0]
    assert one != prints(triaged(found(subject="other")))[0]
    category = run_of(triaged(found()))["automationDetails"]["id"]
    assert category.startswith("postseal-audit/client-starttls/")
    assert category == run_of(triaged())["automationDetails"]["id"]


@pytest.mark.parametrize(
    ("severity", "level"),
    [(Severity.INFO, "note"), (Severity.LOW, "note"), (Severity.MEDIUM, "warning")],
)
def test_levels(severity: Severity, level: str) -> None:
    [result] = run_of(triaged(replace(found(), own_severity=severity)))["results"]
    assert result["level"] == level


@pytest.mark.parametrize(
    ("path", "uri"),
    [("conf/my app.yml", "conf/my%20app.yml"), ("/etc/msmtprc", "file:///etc/msmtprc")],
)
def test_places_in_files(path: str, uri: str) -> None:
    [result] = run_of(triaged(replace(found(), location=Location(path, 7))))["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (uri, 7)


def test_a_tag_stands_there_once() -> None:
    check = replace(STRIPPED, tags=("security", "tls", "tls"), cwe=(319, 319))
    [rule] = run_of(triaged(found(check)))["tool"]["driver"]["rules"]
    assert rule["properties"]["tags"] == ["security", "tls", "external/cwe/cwe-319"]


def test_a_message_of_a_stranger_holds_neither_links_nor_placeholders() -> None:
    # SARIF 2.1.0, 3.11.5 and 3.11.6.
    held = triaged(replace(found(), message="[free](https://a.example) {0}"))
    [result] = run_of(held)["results"]
    assert "\\[free\\](https://a.example) {{0}}" in result["message"]["text"]


@settings(max_examples=40)
@given(hostile_reports)
def test_whatever_is_found_is_valid(held: TriagedReport) -> None:
    run = run_of(held)
    for message in (one["message"]["text"] for one in run["results"]):
        assert message.replace("\n", "").isprintable()
