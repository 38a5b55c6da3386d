"""Everything of this project that sends mail is safe in every case of the attack lab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from postseal.audit.findings import Finding, Outcome
from postseal.audit.lab.case import Case, Expectation, Mode
from postseal.audit.lab.catalogue import CATALOGUE
from postseal.audit.lab.catalogue.inputs import INPUTS
from postseal.audit.lab.run import Lab, LabOptions
from postseal.audit.lab.verdicts import Verdict
from postseal.send.timeouts import Timeouts
from tests.parts.forked_command import forked_command
from tests.parts.house import keep_house
from tests.parts.lab_runs import attack, attack_in, harms
from tests.parts.own_clients import (
    IMPATIENT,
    OwnCommand,
    OwnMailer,
    OwnPlatform,
    new_platform,
    own_command,
    submit_as_it_is,
)

_VERIFIED = LabOptions(parallel=8)
_FORMS = {
    "smtp": _VERIFIED,
    "smtps": replace(_VERIFIED, mode=Mode.IMPLICIT),
    "smtp+opportunistic": replace(_VERIFIED, expectation=Expectation.OPPORTUNISTIC),
}

# What Python's ssl does not look at, and no client of mail has to.
_UNSEEN = "C06-MUST-STAPLE"

_LINE_ENDS = "500 5.5.2 lines end with CRLF, and hold no other CR or LF"
_NO_PATH = "501 5.5.4 the syntax is "
_BARE = "550 5.6.0 the message holds a bare CR or LF"
_IN_UTF8 = "the message needs SMTPUTF8, and the server does not offer it"
_DELIVERED = "ended with status 0"
# What becomes of inputs that are submitted as they are: refused, bounced, or sent on as they are.
_SUBMITTED = {
    "I01-SENDER-LF": _LINE_ENDS,
    "I01-SENDER-WIDE": _NO_PATH,
    "I01-RECIPIENT-LF": _LINE_ENDS,
    "I01-RECIPIENT-CR": _LINE_ENDS,
    "I01-RECIPIENT-WIDE": _NO_PATH,
    "I01-RECIPIENT-SEPARATOR": _NO_PATH,
    "I01-SUBJECT-LF": _BARE,
    "I01-SUBJECT-CR": _BARE,
    "I01-SUBJECT-WIDE": _IN_UTF8,
    "I01-SUBJECT-SEPARATOR": _IN_UTF8,
    "I01-HEADER-LF": _BARE,
    "I01-FILENAME-LF": _BARE,
    "I01-RECIPIENT-NUL": "500 5.5.2 control characters are not part of a command",
    "I01-SUBJECT-NUL": "550 5.6.0 the message holds a NUL",
    "I02-ADDRESS": _DELIVERED,
    "I02-PARAMETER": _DELIVERED,
    "I02-SENDER": _DELIVERED,
    "I03-DOTS": _DELIVERED,
    "I03-ENDS": _BARE,
}


def failed(found: dict[str, Finding]) -> dict[str, tuple[str, str]]:
    """What was neither safe nor declared as not covered, with the reason."""
    assert sum(one.outcome is Outcome.PASSED for one in found.values()) > len(found) // 2
    good = (Outcome.PASSED, Outcome.NOT_COVERED)
    return {
        id_: (one.verdict, one.message)
        for id_, one in found.items()
        if one.outcome not in good and id_ != _UNSEEN
    }


@pytest.mark.parametrize("is_blocking", [False, True], ids=["asyncio", "blocking"])
@pytest.mark.parametrize("scheme", _FORMS)
async def test_a_mailer_is_safe_in_every_case(
    scheme: str, is_blocking: bool, tmp_path: Path
) -> None:
    found = await attack(OwnMailer(scheme, is_blocking), CATALOGUE, _FORMS[scheme], tmp_path)

    assert not failed(found)


@pytest.mark.parametrize("scheme", _FORMS)
async def test_the_command_is_safe_in_every_case(scheme: str, tmp_path: Path) -> None:
    async with forked_command() as command:
        found = await attack(OwnCommand(scheme, command), CATALOGUE, _FORMS[scheme], tmp_path)

    assert not failed(found)


async def test_a_command_that_was_told_to_allow_less_is_caught(tmp_path: Path) -> None:
    cases = [case for case in CATALOGUE if case.id in {"N01", "C01"}]
    async with forked_command() as command:
        client = OwnCommand("smtp+opportunistic", command)
        found = await attack(client, cases, LabOptions(), tmp_path)

    assert harms(found) == {"N01": Verdict.LEAK_MAIL, "C01": Verdict.LEAK_MAIL}


async def test_the_command_is_safe_as_a_person_starts_it(tmp_path: Path) -> None:
    # A process that nobody has prepared: stripped, impersonated, told a terminal's commands, fed.
    chosen = {"N01", "C03", "P06-ESC", "I01-SUBJECT-CRLF"}
    cases = [case for case in CATALOGUE if case.id in chosen]

    found = await attack(own_command("smtp"), cases, LabOptions(), tmp_path)

    assert not failed(found)


async def attack_the_worker(
    client: OwnPlatform, cases: Sequence[Case], directory: Path
) -> dict[str, Finding]:
    # It makes the authority that the routes name.
    lab = Lab(client, directory, _FORMS[client.scheme])
    routes = client.routes(len(cases) + 1, directory / "ca.pem")
    delivery = {"mode": "live", "retry_first": "1h", "routes": routes}
    async with keep_house(
        directory / "house", network=client.network, delivery=delivery
    ) as client.house:
        return await attack_in(lab, cases)


@pytest.fixture
def _hurried_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay waits for minutes (RFC 5321 4.5.3.2), and nobody waits for a test as long."""
    monkeypatch.setattr(Timeouts, "for_relays", lambda: IMPATIENT)


@pytest.mark.usefixtures("_hurried_worker")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_the_worker_of_the_platform_is_safe_in_every_case(
    scheme: str, tmp_path: Path
) -> None:
    cases = [case for case in CATALOGUE if case.input is None]

    found = await attack_the_worker(new_platform(scheme), cases, tmp_path)

    assert not failed(found)


@pytest.mark.usefixtures("_hurried_worker")
async def test_the_worker_hands_on_nothing_smuggled_and_what_is_no_message_is_refused(
    tmp_path: Path,
) -> None:
    # With CRLF it is the submitting client that has said those lines, and nobody can tell.
    cases = [case for case in INPUTS if not case.id.endswith("-CRLF")]

    found = await attack_the_worker(new_platform("smtp", submit_as_it_is), cases, tmp_path)

    assert not failed(found)
    told = {id_: one.message for id_, one in found.items()}
    assert told.keys() == _SUBMITTED.keys()
    assert not {id_: told[id_] for id_, ending in _SUBMITTED.items() if ending not in told[id_]}
