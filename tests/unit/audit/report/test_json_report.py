"""The JSON report keeps to its published schema and loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from postseal.audit.findings import Location, Severity
from postseal.audit.report.json_report import json_report, read_json_report
from postseal.audit.suppressions import Suppression
from postseal.audit.triage import TriagedReport
from postseal.errors import InvalidInput
from tests.parts.audited import HONEST, found, hostile_reports, passed, report, triaged

DOCS = Path(__file__).parents[4] / "docs"
SCHEMA = json.loads((DOCS / "schemas" / "audit-report.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def test_the_schema_is_one_and_is_not_met_by_anything() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert not VALIDATOR.is_valid({})
    assert not VALIDATOR.is_valid([])


def test_what_is_written() -> None:
    accepted = Suppression(rule="*", reason="it is on loopback", expires=date(2027, 1, 31))
    held = triaged(passed(HONEST), found(), suppressions=(accepted,), baseline=report())
    document = json.loads(json_report(held))
    VALIDATOR.validate(document)
    assert document["exit_code"] == 0
    assert document["facts"] == [{"name": "mode", "value": "starttls"}]
    finding = document["findings"][1]
    assert finding["check"] == "LAB-N01-STARTTLS"
    assert finding["evidence"] == [{"label": "connection 1", "text": "S: 220 hello\nC: EHLO me"}]
    assert finding["is_known"] is False
    assert finding["suppression"] == {"reason": "it is on loopback", "expires": "2027-01-31"}
    assert finding["fingerprint"] == found().fingerprint


def test_the_same_finding_has_the_same_fingerprint_in_each_run() -> None:
    slower = replace(found(), seconds=9.0, message="in other words", evidence=())
    assert slower.fingerprint == found().fingerprint
    assert replace(found(), location=Location("a.py")).fingerprint != found().fingerprint


@settings(max_examples=40)
@given(hostile_reports)
def test_whatever_is_found_is_written_by_the_schema_and_read_back(held: TriagedReport) -> None:
    text = json_report(held)
    # A terminal that shows it obeys nothing in it.
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    VALIDATOR.validate(json.loads(text))
    assert read_json_report(text.encode(), source="x") == held.report


def test_a_severity_and_a_remedy_of_its_own_come_back() -> None:
    own = replace(found(), own_severity=Severity.LOW, own_remedy="Set smtp_tls to required.")
    text = json_report(triaged(own))
    assert read_json_report(text.encode(), source="x").findings == (own,)


def test_a_later_release_may_say_more() -> None:
    document = json.loads(json_report(triaged(found())))
    document["mood"] = document["findings"][0]["mood"] = document["checks"][0]["mood"] = "good"
    assert read_json_report(json.dumps(document).encode(), source="x") == report(found())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"version": 1,', '"version": 2,', "x is no report of version 1"),
        ('"version": 1,', "", "x is no report of version 1"),
        (
            '"outcome": "failed"',
            '"outcome": "bad"',
            "x.findings[0].outcome is 'bad', not one of pa",
        ),
        ('"seconds": 1.5', '"seconds": NaN', "x.findings[0].seconds is nan, not a number"),
        ('"seconds": 1.5', '"seconds": true', "x.findings[0].seconds is True, not a number"),
        ('"seconds": 1.5', '"seconds": -1', "x.findings[0].seconds is -1, not a number"),
        ("12:00:42+00:00", "12:00:42", "x.finished is '2026-03-01T12:00:42', not a date"),
        ('"check": "LAB-N01', '"check": "LAB-N02', "x.findings[0].check is none of the report's"),
        ('"severity": "critical"', '"severity": "dire"', "x.checks[0].severity is 'dire', not one"),
        ('"subject": "client {host}"', '"subject": 7', "x.subject is 7, not a string"),
        ('"location": null', '"location": 3', "x.findings[0].location.path is missing"),
        ("{", "", "x is no JSON"),
        ('"audit"', '"version": 1, "version"', "a key stands twice"),
    ],
)
def test_what_is_no_report_is_refused_by_its_place(old: str, new: str, said: str) -> None:
    text = json_report(triaged(found()))
    assert old in text
    with pytest.raises(InvalidInput) as refused:
        read_json_report(text.replace(old, new, 1).encode(), source="x")
    assert said in str(refused.value)
