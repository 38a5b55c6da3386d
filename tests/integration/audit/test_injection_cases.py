"""Cases B01 to B10 of the attack lab: a careful client is safe, each mutant is caught."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import pytest

from postseal.audit.findings import Outcome
from postseal.audit.lab.case import Mode
from postseal.audit.lab.catalogue.injection import INJECTION
from postseal.audit.lab.run import LabOptions
from postseal.audit.lab.verdicts import Verdict
from tests.parts.lab_runs import attack, harms
from tests.parts.mutant_client import MutantClient
from tests.parts.weaknesses import Weakness

FORGED = Verdict.ACCEPTED_FORGED
ENVELOPE = Verdict.LEAK_ENVELOPE
OPTIONS = LabOptions(mode=Mode.STARTTLS, parallel=8)

# Mutant -> all the harm it does.
MUTANTS: dict[frozenset[Weakness], dict[str, Verdict]] = {
    frozenset({Weakness.KEEPS_BUFFER}): dict.fromkeys(("B01", "B03", "B04"), FORGED),
    # More than one read holds: what is left in the system would break the handshake.
    frozenset({Weakness.KEEPS_BUFFER, Weakness.READS_AHEAD}): dict.fromkeys(
        ("B01", "B03", "B04", "B05"), FORGED
    ),
    frozenset({Weakness.KEEPS_PARTIAL_LINE, Weakness.AUTHENTICATES_UNOFFERED}): {"B02": FORGED},
    frozenset(
        {Weakness.READS_ONE_LINE, Weakness.KEEPS_BUFFER, Weakness.AUTHENTICATES_UNOFFERED}
    ): dict.fromkeys(("B01", "B02", "B03", "B04", "B06"), FORGED),
    frozenset({Weakness.READS_ONE_SEGMENT}): {"B07": Verdict.LEAK_CREDENTIALS},
    frozenset({Weakness.FEEDS_BUFFER_TO_TLS, Weakness.GOES_ON_AFTER_FAILED_HANDSHAKE}): {
        "B08": Verdict.LEAK_CREDENTIALS,
        # The honest half of these servers offers no AUTH in clear.
        **dict.fromkeys(("B01", "B02", "B03", "B05"), ENVELOPE),
    },
    frozenset({Weakness.KEEPS_OFFERS}): dict.fromkeys(("B09-SIZE", "B09-AUTH"), FORGED),
}


async def test_a_careful_client_is_safe(tmp_path: Path) -> None:
    found = await attack(MutantClient(), INJECTION, OPTIONS, tmp_path)
    assert harms(found) == {}
    uncovered = {id_ for id_, one in found.items() if one.outcome is Outcome.NOT_COVERED}
    assert uncovered == {"B10"}


@pytest.mark.parametrize(
    "weaknesses", MUTANTS, ids=lambda one: "+".join(sorted(w.name for w in one))
)
async def test_a_mutant_is_caught_in_its_cases_and_in_no_other(
    weaknesses: Set[Weakness], tmp_path: Path
) -> None:
    client = MutantClient(weaknesses)
    found = await attack(client, INJECTION, OPTIONS, tmp_path)
    assert harms(found) == MUTANTS[frozenset(weaknesses)]
