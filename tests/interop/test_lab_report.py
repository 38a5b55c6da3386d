"""The page of the attack lab's verdicts on real clients tells what was public, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from postseal.audit.findings import Reference
from postseal.audit.lab.case import Mode
from postseal.audit.lab.catalogue import CATALOGUE
from tests.parts.known_verdicts import expected
from tests.parts.lab_clients import CLIENTS
from tests.parts.lab_report import Seen, Visit, page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lab-report.md"

# program, setting, mode, case, verdict, URL
Told = tuple[str, str, str, str, str, str]


def _told(text: str) -> Iterator[Told]:
    for row in re.findall(r"^\| (.+) \|$", text.partition("## Cases")[0], re.MULTILINE):
        client, setting, mode, verdict, cases, link = row.split(" | ")
        if mode in {"starttls", "implicit"}:
            url = re.fullmatch(r"\[.+\]\((\S+)\)", link)
            assert url, link
            for case in cases.split():
                program = client.rpartition(" ")[0]
                yield program, setting, mode, case, verdict.strip("*"), url[1]


def _known() -> Iterator[Told]:
    for client in CLIENTS:
        for mode in client.modes:
            for case, verdict, source in expected(client.name, CATALOGUE, mode):
                yield (
                    *(client.program, client.setting, mode.value),
                    *(case.id, verdict.value, source.url),
                )


def test_the_page_tells_all_that_is_known_and_nothing_else() -> None:
    # make lab-report writes it.
    assert set(_told(PAGE.read_text(encoding="utf-8"))) == set(_known())


def test_what_a_client_does_beyond_the_known_is_left_off() -> None:
    first, second, third = (case for case in CATALOGUE if case.id in {"N01", "N02", "N03"})
    visit = Visit(
        client=CLIENTS[0],
        version="1.2.3",
        mode=Mode.STARTTLS,
        seen=(
            Seen(first, "safe", Reference("Manual", "https://client.example/manual")),
            Seen(second, "hang", Reference("Issue", "https://client.example/issue")),
        ),
        differences=(f"{third.id}: crash, not safe",),
        beyond=("B01: leak of mail",),
    )
    written = page([visit], date(2026, 11, 22))
    program, setting = CLIENTS[0].program, CLIENTS[0].setting
    assert list(_told(written)) == [
        (program, setting, "starttls", "N02", "hang", "https://client.example/issue"),
        (program, setting, "starttls", "N01", "safe", "https://client.example/manual"),
    ]
    assert "2026-11-22" in written
    assert "N03" not in written
    assert "B01" not in written
