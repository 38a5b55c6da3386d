"""What a baseline knows and what is suppressed does not count, and nothing else is passed over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from postseal.audit.exit_codes import ExitCode
from postseal.audit.findings import Finding, Outcome, Severity
from postseal.audit.suppressions import Suppression
from tests.parts.audited import CHATTY, HONEST, STRIPPED, found, passed, report, triaged

ACCEPTED = Suppression(rule="LAB-N01-*", reason="it is on loopback", expires=date(2027, 1, 31))


@pytest.mark.parametrize(
    ("findings", "fail_on", "status"),
    [
        ((passed(HONEST), passed(STRIPPED)), Severity.LOW, ExitCode.CLEAN),
        ((passed(HONEST), found()), Severity.LOW, ExitCode.FINDINGS),
        ((found(CHATTY),), Severity.LOW, ExitCode.FINDINGS),
        ((found(CHATTY),), Severity.HIGH, ExitCode.CLEAN),
        # Nothing that was checked: never 0.
        ((), Severity.LOW, ExitCode.INCONCLUSIVE),
        ((passed(HONEST),), Severity.LOW, ExitCode.INCONCLUSIVE),
        ((passed(HONEST), found(STRIPPED, Outcome.NOT_COVERED)), Severity.LOW, 3),
        # What could not be told outranks what passed, and a failure outranks both.
        ((passed(STRIPPED), found(CHATTY, Outcome.INCONCLUSIVE)), Severity.LOW, 3),
        ((found(STRIPPED), found(CHATTY, Outcome.INCONCLUSIVE)), Severity.LOW, 1),
        ((found(STRIPPED), found(CHATTY, Outcome.BROKEN)), Severity.LOW, ExitCode.INTERNAL),
        ((passed(STRIPPED), found(CHATTY, Outcome.NOT_COVERED)), Severity.LOW, 0),
    ],
)
def test_the_exit_status(findings: tuple[Finding, ...], fail_on: Severity, status: int) -> None:
    assert triaged(*findings, fail_on=fail_on).exit_code == status


def test_what_the_baseline_has_does_not_count_again() -> None:
    held = triaged(passed(HONEST), found(), baseline=report(found()))
    assert [one.is_known for one in held.findings] == [None, True]
    assert held.exit_code is ExitCode.CLEAN
    assert held.tolerance(held.findings[1]) == "known: the baseline has it"


@pytest.mark.parametrize(
    "now",
    [
        found(verdict="leak of mail"),  # it does more harm, or less: somebody has to look
        found(CHATTY),
        found(subject="another client"),
    ],
)
def test_what_is_new_counts(now: Finding) -> None:
    held = triaged(now, baseline=report(found()))
    assert held.findings[0].is_known is False
    assert held.exit_code is ExitCode.FINDINGS


def test_what_passed_before_and_fails_now_is_new() -> None:
    once = replace(found(), outcome=Outcome.PASSED)
    assert triaged(found(), baseline=report(once)).exit_code is ExitCode.FINDINGS


def test_what_is_suppressed_does_not_count() -> None:
    held = triaged(found(), suppressions=(ACCEPTED,))
    assert held.exit_code is ExitCode.CLEAN
    assert held.unused == ()
    assert held.tolerance(held.findings[0]) == "suppressed until 2027-01-31: it is on loopback"


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.BROKEN, Outcome.PASSED])
def test_only_failures_are_suppressed(outcome: Outcome) -> None:
    # Or a pattern that is too wide would make a lab that never ran look clean.
    everything = replace(ACCEPTED, rule="*")
    held = triaged(found(outcome=outcome), suppressions=(everything,))
    assert held.exit_code is triaged(found(outcome=outcome)).exit_code
    assert held.unused == (everything,)


def test_what_is_graver_than_its_check_is_weighed_as_such() -> None:
    graver = replace(found(CHATTY), own_severity=Severity.HIGH)
    assert triaged(graver, fail_on=Severity.HIGH).exit_code is ExitCode.FINDINGS
    held = triaged(found(CHATTY), fail_on=Severity.HIGH)
    assert held.tolerance(held.findings[0]) == "low: fails from high on"
