"""What docs/secrets.md says: its tables and examples."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from typer.testing import CliRunner

from postseal.cli.app import app
from postseal.secrets import Outcome, SecretSource
from postseal.secrets.provider import SCHEMES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "secrets.md"
TEXT = PAGE.read_text(encoding="utf-8")


def section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_every_scheme_is_on_the_page_and_no_other() -> None:
    table = TEXT.partition("## ")[0]
    named = {scheme for row in rows(table) for scheme in re.findall(r"`([a-z-]+):", row[0])}
    assert named == SCHEMES


def test_the_options_of_a_source_and_their_defaults() -> None:
    parameters = inspect.signature(SecretSource).parameters
    said = {row[0].strip("`"): row[2] for row in rows(section("What a secret is in the program"))}
    assert set(said) <= set(parameters)
    for name in ("lifetime", "grace", "patience"):
        assert float(said[name]) == parameters[name].default


def test_the_example_of_a_source(tmp_path: Path) -> None:
    (code,) = re.findall(
        r"```python\n(.*?)```", section("What a secret is in the program"), re.DOTALL
    )
    password, log = tmp_path / "password", tmp_path / "log"
    password.touch(mode=0o600)
    password.write_text("correct-horse\n")
    code = code.replace("/etc/mail/password", str(password))
    code = code.replace("/var/log/mail-secrets", str(log))
    names: dict[str, object] = {}
    exec(code, names)
    assert "fetched" in log.read_text()
    assert "correct-horse" not in log.read_text()


def test_every_outcome_of_an_access_is_named() -> None:
    for outcome in Outcome:
        assert f"`{outcome}`" in TEXT


def test_every_command_is_in_a_table_and_every_option_exists() -> None:
    said = {row[0].strip("`").split()[0] for row in rows(section("Sealed files"))}
    for command in said | {"check"}:
        ran = CliRunner().invoke(app, ["secrets", command, "--help"], env={"COLUMNS": "200"})
        assert ran.exit_code == 0
    text = CliRunner().invoke(app, ["secrets", "--help"], env={"COLUMNS": "200"}).stdout
    assert set(re.findall(r"^│ ([a-z][a-z-]+) ", text, re.MULTILINE)) == said | {"check"}
