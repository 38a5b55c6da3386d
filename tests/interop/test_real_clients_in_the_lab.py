"""Real mail clients in the attack lab: the verdicts are those that are publicly known of them.

The whole catalogue is for `make lab-report`; here are some cases of each kind.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from postseal.audit.lab.case import Mode
from postseal.audit.lab.catalogue import CATALOGUE
from postseal.audit.lab.run import LabOptions
from tests.parts.known_verdicts import KNOWN, expected
from tests.parts.lab_clients import CLIENTS, LabClient
from tests.parts.lab_runs import attack

# Not offered, no EHLO, clear on the port of TLS; whole and half lines injected; nobody's and
# somebody else's certificate.
SOME = tuple(
    case for case in CATALOGUE if case.id in {"N01", "N10", "N17", "B01", "B02", "C01", "C03"}
)


@pytest.mark.parametrize(
    ("client", "mode"),
    [
        pytest.param(client, mode, id=f"{client.name}, {mode.value}")
        for client in CLIENTS
        for mode in client.modes
    ],
)
async def test_each_client_does_what_is_known_of_it(
    client: LabClient, mode: Mode, tmp_path: Path
) -> None:
    known = {case.id: verdict.value for case, verdict, _ in expected(client.name, SOME, mode)}
    cases = [case for case in SOME if case.id in known]
    # Long enough for the slowest of them on a busy machine: none of these cases is about time.
    options = LabOptions(mode=mode, parallel=2, shortest=20.0)
    found = await attack(client.start(), cases, options, tmp_path)
    assert {case: finding.verdict for case, finding in found.items()} == known


def test_something_is_known_of_each_client() -> None:
    assert set(KNOWN) == {client.name for client in CLIENTS}


def test_what_is_known_is_of_cases_that_there_are() -> None:
    globs = {glob for rows in KNOWN.values() for row in rows for glob in row.cases.split()}
    unmet = {glob for glob in globs if not any(fnmatchcase(c.id, glob) for c in CATALOGUE)}
    assert not unmet
