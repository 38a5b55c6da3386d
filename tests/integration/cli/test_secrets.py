"""`postseal secrets`: from a key to a sealed file to a mailer, and what `check` has to say."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from postseal.cli.app import app
from postseal.secrets import SealedStore, Secret, SecretSource
from tests.parts.command import Ran, run_postseal
from tests.parts.terminal import at_a_terminal

PASSWORD = "correct-horse-battery-staple"

needs_git = pytest.mark.skipif(
    shutil.which("git") is None and not os.environ.get("CI"), reason="git is not installed"
)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file with the password, as it should be."""
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text(f"{PASSWORD}\n")
    return path


def run(
    *arguments: str | Path,
    status: int = 0,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run the command in this process, which spares the start of one."""
    given = {"POSTSEAL_SEALED_KEY": None, "COLUMNS": "200", **(environment or {})}
    ran = CliRunner().invoke(app, ["secrets", *map(str, arguments)], input=stdin, env=given)
    assert ran.exit_code == status, ran.output
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


def git(directory: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", "-C", directory, *identity, *arguments], check=True, capture_output=True)


# -- sealed files ----------------------------------------------------------------------------------


def test_from_a_key_to_a_secret_that_a_mailer_can_name(tmp_path: Path) -> None:
    key, file = tmp_path / "key", tmp_path / "secrets.sealed"
    ran = run("new-key", key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().strip() not in ran.printed
    reference = f"file:{key}"
    ran = run("seal", file, "mail", "--key", reference, stdin=f"{PASSWORD}\n".encode())
    assert f"sealed:{file}#mail" in ran.output
    ran = run("seal", file, "mail", "--key", reference, stdin=b"another")
    assert "mail, version 2" in ran.output
    source = SecretSource(f"sealed:{file}?key={reference}#mail")
    assert (source.get().secret.reveal(), source.get().version) == ("another", "2")

    ran = run("open", file, environment={"POSTSEAL_SEALED_KEY": reference})
    assert "version 2" in ran.output
    assert "another" not in ran.printed
    ran = run("open", file, "mail", "--key", reference, "--dangerous-print-value")
    assert ran.output == "another\n"

    new_key = tmp_path / "new-key"
    run("new-key", new_key)
    run("rekey", file, "--key", reference, "--new-key", f"file:{new_key}")
    ran = run("open", file, "--key", reference, status=1)
    assert "does not open with this key" in ran.errors
    run("remove", file, "mail", "--key", f"file:{new_key}")
    ran = run("open", file, "mail", "--key", f"file:{new_key}", status=2)
    assert "has no secret 'mail'" in ran.errors


def test_a_key_is_never_overwritten(kept: Path) -> None:
    ran = run("new-key", kept, status=1)
    assert "exists" in ran.errors
    assert kept.read_text() == f"{PASSWORD}\n"


def test_what_cannot_be_sealed(tmp_path: Path) -> None:
    key, file = tmp_path / "key", tmp_path / "secrets.sealed"
    run("new-key", key)
    for stdin in (b"", b"\n", b"\xff", b"x" * 65_537):
        run("seal", file, "mail", "--key", f"file:{key}", stdin=stdin, status=2)
    assert not file.exists()
    ran = run("seal", file, "mail", stdin=b"x", status=2)
    assert "nobody to be asked for a passphrase" in ran.errors
    ran = run("open", file, "--key", f"file:{key}", "--dangerous-print-value", status=1)
    assert "there is no file" in ran.errors


def test_a_passphrase_is_asked_for_and_not_echoed(tmp_path: Path) -> None:
    file = tmp_path / "secrets.sealed"
    answers = (b"a passphrase\n",) * 2 + (b"correct-horse\n",) * 2
    shown, status = at_a_terminal("secrets", "seal", str(file), "mail", answers=answers)
    assert status == 0, shown
    assert b"mail, version 1" in shown
    for hidden in (b"a passphrase", b"correct-horse"):
        assert hidden not in shown
    assert SealedStore(file).entries(Secret("a passphrase"))["mail"].secret == Secret(
        "correct-horse"
    )


# -- check -----------------------------------------------------------------------------------------


def test_a_file_that_is_well_kept(kept: Path) -> None:
    ran = run("check", f"file:{kept}")
    assert "nothing to say against it" in ran.output
    assert "0600" in ran.output
    assert PASSWORD not in ran.printed


def test_the_same_as_json(kept: Path) -> None:
    ran = run("check", f"file:{kept}", "--json")
    (result,) = json.loads(ran.output)
    assert PASSWORD not in ran.printed
    assert result["reference"] == f"file:{kept}"
    assert (result["keeper"], result["path"], result["mode"]) == ("a file", str(kept), "0600")
    assert (result["tracking"], result["findings"]) == ("in no repository", [])
    assert datetime.fromisoformat(result["created"]).tzinfo is not None


def test_a_file_that_others_may_read(kept: Path) -> None:
    kept.chmod(0o644)
    ran = run("check", f"file:{kept}", status=1)
    assert "chmod 600" in ran.output
    assert "0644" in ran.output


def test_a_secret_that_is_too_old(kept: Path) -> None:
    os.utime(kept, (0, 1_500_000_000))
    ran = run("check", f"file:{kept}", status=1)
    assert "days old, more than 365" in ran.output
    run("check", f"file:{kept}", "--max-age", "100000")


@needs_git
def test_a_file_in_a_repository(kept: Path) -> None:
    git(kept.parent, "init", "--quiet")
    ran = run("check", f"file:{kept}")
    assert "in the directory of a repository, and not ignored" in ran.output
    (kept.parent / ".gitignore").write_text("password\n")
    ran = run("check", f"file:{kept}")
    assert "nothing to say against it" in ran.output
    git(kept.parent, "add", "--force", "password")
    ran = run("check", f"file:{kept}", status=1)
    assert "is in a repository" in ran.output
    git(kept.parent, "commit", "--quiet", "--message", "oops")
    git(kept.parent, "rm", "--quiet", "--cached", "password")
    git(kept.parent, "commit", "--quiet", "--message", "quietly")
    ran = run("check", f"file:{kept}", status=1)
    assert "is in the history of a repository" in ran.output


@needs_git
def test_a_link_out_of_a_repository_counts_too(kept: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "--quiet")
    link = repository / "password"
    link.symlink_to(kept)
    git(repository, "add", "password")
    ran = run("check", f"file:{link}", status=1)
    assert "is in a repository" in ran.output


def test_a_repository_that_git_cannot_read_is_not_taken_for_none(
    kept: Path,
) -> None:
    (kept.parent / ".git").write_text("gitdir: /nothing/there\n")
    ran = run("check", f"file:{kept}", status=3)
    assert "git cannot tell" in ran.output


def test_a_variable(kept: Path) -> None:
    ran = run("check", "env:MAIL_PASSWORD", environment={"MAIL_PASSWORD": PASSWORD})
    assert "every child process inherits it" in ran.output
    assert PASSWORD not in ran.printed
    ran = run("check", "env:MAIL_PASSWORD", f"file:{kept}", status=1)
    assert "there is no variable MAIL_PASSWORD" in ran.output
    assert "nothing to say against it" in ran.output


@needs_git
def test_a_sealed_file_may_lie_in_a_repository_and_its_key_may_not(tmp_path: Path) -> None:
    file, key = tmp_path / "secrets.sealed", tmp_path / "key"
    run("new-key", key)
    run("seal", file, "mail", "--key", f"file:{key}", stdin=b"x")
    reference = f"sealed:{file}?key=file:{key}#mail"
    ran = run("check", reference)
    assert "its key lies in the same directory" in ran.output
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "secrets.sealed", "key")
    ran = run("check", reference, status=1)
    assert f"its key: {key} is in a repository" in ran.output
    assert f"problem     {file}" not in ran.output


def test_a_program_that_others_can_change(tmp_path: Path) -> None:
    program = tmp_path / "give"
    program.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
    program.chmod(0o755)
    ran = run("check", f"exec:{program} token")
    assert f"exec:{program} ..." in ran.output
    assert "token" not in ran.printed
    program.chmod(0o775)
    ran = run("check", f"exec:{program}", status=1)
    assert f"chmod go-w {program}" in ran.output
    ran = run("check", "exec:echo x")
    assert "looked for in PATH" in ran.output


def test_a_secret_given_for_a_reference_is_not_printed() -> None:
    ran = run("check", PASSWORD, status=2)
    assert PASSWORD not in ran.printed
    ran = run("check", "file:/x?nothing=1", status=2)
    assert "file: has no option 'nothing'" in ran.errors


async def test_a_manager_that_cannot_be_reached_is_not_taken_for_well() -> None:
    ran = await run_postseal(
        "secrets",
        "check",
        "vault:kv/mail#password",
        environment={"VAULT_ADDR": "https://127.0.0.1:1", "VAULT_TOKEN": "x"},
    )
    assert ran.status == 3
    assert "unknown" in ran.output
    assert ran.errors == ""
