"""Everything of this project that sends mail is safe in every case of the attack lab."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from postseal.audit.findings import Finding, Outcome, Severity
from postseal.audit.lab.case import Expectation, Mode
from postseal.audit.lab.catalogue import CATALOGUE
from postseal.audit.lab.run import Lab, LabOptions
from postseal.send.timeouts import Timeouts
from tests.parts.house import keep_house
from tests.parts.lab_runs import attack
from tests.parts.own_clients import IMPATIENT, OwnMailer, new_platform, own_command

_VERIFIED = LabOptions(parallel=8)
_FORMS = {
    "smtp": _VERIFIED,
    "smtps": replace(_VERIFIED, mode=Mode.IMPLICIT),
    "smtp+opportunistic": replace(_VERIFIED, expectation=Expectation.OPPORTUNISTIC),
}


def failed(found: dict[str, Finding]) -> dict[str, tuple[str, str]]:
    """What was neither safe nor declared as not covered, with the reason."""
    assert sum(one.outcome is Outcome.PASSED for one in found.values()) > len(found) // 2
    good = (Outcome.PASSED, Outcome.NOT_COVERED)
    # INFO is for what nearly no client of mail does, and none has to.
    return {
        id_: (one.verdict, one.message)
        for id_, one in found.items()
        if one.outcome not in good and one.severity > Severity.INFO
    }


@pytest.mark.parametrize("is_blocking", [False, True], ids=["asyncio", "blocking"])
@pytest.mark.parametrize("scheme", _FORMS)
async def test_a_mailer_is_safe_in_every_case(
    scheme: str, is_blocking: bool, tmp_path: Path
) -> None:
    found = await attack(OwnMailer(scheme, is_blocking), CATALOGUE, _FORMS[scheme], tmp_path)

    assert not failed(found)


async def test_the_command_is_safe(tmp_path: Path) -> None:
    # It is the mailer of above with what belongs to a command: its arguments and what it prints.
    chosen = {"N01", "C03", "P06-ESC", "I01-SUBJECT-CRLF"}
    cases = [case for case in CATALOGUE if case.id in chosen]

    found = await attack(own_command(), cases, LabOptions(), tmp_path)

    assert not failed(found)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_the_worker_of_the_platform_is_safe_in_every_case(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A relay waits for minutes (RFC 5321 4.5.3.2), and nobody waits for a test as long.
    monkeypatch.setattr(Timeouts, "for_relays", lambda: IMPATIENT)
    # What is no message cannot be submitted either, so that the worker never sees it.
    cases = [case for case in CATALOGUE if case.input is None]
    client = new_platform(scheme)
    lab = Lab(client, tmp_path, _FORMS[scheme])
    routes = client.routes(len(cases) + 1, tmp_path / "ca.pem")
    delivery = {"mode": "live", "retry_first": "1h", "routes": routes}

    async with keep_house(tmp_path / "house", network=client.network, delivery=delivery) as house:
        client.house = house
        control, *findings = await lab.run(cases)

    assert control.outcome is Outcome.PASSED, control
    found = {one.check.id: one for one in findings}
    assert not failed(found)
