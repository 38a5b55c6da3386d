"""What an audit checks, what it found, and what that means for a pipeline.

Every audit gives these values, and every report is written from them alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum, unique
from hashlib import sha256

__all__ = [
    "AuditReport",
    "Check",
    "Evidence",
    "Finding",
    "Location",
    "Outcome",
    "Reference",
    "Severity",
]


@unique
class Severity(IntEnum):
    """How much it matters that a check fails."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


@unique
class Outcome(Enum):
    """What a check came to."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """It ran, and what it saw allows no statement: never the same as `PASSED` (promise 9)."""
    NOT_COVERED = "not covered"
    """It could not be run here; the finding says why."""
    BROKEN = "broken"
    """The auditor itself failed."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a reader finds more: an RFC section, a CVE, a paper."""

    label: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What is checked: the rule of a report. `id` never changes its meaning between releases.

    `description` is the story behind it, `remedy` what to do where it fails, `cwe` the numbers of
    the weaknesses it looks for.
    """

    id: str
    title: str
    description: str
    severity: Severity
    remedy: str
    references: tuple[Reference, ...] = ()
    cwe: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that was seen, as text without control characters and without secrets."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file, by its path from the root that was audited and its line from 1."""

    path: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check said of one subject.

    `subject` names what was checked, such as a command or `smtp://host:25`; `verdict` is the
    audit's own word for the outcome, and `message` a sentence of what happened. `stimulus` is what
    the check confronted the subject with, where it did more than look. `severity` and `remedy` are
    the check's unless this subject gave reason for others.
    """

    check: Check
    subject: str
    outcome: Outcome
    verdict: str
    message: str
    stimulus: str = ""
    evidence: tuple[Evidence, ...] = ()
    location: Location | None = None
    own_severity: Severity | None = None
    own_remedy: str | None = None
    seconds: float = 0.0

    @property
    def severity(self) -> Severity:
        """How much this one matters."""
        return self.check.severity if self.own_severity is None else self.own_severity

    @property
    def remedy(self) -> str:
        """What to do about this one."""
        return self.check.remedy if self.own_remedy is None else self.own_remedy

    @property
    def fingerprint(self) -> str:
        """Tell this finding from others, the same in every run that finds it again."""
        place = self.location.path if self.location else ""
        identity = f"{self.check.id}\0{self.subject}\0{self.verdict}\0{place}"
        return sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All that one audit found, in the order of its checks, and under which circumstances.

    `facts` are versions, modes and the like, by name. Times carry a zone.
    """

    audit: str
    subject: str
    version: str
    started: datetime
    finished: datetime
    findings: tuple[Finding, ...]
    facts: tuple[tuple[str, str], ...] = ()
