"""Reports of audits, for the tests of what is made of them: plain ones and hostile ones."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import strategies as st

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
from postseal.audit.triage import TriagedReport, triage

BEGAN = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
ENDED = datetime(2026, 3, 1, 12, 0, 42, tzinfo=UTC)
CONFIG = Location("postseal-audit.toml")

STRIPPED = Check(
    id="LAB-N01-STARTTLS",
    title="STARTTLS is not offered",
    description="Somebody on the path removes the offer.",
    severity=Severity.CRITICAL,
    remedy="Require TLS.",
    references=(Reference("RFC 3207 6", "https://www.rfc-editor.org/rfc/rfc3207#section-6"),),
    cwe=(319,),
    tags=("client", "starttls"),
)
CHATTY = Check(
    id="LAB-N17-STARTTLS",
    title="The server greets too much",
    description="It says more than it should.",
    severity=Severity.LOW,
    remedy="Ignore it.",
)
HONEST = Check(
    id="LAB-CONTROL-STARTTLS",
    title="Honest server",
    description="It does everything right.",
    severity=Severity.INFO,
    remedy="Let the command deliver.",
    tags=("control",),
)


def found(
    check: Check = STRIPPED,
    outcome: Outcome = Outcome.FAILED,
    verdict: str = "leak of credentials",
    *,
    subject: str = "client {host}",
) -> Finding:
    return Finding(
        check=check,
        subject=subject,
        outcome=outcome,
        verdict=verdict if outcome is Outcome.FAILED else outcome.value,
        message="gave away its password in clear",
        stimulus="offered AUTH without STARTTLS",
        evidence=(Evidence("connection 1", "S: 220 hello\nC: EHLO me"),),
        seconds=1.5,
    )


def passed(check: Check) -> Finding:
    return found(check, Outcome.PASSED)


def report(*findings: Finding) -> AuditReport:
    return AuditReport(
        audit="client-starttls",
        subject="client {host}",
        version="1.2.3",
        started=BEGAN,
        finished=ENDED,
        findings=findings,
        facts=(("mode", "starttls"),),
    )


def triaged(
    *findings: Finding,
    fail_on: Severity = Severity.LOW,
    baseline: AuditReport | None = None,
    suppressions: tuple[Suppression, ...] = (),
) -> TriagedReport:
    return triage(
        report(*findings),
        fail_on=fail_on,
        location=CONFIG,
        baseline=baseline,
        suppressions=suppressions,
    )


# What would break out of a page, a table, an XML text, a terminal, a link or a list.
_SNARES = [
    "x", "\x1b[31mred", "a\x00b", "\ufffe", "]]>", "<b>x</b>", "x</pre>\n\n# y", "<!-- x", "&lt;",
    "a | b", "`x", "**x**", "[x](https://a.example)", "](x)", "{0}", "\\", "\\|b", "a\r\nb", "\n\n",
    "\n# x", "\n- x", "- x", "1. x", "> x", "    x", "\u202ex", "a\u2028b", "@all", "#7", "\ud800",
    "www.a.example", "https://a.example/(x", "javascript:x", "[bold]x[/bold]", ":smile:", "\"'",
    "a\tb", "~~x~~", "$x$", "x\n===", "---", "^x", "</script>", "</style>", " ", "",
]  # fmt: skip
texts = st.sampled_from(_SNARES) | st.text(max_size=5)
words = texts.filter(bool)

_checks = st.builds(
    Check,
    id=words,
    title=texts,
    description=texts,
    severity=st.sampled_from(Severity),
    remedy=texts,
    references=st.lists(st.builds(Reference, texts, texts), max_size=2).map(tuple),
    cwe=st.lists(st.integers(1, 2000), max_size=2).map(tuple),
    tags=st.lists(words, max_size=2, unique=True).map(tuple),
)
_findings = st.builds(
    Finding,
    check=_checks,
    subject=texts,
    outcome=st.sampled_from(Outcome),
    verdict=texts,
    message=texts,
    stimulus=texts,
    evidence=st.lists(st.builds(Evidence, texts, texts), max_size=2).map(tuple),
    location=st.none() | st.builds(Location, words, st.integers(1, 9)),
    seconds=st.floats(0, 1000),
)
reports = st.builds(
    AuditReport,
    audit=words,
    subject=texts,
    version=words,
    started=st.just(BEGAN),
    finished=st.just(ENDED),
    findings=st.lists(_findings, max_size=4, unique_by=lambda finding: finding.check.id).map(tuple),
    facts=st.lists(st.tuples(words, texts), max_size=2).map(tuple),
)
_suppressions = st.builds(
    Suppression, rule=st.sampled_from(["*", "x"]), reason=words, expires=st.just(date(2027, 1, 31))
)
hostile_reports = st.builds(
    triage,
    reports,
    fail_on=st.sampled_from(Severity),
    location=st.builds(Location, words),
    baseline=st.none(),
    suppressions=st.lists(_suppressions, max_size=1),
)
