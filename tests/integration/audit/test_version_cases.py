"""Cases V01 to V12 of the attack lab: a careful client is safe, each mutant is caught."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from postseal.audit.findings import Outcome
from postseal.audit.lab.case import Case, Mode
from postseal.audit.lab.catalogue.versions import VERSIONS
from postseal.audit.lab.flawed_certificates import key_of
from postseal.audit.lab.run import LabOptions
from postseal.audit.lab.verdicts import Verdict
from tests.parts.lab_runs import attack, harms
from tests.parts.mutant_client import MutantClient
from tests.parts.weaknesses import Weakness

W = Weakness

CREDENTIALS = Verdict.LEAK_CREDENTIALS
FORGED = Verdict.ACCEPTED_FORGED
HANG = Verdict.HANG

SMALL_GROUPS = ("V03-DH-512", "V03-DH-768", "V03-DH-1024")
FALLBACKS = ("V05-VERSION", "V05-FAILURE", "V05-RESET")
# Of them none is offered by a careful client.
UNOFFERED = ("V02-EXPORT", "V02-FREAK", "V02-RC4", "V02-3DES", "V02-UNOFFERED", "V03-ONE")

# One for each way of going wrong; more of them would only take longer.
OTHERS = {"V01-SSL30", "V01-TLS10", "V02-NULL", "V02-RC4", "V03-DH-1024", "V04", "V06-VERIFY"}

# Mutant -> all the harm it does.
MUTANTS: dict[Weakness, dict[str, Verdict]] = {
    W.TAKES_SSL3: {"V01-SSL30": FORGED},
    W.TAKES_OLD_VERSIONS: dict.fromkeys(("V01-TLS10", "V01-TLS11"), CREDENTIALS),
    W.OFFERS_NULL: {"V02-NULL": CREDENTIALS},
    W.OFFERS_ANONYMOUS: {"V02-ANON": CREDENTIALS},
    W.TAKES_UNOFFERED_SUITES: dict.fromkeys((*UNOFFERED, *SMALL_GROUPS, "V03-COMPOSITE"), FORGED),
    W.TAKES_SMALL_GROUPS: dict.fromkeys((*SMALL_GROUPS, "V03-COMPOSITE"), FORGED),
    W.TAKES_DEGENERATE_GROUPS: dict.fromkeys(("V03-ONE", "V03-COMPOSITE"), FORGED),
    # OpenSSL itself takes none of less than 1024 bits.
    W.OFFERS_ANY_GROUP: dict.fromkeys(("V03-DH-1024", "V03-COMPOSITE"), FORGED),
    W.IGNORES_DOWNGRADE_MARK: {"V04": FORGED},
    W.RETRIES_LOWER: dict.fromkeys((*FALLBACKS, "V01-TLS10", "V01-TLS11"), CREDENTIALS),
    W.IGNORES_TLS_SIGNATURES: dict.fromkeys(("V06-SIGNATURE", "V06-VERIFY"), FORGED),
    W.IGNORES_FINISHED: dict.fromkeys(("V06-FINISHED", "V06-FINISHED-TLS13"), FORGED),
    W.TAKES_COMPRESSION: {"V07": FORGED},
    W.TAKES_UNSOLICITED_EXTENSIONS: dict.fromkeys(("V08", "V08-TLS12", "V12-EARLY"), FORGED),
    W.STALLS_ON_FLOODS: dict.fromkeys(("V09-ALERTS", "V09-RENEGOTIATION", "V09-KEYS"), HANG),
    W.IGNORES_VERDICT: {"V10": Verdict.SILENT_LOSS},
    W.TRUSTS_ON_RETURN: {"V11": CREDENTIALS},
    W.FOLLOWS_EVERY_RETRY: {"V12": FORGED},
}


@pytest.fixture(autouse=True, scope="module")
def keys() -> None:
    """Make the large keys before a client waits for them: they are kept by their owners."""
    for owner in ("localhost", "Low", "High"):
        key_of("RSA-2048", owner)


def options(mode: Mode) -> LabOptions:
    return LabOptions(mode=mode, patience=0.5, parallel=8)


@pytest.mark.parametrize("mode", Mode)
async def test_a_careful_client_is_safe(mode: Mode, tmp_path: Path) -> None:
    found = await attack(MutantClient(), VERSIONS, options(mode), tmp_path)
    assert harms(found) == {}
    assert [id_ for id_, one in found.items() if one.outcome is Outcome.NOT_COVERED] == [
        "V11-UNVERIFIED"
    ]


@pytest.mark.parametrize("weakness", MUTANTS, ids=lambda one: one.name)
async def test_a_mutant_is_caught_in_its_cases_and_not_in_others(
    weakness: Weakness, tmp_path: Path
) -> None:
    async def run(mode: Mode) -> dict[str, Verdict]:
        directory = tmp_path / mode.value
        directory.mkdir()
        client = MutantClient(frozenset({weakness}))
        cases = [case for case in VERSIONS if case.id in OTHERS or case.id in MUTANTS[weakness]]
        return harms(await attack(client, cases, options(mode), directory))

    for harm in await asyncio.gather(*map(run, Mode)):
        assert harm == MUTANTS[weakness]


def test_each_case_has_its_mutant() -> None:
    caught = {id_ for harm in MUTANTS.values() for id_ in harm}
    assert caught == {case.id for case in VERSIONS if not case.not_covered}


async def test_who_comes_back_in_clear_is_caught(tmp_path: Path) -> None:
    client = MutantClient(frozenset({W.RECONNECTS_IN_CLEAR}))
    cases: list[Case] = [case for case in VERSIONS if case.id in FALLBACKS]
    found = await attack(client, cases, options(Mode.STARTTLS), tmp_path)
    assert harms(found) == dict.fromkeys(FALLBACKS, CREDENTIALS)
    labels = {one.label for one in found["V05-RESET"].evidence}
    assert {"connection 1", "connection 2"} <= labels
