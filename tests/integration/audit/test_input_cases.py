"""Each case of injection by input catches the client that is weak in it, and no careful one."""

from __future__ import annotations

from pathlib import Path

import pytest

from postseal.audit.findings import Outcome
from postseal.audit.lab.case import Mode
from postseal.audit.lab.catalogue.inputs import INPUTS
from postseal.audit.lab.run import LabOptions
from postseal.audit.lab.verdicts import Verdict
from tests.parts.lab_runs import attack
from tests.parts.mutant_client import MutantClient
from tests.parts.weaknesses import Weakness

_ALL = [case.id for case in INPUTS]


def _named(*parts: str) -> dict[str, Verdict]:
    ids = [id_ for id_ in _ALL if id_.endswith(parts)]
    return dict.fromkeys(ids, Verdict.ACCEPTED_FORGED)


# What each weakness is caught in; in all other cases the client that has it is safe.
CAUGHT: dict[Weakness, dict[str, Verdict]] = {
    Weakness.WRITES_CONTROLS: _named("-CRLF", "-LF", "-CR", "-NUL"),
    Weakness.CUTS_WIDE_LETTERS: _named("-WIDE"),
    Weakness.SPLITS_AT_SEPARATORS: _named("-SEPARATOR"),
    Weakness.DROPS_QUOTES: dict.fromkeys(
        ("I02-ADDRESS", "I02-PARAMETER", "I02-SENDER"), Verdict.LEAK_MAIL
    ),
    Weakness.LEAVES_DOTS: _named("I03-DOTS", "I03-ENDS"),
    Weakness.KEEPS_LINE_ENDS: _named("I03-ENDS"),
}


def test_each_case_catches_some_weakness() -> None:
    assert set(_ALL) == {id_ for cases in CAUGHT.values() for id_ in cases}


@pytest.mark.parametrize("mode", Mode)
async def test_a_careful_client_is_safe(mode: Mode, tmp_path: Path) -> None:
    found = await attack(MutantClient(), INPUTS, LabOptions(mode=mode), tmp_path)

    assert {id_: one.outcome for id_, one in found.items()} == dict.fromkeys(_ALL, Outcome.PASSED)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("weakness", CAUGHT)
async def test_a_weak_client_is_caught_where_it_is_weak_and_nowhere_else(
    weakness: Weakness, mode: Mode, tmp_path: Path
) -> None:
    client = MutantClient(frozenset({weakness}))

    found = await attack(client, INPUTS, LabOptions(mode=mode), tmp_path)

    caught = {id_: one.verdict for id_, one in found.items() if one.outcome is not Outcome.PASSED}
    assert caught == {id_: one.value for id_, one in CAUGHT[weakness].items()}
