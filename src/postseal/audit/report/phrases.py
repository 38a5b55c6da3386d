"""What every report for people says in the same words: counts, results and how findings compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from postseal.audit.exit_codes import ExitCode
from postseal.audit.findings import Finding, Outcome, Reference, Severity
from postseal.audit.triage import TriagedReport

__all__ = ["Remedy", "counted", "remedies", "result", "verdict"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about the findings for which an audit fails; one remedy may mend several."""

    text: str
    severity: Severity
    findings: tuple[Finding, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """Where to read more, each once."""
        return tuple(
            dict.fromkeys(one for finding in self.findings for one in finding.check.references)
        )


def remedies(triaged: TriagedReport) -> Iterator[Remedy]:
    """Give the remedies for what is not set aside, the gravest first."""
    findings: dict[str, list[Finding]] = {}
    for one in triaged.findings:
        if one.finding.outcome is Outcome.FAILED and not one.is_set_aside:
            findings.setdefault(one.finding.remedy, []).append(one.finding)
    found = [
        Remedy(text, max(finding.severity for finding in of_text), tuple(of_text))
        for text, of_text in findings.items()
    ]
    yield from sorted(found, key=lambda remedy: -remedy.severity)


def verdict(finding: Finding) -> str:
    """Say what a check came to; of a failure also how much it matters."""
    if finding.outcome is Outcome.FAILED:
        return f"{finding.verdict} ({finding.severity.name.lower()})"
    return finding.verdict


def counted(triaged: TriagedReport) -> str:
    """Say how many checks came to what."""
    counts = Counter(one.finding.outcome for one in triaged.findings)
    parts = [f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]]
    if aside := sum(one.is_set_aside for one in triaged.findings):
        parts.append(f"{aside} of the failures known or suppressed")
    return ", ".join(parts) or "nothing was checked"


def result(triaged: TriagedReport) -> str:
    """Say in a sentence what the exit status says in a number."""
    grave = f"of severity {triaged.fail_on.name.lower()} or above"
    match triaged.exit_code:
        case ExitCode.CLEAN if any(one.is_set_aside for one in triaged.findings):
            return f"Clean: no finding {grave} but what is known or suppressed."
        case ExitCode.CLEAN:
            return f"Clean: no finding {grave}."
        case ExitCode.FINDINGS:
            return f"Failed: there are findings {grave}."
        case ExitCode.INCONCLUSIVE:
            return "Inconclusive: not everything could be decided."
        case _:
            return "Broken: the auditor itself failed."
