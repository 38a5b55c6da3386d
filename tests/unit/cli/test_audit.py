"""`postseal audit client` refuses what it cannot do before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from typer.testing import CliRunner

from postseal.audit.findings import Severity
from postseal.audit.lab.case import Expectation, Mode
from postseal.audit.lab.drivers import DRIVERS
from postseal.audit.report.formats import Format
from postseal.audit.report.json_report import json_report
from postseal.cli.app import app
from postseal.cli.audit import client
from tests.parts.audited import found, triaged
from tests.unit.cli.test_main import run_without

# It would leave a trace if it ran.
COMMAND = ("--", "touch", "started")


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.json").write_text(json_report(triaged(found())), encoding="ascii")
    Path("late.toml").write_text(
        '[[suppress]]\nrule = "*"\nreason = "x"\nexpires = 2020-01-01\n', encoding="utf-8"
    )
    Path("latin").write_bytes(b"\xe4")


def run(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, ["audit", "client", *arguments], env={"COLUMNS": "200"})
    return ran.exit_code, ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "there is no command to attack. Write it behind --"),
        (("--driver", "sendmail"), "Invalid value for '--driver'"),
        (("--driver", "smtplib", "--config-file", "latin"), "a driver reads no configuration file"),
        (("--driver", "smtplib", "--", "./nothing"), "'./nothing' cannot be started"),
        (("--cases", "X*", *COMMAND), "there is no case 'X*'"),
        (("--cases", "N01,", *COMMAND), "there is no case ''"),
        (("--cases", "N01", "--mode", "implicit", *COMMAND), "one of the mode implicit"),
        (("--mode", "plain", *COMMAND), "Invalid value for '--mode'"),
        (("--fail-on", "bad", *COMMAND), "Invalid value for '--fail-on'"),
        (("--output", "report", *COMMAND), "'report' does not tell the format"),
        (("--output", "no/where.json", *COMMAND), "there is no directory 'no'"),
        (("-o", "a.md", "-o", "b.md", "--format", "html", *COMMAND), "there are several"),
        (("--baseline", "none.json", *COMMAND), "'none.json' cannot be read: No such file"),
        (("--baseline", "late.toml", *COMMAND), "late.toml is no JSON"),
        (("--baseline", "old.json", "--mode", "implicit", *COMMAND), "not of 'client-implicit'"),
        (("--config", "none.toml", *COMMAND), "'none.toml' cannot be read: No such file"),
        (("--config", "latin", *COMMAND), "latin is not UTF-8 at octet 0"),
        (("--config", "late.toml", *COMMAND), "suppression 1 in late.toml ended on 2020-01-01"),
        (("--config-file", "none", *COMMAND), "'none' cannot be read"),
        (("--config-file", "latin", *COMMAND), "latin is not UTF-8 at octet 0"),
        (("--host", "192.0.2.1", *COMMAND), "is at 192.0.2.1, and the lab stays on loopback"),
        (("--host", "a..b", *COMMAND), "the host 'a..b' has no address"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str) -> None:
    status, errors = run(*arguments)
    assert status == 2
    assert said in " ".join(errors.split())
    assert not Path("started").exists()


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("driver", list(DRIVERS)),
        ("mode", [one.value for one in Mode]),
        ("expect", [one.value for one in Expectation]),
        ("format_", [one.value for one in Format]),
        ("fail_on", [one.name.lower() for one in Severity]),
    ],
)
def test_options_offer_what_there_is(option: str, values: list[str]) -> None:
    # They are written out, for the lab is only imported when it runs.
    hint = get_type_hints(client)[option]
    offered = [value for part in (hint, *get_args(hint)) for value in get_args(part)]
    assert [value for value in offered if isinstance(value, str)] == values


def test_without_its_packages_it_says_what_to_install() -> None:
    ran = run_without("cryptography", "audit", "client", "--", "true")
    assert ran.returncode == 3
    assert "`postseal audit client` needs the package cryptography" in ran.stderr
    assert "pip install 'postseal[audit]'" in ran.stderr


def test_a_command_that_cannot_be_started() -> None:
    status, errors = run("--", "./nothing")
    assert status == 2
    assert errors == (
        "error: './nothing' cannot be started: No such file or directory. "
        "The command is run as it is, without a shell.\n"
    )
