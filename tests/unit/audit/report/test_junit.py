"""JUnit's XML: what fails the audit fails there, and nothing else does."""

from __future__ import annotations

from datetime import date
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, settings

from postseal.audit.findings import Finding, Outcome, Severity
from postseal.audit.report.junit import junit_report
from postseal.audit.suppressions import Suppression
from postseal.audit.triage import TriagedReport
from tests.parts.audited import CHATTY, HONEST, found, hostile_reports, passed, report, triaged


def suite_of(held: TriagedReport) -> Element:
    root = fromstring(junit_report(held).encode())
    assert root.tag == "testsuites"
    [suite] = root
    for attribute in ("tests", "failures", "errors", "skipped", "time"):
        assert root.get(attribute) == suite.get(attribute)
    assert suite.get("tests") == str(len(suite.findall("testcase")))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert suite.get(attribute) == str(len(suite.findall(f"testcase/{tag}")))
    return suite


def test_a_failure() -> None:
    suite = suite_of(triaged(passed(HONEST), found()))
    assert suite.get("name") == "postseal audit client-starttls"
    honest, stripped = suite.findall("testcase")
    assert len(honest) == 0
    assert stripped.get("classname") == "client {host}"
    assert stripped.get("name") == "LAB-N01-STARTTLS STARTTLS is not offered"
    assert stripped.get("time") == "1.500"
    [failure] = stripped
    assert (failure.tag, failure.get("type")) == ("failure", "CRITICAL")
    assert failure.get("message") == (
        "leak of credentials (critical): gave away its password in clear"
    )
    assert failure.text is not None
    assert failure.text.splitlines() == [
        "met with: offered AUTH without STARTTLS",
        "remedy: Require TLS.",
        "see: RFC 3207 6 https://www.rfc-editor.org/rfc/rfc3207#section-6",
    ]


@pytest.mark.parametrize(
    ("finding", "tag"),
    [
        (passed(CHATTY), None),
        (found(CHATTY, Outcome.INCONCLUSIVE), "skipped"),
        (found(CHATTY, Outcome.NOT_COVERED), "skipped"),
        (found(CHATTY, Outcome.BROKEN), "error"),
        (found(CHATTY), "skipped"),  # below the severity for which it fails
        (found(), "failure"),
    ],
)
def test_outcomes(finding: Finding, tag: str | None) -> None:
    [case] = suite_of(triaged(finding, fail_on=Severity.HIGH)).findall("testcase")
    assert [child.tag for child in case] == ([] if tag is None else [tag])


def test_what_is_known_or_suppressed_is_skipped_for_a_reason() -> None:
    accepted = Suppression(rule="LAB-N17-*", reason="we know", expires=date(2027, 1, 31))
    held = triaged(found(), found(CHATTY), baseline=report(found()), suppressions=(accepted,))
    messages = [one.get("message", "") for one in suite_of(held).findall("testcase/skipped")]
    assert [message.rpartition("[")[2] for message in messages] == [
        "known: the baseline has it]",
        "suppressed until 2027-01-31: we know]",
    ]


@settings(max_examples=40)
@given(hostile_reports)
def test_whatever_is_found_is_well_formed(held: TriagedReport) -> None:
    suite = suite_of(held)
    assert len(suite.findall("testcase")) == len(held.findings)
    failures = len(suite.findall("testcase/failure"))
    assert failures == sum(held.fails(one) for one in held.findings)
