"""Each case of parsing catches the client that is weak in it, and no careful one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from postseal.audit.findings import Finding, Outcome
from postseal.audit.lab.case import Clock, Mode
from postseal.audit.lab.catalogue.parsing import PARSING
from postseal.audit.lab.run import LabOptions
from postseal.audit.lab.verdicts import Verdict
from tests.parts.lab_runs import attack
from tests.parts.mutant_client import MutantClient
from tests.parts.weaknesses import Weakness

_SLOW = [case for case in PARSING if case.clock is Clock.PATIENT]
_QUICK = [case for case in PARSING if case.clock is Clock.QUICK]

_LOST = Verdict.SILENT_LOSS
_MISREAD = ("P03-LF", "P03-CR", "P04-FIRST", "P04-LAST")
_GUESSED = ("P05-SHORT", "P05-LONG", "P05-LETTER", "P05-SIGN", "P05-NONE")

_PATIENT = frozenset({Weakness.WAITS_FOR_EACH_OCTET})

# What each weakness is caught in; in all other cases the client that has it is safe.
CAUGHT: dict[Weakness, dict[str, Verdict]] = {
    Weakness.READS_LINES_WITHOUT_END: {"P01": Verdict.HANG},
    Weakness.READS_REPLIES_WITHOUT_END: {"P02": Verdict.HANG},
    Weakness.TAKES_BARE_LF: {"P03-LF": _LOST},
    Weakness.TAKES_BARE_CR: {"P03-CR": _LOST},
    Weakness.TAKES_FIRST_CODE: {"P04-FIRST": _LOST},
    Weakness.TAKES_LAST_CODE: {"P04-LAST": _LOST},
    Weakness.GUESSES_CODES: dict.fromkeys(_GUESSED, _LOST),
    Weakness.PRINTS_RAW_TEXT: {"P06-ESC": Verdict.ACCEPTED_FORGED},
    Weakness.STOPS_AT_NUL: {"P06-NUL": _LOST},
    Weakness.CRASHES_ON_8BIT: {"P07": Verdict.CRASH},
    Weakness.WAITS_FOR_EACH_OCTET: {"P08": Verdict.HANG},
    Weakness.IGNORES_VERDICT: dict.fromkeys(
        (*_MISREAD, *_GUESSED, "P06-NUL", "P07", "P09", "P10", "P11"), _LOST
    ),
    Weakness.TRUSTS_EARLY_REPLIES: {"P10": _LOST, "P12": Verdict.ACCEPTED_FORGED},
}


def options(mode: Mode) -> LabOptions:
    return LabOptions(mode=mode, patience=0, parallel=8)


def caught(found: Mapping[str, Finding]) -> dict[str, Verdict]:
    failed = [(id_, one) for id_, one in found.items() if one.outcome is not Outcome.PASSED]
    return {id_: Verdict(one.verdict) for id_, one in failed}


def test_each_case_catches_some_weakness() -> None:
    assert {case.id for case in PARSING} == {id_ for cases in CAUGHT.values() for id_ in cases}


@pytest.mark.parametrize("mode", Mode)
async def test_a_careful_client_is_safe(mode: Mode, tmp_path: Path) -> None:
    found = await attack(MutantClient(timeout=5), _QUICK, options(mode), tmp_path)

    assert len(found) == len(_QUICK)
    assert not caught(found)


@pytest.mark.parametrize("weakness", [one for one in CAUGHT if one not in _PATIENT])
async def test_a_weak_client_is_caught_where_it_is_weak_and_nowhere_else(
    weakness: Weakness, tmp_path: Path
) -> None:
    client = MutantClient(frozenset({weakness}), timeout=5)

    found = await attack(client, _QUICK, options(Mode.STARTTLS), tmp_path)

    assert caught(found) == CAUGHT[weakness]


@pytest.mark.parametrize("weakness", [one for one in CAUGHT if one not in _PATIENT])
async def test_a_weak_client_is_caught_on_a_port_of_tls_as_well(
    weakness: Weakness, tmp_path: Path
) -> None:
    client = MutantClient(frozenset({weakness}), timeout=5)
    cases = [one for one in _QUICK if one.id in CAUGHT[weakness]]

    found = await attack(client, cases, options(Mode.IMPLICIT), tmp_path)

    assert caught(found) == CAUGHT[weakness]


@pytest.mark.parametrize("mode", Mode)
async def test_who_waits_for_each_octet_waits_too_long(mode: Mode, tmp_path: Path) -> None:
    for weaknesses in (frozenset[Weakness](), _PATIENT):
        # An octet comes within the timeout, and the session is to end after three of them.
        client = MutantClient(weaknesses, timeout=0.6)

        found = await attack(client, _SLOW, options(mode), tmp_path)

        expected = [CAUGHT[one] for one in weaknesses]
        assert caught(found) == (expected[0] if expected else {})
