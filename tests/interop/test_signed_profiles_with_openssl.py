"""Signed configuration profiles, judged by `openssl cms` and read by `plistlib`."""

from __future__ import annotations

import plistlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from typer.testing import CliRunner, Result

from postseal.cli.app import app
from postseal.send.autoconfig import (
    AccountSettings,
    ServerSettings,
    Service,
    sign_apple_profile,
    write_apple_profile,
)
from postseal.tls import Opening
from tests.parts.smime_people import (
    ADA,
    MAIL,
    certificate_pem,
    identity,
    issued,
    key_pem,
    middle,
    person,
    root,
)

pytestmark = pytest.mark.needs("openssl")

PROFILE = write_apple_profile(
    AccountSettings(
        domain="example.com",
        name="Example & Söhne",
        servers=(
            ServerSettings(
                service=Service.IMAP, host="mail.example.com", port=993, opening=Opening.IMPLICIT
            ),
            ServerSettings(
                service=Service.SUBMISSION,
                host="mail.example.com",
                port=465,
                opening=Opening.IMPLICIT,
            ),
        ),
    )
)
PASSWORD = "correct-horse-battery-staple"


@dataclass(frozen=True, slots=True)
class Judge:
    """`openssl cms`, which trusts the root alone: what is between has to come with a profile."""

    program: Path
    directory: Path

    def opened(self, signed: bytes, *options: str) -> bytes | None:
        """Give what a profile encloses; None where its signature is not valid."""
        authority, given = self.directory / "root.pem", self.directory / "given.mobileconfig"
        authority.write_bytes(certificate_pem(root()))
        given.write_bytes(signed)
        verify: list[str | Path] = [self.program, "cms", "-verify", "-inform", "DER", "-binary"]
        done = subprocess.run(
            [*verify, *options, "-CAfile", authority, "-in", given],
            capture_output=True,
            timeout=30,
            check=False,
        )
        return done.stdout if done.returncode == 0 else None


@pytest.fixture
def judge(program: Callable[[str], Path], tmp_path: Path) -> Judge:
    return Judge(program("openssl"), tmp_path)


@pytest.mark.parametrize("kind", ["RSA-2048", "P-256", "P-384"])
def test_the_octets_come_back_as_they_were(judge: Judge, kind: str) -> None:
    signed = sign_apple_profile(PROFILE, person(ADA, kind))
    assert judge.opened(signed) == PROFILE


@pytest.mark.parametrize(
    "purpose", [Usage.SERVER_AUTH, Usage.CODE_SIGNING, Usage.ANY_EXTENDED_KEY_USAGE], ids=str
)
def test_certificates_that_are_not_for_mail_sign_as_well(
    judge: Judge, purpose: x509.ObjectIdentifier
) -> None:
    signer = identity(issued(ADA, purposes=x509.ExtendedKeyUsage([purpose])))
    assert judge.opened(sign_apple_profile(PROFILE, signer), "-purpose", "any") == PROFILE


def test_a_changed_octet_is_refused(judge: Judge) -> None:
    signed = sign_apple_profile(PROFILE, person(ADA))
    begin = signed.index(PROFILE)
    for place in (begin, begin + len(PROFILE) // 2, begin + len(PROFILE) - 1, len(signed) - 1):
        changed = bytearray(signed)
        changed[place] ^= 1
        assert judge.opened(bytes(changed)) is None


# -- the command ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Files:
    """A signer's files: the chain, and the key in clear and encrypted."""

    chain: Path
    key: Path
    locked: Path
    both: Path

    def arguments(self) -> tuple[str, ...]:
        return ("--signing-certificate", str(self.chain), "--signing-key", str(self.key))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    ada = issued(ADA)
    found = Files(*(tmp_path / f"{name}.pem" for name in ("chain", "key", "locked", "both")))
    chain = certificate_pem(ada) + certificate_pem(middle())
    found.chain.write_bytes(chain)
    found.key.write_bytes(key_pem(ada))
    found.both.write_bytes(chain + key_pem(ada))
    found.locked.write_bytes(
        ada.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode())
        )
    )
    return found


def run(*arguments: str | Path) -> Result:
    runner = CliRunner(env={"KEY_PASSWORD": PASSWORD, "WRONG": "wrong"})
    return runner.invoke(app, ["client-config", "example.com", *map(str, arguments)])


def test_the_command_signs_what_it_would_have_written(
    judge: Judge, files: Files, tmp_path: Path
) -> None:
    plain = run("--format", "apple")
    assert (plain.exit_code, plain.stderr.count("unsigned")) == (0, 1)
    ran = run("--output", tmp_path / "new", *files.arguments())
    assert (ran.exit_code, ran.stderr) == (0, "")
    opened = judge.opened((tmp_path / "new" / "mail.mobileconfig").read_bytes())
    assert opened == plain.stdout_bytes
    assert plistlib.loads(opened)["PayloadIdentifier"] == "com.example.postseal.mail"


def test_the_signed_profile_can_be_sent_on(judge: Judge, files: Files) -> None:
    ran = run("--format", "apple", *files.arguments())
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert judge.opened(ran.stdout_bytes) is not None


def test_chain_and_key_may_be_in_one_file(judge: Judge, files: Files) -> None:
    ran = run("--format", "apple", "--signing-certificate", files.both)
    assert judge.opened(ran.stdout_bytes) is not None


def test_the_password_of_a_key_is_fetched_and_not_shown(judge: Judge, files: Files) -> None:
    key = ("--signing-certificate", files.chain, "--signing-key", files.locked)
    ran = run("--format", "apple", *key, "--signing-password-from", "env:KEY_PASSWORD")
    assert judge.opened(ran.stdout_bytes) is not None
    for more, told in (
        (("--signing-password-from", "env:WRONG"), "cannot be read"),
        ((), "--signing-password-from env:KEY_PASSWORD"),
    ):
        ran = run("--format", "apple", *key, *more)
        assert (ran.exit_code, ran.stdout_bytes) == (2, b"")
        assert told in ran.stderr
        assert PASSWORD not in ran.output


def test_the_judge_trusts_no_profile_without_what_is_between(judge: Judge, files: Files) -> None:
    files.chain.write_bytes(certificate_pem(issued(ADA, purposes=MAIL)))
    assert judge.opened(run("--format", "apple", *files.arguments()).stdout_bytes) is None
