"""The drivers of the attack lab deliver by the libraries they are named for."""

from __future__ import annotations

from pathlib import Path

import pytest

from postseal.audit.findings import Outcome
from postseal.audit.lab.case import Mode
from postseal.audit.lab.catalogue.inputs import INPUTS
from postseal.audit.lab.drivers import DRIVERS, driver_client
from postseal.audit.lab.run import LabOptions
from postseal.errors import InvalidSetting
from tests.conftest import find_part
from tests.parts.lab_runs import attack
from tests.parts.node import FOLDER, find_node

CHOSEN = ("I01-RECIPIENT-CRLF", "I01-SUBJECT-CRLF", "I02-ADDRESS", "I03-ENDS")
# net-smtp writes no headers.
NO_USE = {"net-smtp": {"I01-SUBJECT-CRLF"}}


@pytest.mark.parametrize("library", DRIVERS)
async def test_a_driver_delivers_and_smuggles_nothing(library: str, tmp_path: Path) -> None:
    mode = Mode.IMPLICIT if library in ("aiosmtplib", "mail") else Mode.STARTTLS
    if library == "nodemailer":
        client = driver_client(library, interpreter=[str(find_node())], directory=FOLDER)
    elif library in ("mail", "net-smtp"):
        client = driver_client(library, interpreter=[str(find_part("ruby"))])
    else:
        client = driver_client(library)
    cases = [case for case in INPUTS if case.id in CHOSEN]

    found = await attack(client, cases, LabOptions(mode=mode), tmp_path)

    no_use = NO_USE.get(library, set())
    assert {id_: one.outcome for id_, one in found.items()} == {
        id_: Outcome.NOT_COVERED if id_ in no_use else Outcome.PASSED for id_ in CHOSEN
    }


def test_what_has_no_driver_is_said() -> None:
    with pytest.raises(InvalidSetting, match="no driver for 'sendmail'"):
        driver_client("sendmail")


def test_what_cannot_be_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InvalidSetting, match="mail needs ruby, which is not on the PATH"):
        driver_client("mail")
