"""What an audit answers to the program that called it; every audit answers alike."""

from __future__ import annotations

from enum import IntEnum, unique

from postseal.audit.findings import Finding, Outcome, Severity

__all__ = ["CONTROL_TAG", "ExitCode", "exit_code"]

CONTROL_TAG = "control"
"""The tag of a check which shows that others mean something; passing it says nothing else."""


@unique
class ExitCode(IntEnum):
    """The exit status of `postseal audit`."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    INCONCLUSIVE = 3
    """Something could not be reached or decided, or nothing was checked at all."""
    INTERNAL = 4


def exit_code(
    findings: tuple[Finding, ...], *, fail_on: Severity, set_aside: tuple[Finding, ...] = ()
) -> ExitCode:
    """Sum up the findings that count; those in the baseline and the suppressed are `set_aside`.

    A failure of the auditor outranks what it found, what it found outranks what it could not
    tell, and where nothing was checked nothing is clean.
    """
    if any(finding.outcome is Outcome.BROKEN for finding in findings):
        return ExitCode.INTERNAL
    if any(f.outcome is Outcome.FAILED and f.severity >= fail_on for f in findings):
        return ExitCode.FINDINGS
    told = any(
        finding.outcome in (Outcome.PASSED, Outcome.FAILED)
        and CONTROL_TAG not in finding.check.tags
        for finding in (*findings, *set_aside)
    )
    undecided = any(finding.outcome is Outcome.INCONCLUSIVE for finding in findings)
    return ExitCode.INCONCLUSIVE if undecided or not told else ExitCode.CLEAN
