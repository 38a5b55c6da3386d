"""`postseal client-config` as a person runs it: every form, read by readers that are not ours."""

from __future__ import annotations

import plistlib
from inspect import signature
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from postseal.cli.app import app
from postseal.cli.client_config import client_config
from tests.parts.command import run_postseal
from tests.parts.page_tables import DOCS, table


def written(*arguments: str) -> str:
    ran = CliRunner().invoke(app, ["client-config", "example.com", *arguments])
    assert (ran.exit_code, ran.stderr) == (0, "")
    return ran.stdout


async def test_all_forms_are_written_into_a_directory(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "folder"
    ran = await run_postseal(
        *("client-config", "Example.COM", "--host", "mx.example.net", "--name", "A & B"),
        *("--address", "ada@example.com", "--user-format", "local-part", "--output", directory),
    )
    assert (ran.status, ran.errors) == (0, "")
    forms = {row[0]: row[1] for row in table("client-config.md", "Forms")}
    assert {path.name for path in directory.iterdir()} == set(forms.values())
    config = ElementTree.parse(directory / forms["autoconfig"]).getroot()
    assert config.findtext("emailProvider/displayName") == "A & B"
    assert {
        (one.tag, one.findtext("hostname"), one.findtext("port"), one.findtext("socketType"))
        for one in config.iterfind("emailProvider/*[hostname]")
    } == {
        ("incomingServer", "mx.example.net", "993", "SSL"),
        ("outgoingServer", "mx.example.net", "465", "SSL"),
    }
    (account,) = plistlib.loads((directory / forms["apple"]).read_bytes())["PayloadContent"]
    assert account["OutgoingMailServerPortNumber"] == 465
    assert account["IncomingMailServerUsername"] == "ada"
    assert "<LoginName>ada</LoginName>" in (directory / forms["autodiscover"]).read_text("utf-8")
    assert "  User      ada" in (directory / forms["text"]).read_text("utf-8")
    assert "465 mx.example.net." in (directory / forms["dns"]).read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "block"),
    [(("--host", "mail.example.com"), 0), (("--format", "dns"), 1)],
)
def test_the_page_shows_what_is_printed(arguments: tuple[str, ...], block: int) -> None:
    page = (DOCS / "client-config.md").read_text(encoding="utf-8")
    shown = page.split("```console\n")[block + 1].partition("```")[0]
    command, _, output = shown.partition("\n")
    assert command == " ".join(("$ postseal client-config example.com", *arguments))
    assert written(*arguments) == output


def test_starttls_is_a_second_choice_and_pop3_is_named_where_it_is_served() -> None:
    lines = written("--starttls", "--pop3", "--format", "dns").splitlines()
    assert "_submission._tcp.example.com. 3600 IN SRV 1 1 587 mail.example.com." in lines
    assert any(line.startswith("_pop3s._tcp") and " 995 mail." in line for line in lines)
    assert sum(line.endswith(" SRV 0 0 0 .") for line in lines) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ada@example.com",), "Give the domain alone"),
        (("exa mple",), "no domain"),
        (("example.com", "--host", "http://x"), "is a URL"),
        (("example.com", "--address", "ada"), "has no @"),
        (("example.com", "--name", "a\x1bb"), "no control characters"),
        (("example.com", "--output", "/dev/null"), "cannot be written to"),
    ],
)
def test_bad_input_is_one_line_and_a_status_of_its_own(
    arguments: tuple[str, ...], told: str
) -> None:
    ran = CliRunner().invoke(app, ["client-config", *arguments])
    assert ran.exit_code == 2
    assert told in ran.stderr
    assert "\x1b" not in ran.output


def test_the_page_names_all_options() -> None:
    options = {name.replace("_", "-") for name in signature(client_config).parameters}
    shown = {row[0].split()[0].removeprefix("--") for row in table("client-config.md", "Options")}
    assert shown == options - {"domain", "form"} | {"format"}
