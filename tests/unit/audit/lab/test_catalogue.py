"""The catalogue as a whole: every case of the plan, told so that a reader can act on it."""

from __future__ import annotations

import re

import pytest

from postseal.audit.findings import Severity
from postseal.audit.lab.case import Case, Mode
from postseal.audit.lab.catalogue import CATALOGUE

_ID = re.compile(r"[A-Z]\d\d(?:-[A-Z0-9]+)*")
NAMED = [pytest.param(case, id=case.id) for case in CATALOGUE]


def numbers(letter: str) -> set[int]:
    return {int(case.id[1:3]) for case in CATALOGUE if case.id.startswith(letter)}


@pytest.mark.parametrize(("letter", "last"), [("N", 23), ("B", 10), ("P", 12), ("I", 3)])
def test_each_case_of_the_plan_is_there(letter: str, last: int) -> None:
    assert numbers(letter) == set(range(1, last + 1))


def test_no_two_cases_have_one_id() -> None:
    checks = [case.check(mode).id for case in CATALOGUE for mode in case.modes]
    assert len(set(checks)) == len(checks)


def test_what_no_client_has_to_do_is_a_note_and_says_so() -> None:
    notes = [one for one in CATALOGUE if one.severity is Severity.INFO and not one.not_covered]
    ids = {"C06-MUST-STAPLE", "P03-LF", "P03-CR", "P04-FIRST", "P04-LAST"}
    assert {case.id for case in notes} == ids
    assert all("a note, no more" in case.story for case in notes)


@pytest.mark.parametrize("case", NAMED)
def test_a_case_says_what_it_does_and_what_to_do(case: Case) -> None:
    assert _ID.fullmatch(case.id)
    assert case.modes <= frozenset(Mode)
    assert case.modes
    assert case.servers
    told = (case.title, case.story, case.hostile, case.safe, case.remedy)
    assert all(text and text.isprintable() and text == text.strip() for text in told)
    assert case.story.endswith(".")
    assert case.safe.endswith(".")
    assert case.remedy.endswith(".")
    assert not case.hostile.endswith(".")
    check = case.check(Mode.STARTTLS)
    assert check.id == f"LAB-{case.id}-STARTTLS"
    assert case.story in check.description
