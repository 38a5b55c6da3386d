"""Which findings count: neither what a baseline knows nor what is suppressed for a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postseal.audit.exit_codes import ExitCode, exit_code
from postseal.audit.findings import AuditReport, Finding, Location, Outcome, Severity
from postseal.audit.suppressions import Suppression

__all__ = ["TriagedFinding", "TriagedReport", "triage"]


@dataclass(frozen=True, slots=True)
class TriagedFinding:
    """A finding, and what sets it aside: only what failed can be.

    `is_known`: the baseline has it; None where there is no baseline.
    """

    finding: Finding
    is_known: bool | None = None
    suppression: Suppression | None = None

    @property
    def is_set_aside(self) -> bool:
        """True for a failure that is known or suppressed."""
        return self.is_known is True or self.suppression is not None


@dataclass(frozen=True, slots=True)
class TriagedReport:
    """A report, all of its findings triaged, in their order.

    `location` is where findings are shown that have no place in a file of their own. `unused` are
    the suppressions that no failure met.
    """

    report: AuditReport
    findings: tuple[TriagedFinding, ...]
    fail_on: Severity
    location: Location
    unused: tuple[Suppression, ...] = ()

    def fails(self, one: TriagedFinding) -> bool:
        """Tell whether a finding is one for which the audit fails."""
        finding = one.finding
        is_grave = finding.outcome is Outcome.FAILED and finding.severity >= self.fail_on
        return is_grave and not one.is_set_aside

    def tolerance(self, one: TriagedFinding) -> str:
        """Say why the audit does not fail for a failure; empty for all else."""
        if one.finding.outcome is not Outcome.FAILED:
            return ""
        if one.suppression is not None:
            return f"suppressed until {one.suppression.expires}: {one.suppression.reason}"
        if one.is_known:
            return "known: the baseline has it"
        if one.finding.severity < self.fail_on:
            return f"{one.finding.severity.name.lower()}: fails from {self.fail_on.name.lower()} on"
        return ""

    @property
    def exit_code(self) -> ExitCode:
        """The exit status for all of it."""
        return exit_code(
            tuple(one.finding for one in self.findings if not one.is_set_aside),
            set_aside=tuple(one.finding for one in self.findings if one.is_set_aside),
            fail_on=self.fail_on,
        )


def triage(
    report: AuditReport,
    *,
    fail_on: Severity,
    location: Location,
    baseline: AuditReport | None = None,
    suppressions: Sequence[Suppression] = (),
) -> TriagedReport:
    """Hold each failure of a report against a baseline and the suppressions.

    A baseline of another audit knows none of the findings.
    """
    known = None if baseline is None else _failures(baseline)
    used: set[Suppression] = set()

    def triaged(finding: Finding) -> TriagedFinding:
        if finding.outcome is not Outcome.FAILED:
            return TriagedFinding(finding)
        matching = [one for one in suppressions if one.matches(finding)]
        used.update(matching)
        return TriagedFinding(
            finding,
            None if known is None else finding.fingerprint in known,
            matching[0] if matching else None,
        )

    findings = tuple(map(triaged, report.findings))
    unused = tuple(one for one in suppressions if one not in used)
    return TriagedReport(report, findings, fail_on, location, unused)


def _failures(report: AuditReport) -> frozenset[str]:
    return frozenset(
        finding.fingerprint for finding in report.findings if finding.outcome is Outcome.FAILED
    )
