"""`postseal client-config` as a person runs it: every form, read by readers that are not ours."""

from __future__ import annotations

import plistlib
from inspect import signature
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.x509 import ExtendedKeyUsage
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from postseal.cli.app import app
from postseal.cli.client_config import client_config
from tests.parts.command import run_postseal
from tests.parts.page_tables import DOCS, table
from tests.parts.smime_people import ADA, BOB, EXPIRED, certificate_pem, issued, key_pem
from tests.parts.terminal import at_a_terminal


def written(*arguments: str) -> str:
    ran = CliRunner().invoke(app, ["client-config", "example.com", *arguments])
    assert (ran.exit_code, ran.stderr) == (0, "")
    return ran.stdout


UNSIGNED = "note: devices will show the Apple profile as unsigned; --signing-certificate signs it\n"


async def test_all_forms_are_written_into_a_directory(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "folder"
    ran = await run_postseal(
        *("client-config", "Example.COM", "--host", "mx.example.net", "--name", "A & B"),
        *("--address", "ada@example.com", "--user-format", "local-part", "--output", directory),
    )
    assert (ran.status, ran.errors) == (0, UNSIGNED)
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
        (("example.com", "--signing-key", "x"), "--signing-key needs --signing-certificate"),
        (
            ("example.com", "--signing-password-from", "env:X"),
            "--signing-password-from needs --signing-certificate",
        ),
        (("example.com", "--signing-certificate", "x"), "Give --format apple, or --output"),
    ],
)
def test_bad_input_is_one_line_and_a_status_of_its_own(
    arguments: tuple[str, ...], told: str
) -> None:
    ran = CliRunner().invoke(app, ["client-config", *arguments])
    assert ran.exit_code == 2
    assert told in ran.stderr
    assert "\x1b" not in ran.output


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that sign nothing together, and one pair that does: `good.pem`, `good.key`."""
    directory = tmp_path_factory.mktemp("signers")
    good, old = issued(ADA), issued(ADA, dates=EXPIRED)
    client = issued(ADA, purposes=ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))
    for name, one in {"good": good, "old": old, "client": client}.items():
        (directory / f"{name}.pem").write_bytes(certificate_pem(one))
    (directory / "good.key").write_bytes(key_pem(good))
    (directory / "other.key").write_bytes(key_pem(issued(BOB)))
    (directory / "rubbish.pem").write_bytes(b"\x00 rubbish")
    (directory / "broken.key").write_bytes(b"-----BEGIN PRIVATE KEY-----\nrubbish\n")
    return directory


@pytest.mark.parametrize(
    ("certificate", "key", "told"),
    [
        ("missing.pem", "good.key", "missing.pem cannot be read: No such file"),
        ("good.pem", "missing.key", "missing.key cannot be read: No such file"),
        ("good.pem", ".", "cannot be read: Is a directory"),
        ("rubbish.pem", "good.key", "no certificate can be read"),
        ("good.key", "good.key", "no certificate can be read"),
        ("good.pem", "good.pem", "holds no private key in PEM. Name one by --signing-key"),
        ("good.pem", "broken.key", "the private key cannot be read"),
        ("good.pem", "other.key", "the private key is not the one of the certificate"),
        ("old.pem", "good.key", "the certificate expired at"),
        ("client.pem", "good.key", "its extended key usage has none of"),
    ],
)
def test_who_cannot_sign_leaves_nothing_behind(
    signers: Path, tmp_path: Path, certificate: str, key: str, told: str
) -> None:
    directory = tmp_path / "settings"
    options = ["--signing-certificate", signers / certificate, "--signing-key", signers / key]
    ran = CliRunner().invoke(
        app, ["client-config", "example.com", "--output", str(directory), *map(str, options)]
    )
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert told in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not directory.exists()


def test_at_a_terminal_the_password_is_asked_for_and_no_signature_is_shown(
    signers: Path, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        issued(ADA).key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"correct-horse")
        )
    )
    signer = ("--signing-certificate", str(signers / "good.pem"), "--signing-key", str(locked))
    output = tmp_path / "settings"
    shown, status = at_a_terminal(
        *("client-config", "example.com", "--output", str(output), *signer),
        answers=[b"correct-horse\n"],
    )
    assert status == 0, shown
    assert b"correct-horse" not in shown
    assert (output / "mail.mobileconfig").read_bytes().startswith(b"\x30")
    shown, status = at_a_terminal(
        "client-config", "example.com", "--format", "apple", *signer, answers=[]
    )
    assert (status, shown.count(b"no text, and would garble the terminal")) == (2, 1)


def test_the_page_names_all_options() -> None:
    options = {name.replace("_", "-") for name in signature(client_config).parameters}
    shown = {row[0].split()[0].removeprefix("--") for row in table("client-config.md", "Options")}
    assert shown == options - {"domain", "form"} | {"format"}
