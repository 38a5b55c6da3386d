"""The report in a terminal: short, and nothing in it is obeyed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from io import StringIO

import pytest
from hypothesis import given, settings
from rich.console import Console

from postseal.audit.findings import Evidence, Outcome, Severity
from postseal.audit.report.formats import Format, written
from postseal.audit.report.terminal import print_report
from postseal.audit.suppressions import Suppression
from postseal.audit.triage import TriagedReport
from tests.parts.audited import CHATTY, HONEST, found, hostile_reports, passed, report, triaged


def printed(held: TriagedReport, width: int = 100) -> list[str]:
    file = StringIO()
    print_report(held, Console(file=file, width=width, highlight=False))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_what_is_printed() -> None:
    lines = printed(triaged(passed(HONEST), found(), passed(CHATTY)))
    rows = [" ".join(line.split()) for line in lines]
    assert rows[1] == "check met with what happened verdict"
    # What all ids have in common is left out: the rest is what --cases takes.
    assert rows[3].startswith("CONTROL offered AUTH without gave away its password in passed")
    assert any(row.startswith("N01 offered AUTH without") for row in rows)
    at = lines.index("critical: LAB-N01-STARTTLS")
    assert lines[at + 1 : at + 3] == [
        "  Require TLS.",
        "  RFC 3207 6 https://www.rfc-editor.org/rfc/rfc3207#section-6",
    ]
    assert lines[-2:] == [
        "2 passed, 1 failed.",
        "Failed: there are findings of severity low or above.",
    ]
    assert not any("EHLO" in line for line in lines)  # evidence is for other formats


def test_what_does_not_count_says_why() -> None:
    accepted = (
        Suppression(rule="LAB-N17-*", reason="we know", expires=date(2027, 1, 31)),
        Suppression(rule="LAB-X", reason="?", expires=date(2027, 1, 31)),
    )
    held = triaged(found(), found(CHATTY), baseline=report(found()), suppressions=accepted)
    text = " ".join(" ".join(printed(held, 300)).split())
    assert "leak of credentials (critical), known: the baseline has it" in text
    assert "leak of credentials (low), suppressed until 2027-01-31: we know" in text
    assert "The suppression of LAB-X met no failure." in text
    assert "2 failed, 2 of the failures known or suppressed." in text
    assert "Require TLS." not in text
    assert text.endswith("severity low or above but what is known or suppressed.")


def test_a_failed_control_is_shown_with_its_evidence_and_nothing_else() -> None:
    control = replace(
        found(HONEST, Outcome.INCONCLUSIVE),
        message="the client never connected",
        evidence=(Evidence("output of the client", "no idea \x1b[31m"),),
    )
    lines = printed(triaged(control, found(CHATTY, Outcome.INCONCLUSIVE)))
    assert lines == [
        "Honest server: the client never connected",
        "  Let the command deliver.",
        "output of the client:",
        "  no idea \\x1b[31m",
        "",
        "2 inconclusive.",
        "Inconclusive: not everything could be decided.",
    ]


@pytest.mark.parametrize(
    ("ids", "shown"),
    [
        (["LAB-A-T", "LAB-B-T"], ["A", "B"]),
        (["LAB-A-X-T", "LAB-A-Y-T"], ["X", "Y"]),
        (["LAB-A", "LAB-A-B"], ["A", "A-B"]),
        (["A", "B"], ["A", "B"]),
        (["LAB-A-T"], ["T"]),
    ],
)
def test_ids_lose_what_they_share(ids: list[str], shown: list[str]) -> None:
    findings = [found(replace(CHATTY, id=each), Outcome.PASSED) for each in ids]
    lines = printed(triaged(*findings))
    assert [line.split()[0] for line in lines if "gave" in line] == shown


def test_in_a_file_it_has_no_colours() -> None:
    assert "\x1b" not in written(triaged(found()), Format.TEXT)
    assert "Failed: there" in written(triaged(found(), fail_on=Severity.HIGH), Format.TEXT)


@settings(max_examples=40)
@given(hostile_reports)
def test_whatever_is_found_no_terminal_obeys_it(held: TriagedReport) -> None:
    for width in (30, 120):
        assert all(line.isprintable() for line in printed(held, width))
