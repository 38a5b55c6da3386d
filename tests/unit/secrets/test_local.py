"""Secrets of the environment, of files and of systemd, and all that is wrong with a file."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postseal.errors import (
    InvalidReference,
    MailError,
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretNotFound,
)
from postseal.secrets.private_files import MAX_OCTETS, replace_file
from postseal.secrets.provider import SecretReference, SecretVersion, provider_of

PASSWORD = "correct-horse-battery-staple"
IS_ROOT = os.geteuid() == 0


def fetch(text: str) -> SecretVersion:
    reference = SecretReference.parse(text)
    return provider_of(reference.scheme).fetch(reference, deadline=time.monotonic() + 10)


def refusal(text: str) -> MailError:
    with pytest.raises(MailError) as caught:
        fetch(text)
    error = caught.value
    assert PASSWORD not in f"{error} {error!r} {error.args}"
    if isinstance(error, SecretError):
        assert error.reference == text
        assert str(error).startswith(f"{text}: ")
    return error


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file with the password, which only its owner may read."""
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    path.chmod(0o600)
    return path


# -- env: ------------------------------------------------------------------------------------------


def test_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    version = fetch("env:MAIL_PASSWORD")
    assert version.secret.reveal() == PASSWORD
    assert (version.version, version.created, version.expires) == (None, None, None)
    assert PASSWORD not in repr(version)


def test_a_variable_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("one", "two"):
        monkeypatch.setenv("MAIL_PASSWORD", value)
        assert fetch("env:MAIL_PASSWORD").secret.reveal() == value


def test_variables_that_give_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAIL_PASSWORD", raising=False)
    assert isinstance(refusal("env:MAIL_PASSWORD"), SecretNotFound)
    monkeypatch.setenv("MAIL_PASSWORD", "")
    assert isinstance(refusal("env:MAIL_PASSWORD"), SecretMalformed)
    assert isinstance(refusal("env:A=b"), InvalidReference)


# -- file: -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"pass", "pass"),
        (b"pass\n", "pass"),
        (b"pass\r\n", "pass"),
        (b"pass\n\n", "pass\n"),
        (b" pass word ", " pass word "),
        ("pässwörd\n".encode(), "pässwörd"),
    ],
)
def test_one_line_end_is_no_part_of_it(kept: Path, content: bytes, value: str) -> None:
    kept.write_bytes(content)
    assert fetch(f"file:{kept}").secret.reveal() == value


def test_a_file_tells_its_age_and_its_version_changes(kept: Path) -> None:
    os.utime(kept, (0, 1_750_000_000))
    first = fetch(f"file:{kept}")
    assert first.created == datetime.fromtimestamp(1_750_000_000, UTC)
    assert fetch(f"file:{kept}").version == first.version
    replace_file(kept, b"another", reference="test")
    second = fetch(f"file:{kept}")
    assert second.secret.reveal() == "another"
    assert second.version != first.version
    assert first.version is not None
    assert PASSWORD not in first.version


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o660])
def test_a_file_that_others_may_use_is_refused(kept: Path, mode: int) -> None:
    kept.chmod(mode)
    error = refusal(f"file:{kept}")
    assert isinstance(error, SecretDenied)
    assert f"mode {mode:04o}" in error.text
    assert error.hint == f"Run: chmod 600 {kept}"


@pytest.mark.parametrize(
    ("readable_by", "allowed", "refused"),
    [
        ("group", [0o600, 0o440, 0o640], [0o644, 0o660, 0o604]),
        ("everyone", [0o600, 0o444, 0o644], [0o646, 0o664]),
    ],
)
def test_containers_may_mount_it_readable_but_never_writable(
    kept: Path, readable_by: str, allowed: list[int], refused: list[int]
) -> None:
    text = f"file:{kept}?dangerous-readable-by={readable_by}"
    for mode in allowed:
        kept.chmod(mode)
        assert fetch(text).secret.reveal() == PASSWORD
    for mode in refused:
        kept.chmod(mode)
        assert isinstance(refusal(text), SecretDenied)


def test_a_link_of_ours_is_followed(kept: Path, tmp_path: Path) -> None:
    # As Kubernetes mounts secrets: ..data is a link that is swapped when they change.
    link = tmp_path / "link"
    link.symlink_to(kept)
    assert fetch(f"file:{link}").secret.reveal() == PASSWORD
    kept.chmod(0o644)
    assert isinstance(refusal(f"file:{link}"), SecretDenied)


@pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
@pytest.mark.parametrize("through_link", [False, True])
def test_what_another_user_could_change_is_refused(
    kept: Path, tmp_path: Path, through_link: bool
) -> None:
    place = kept
    if through_link:
        place = tmp_path / "link"
        place.symlink_to(kept)
    os.chown(place, 1234, -1, follow_symlinks=False)
    error = refusal(f"file:{place}")
    assert isinstance(error, SecretDenied)
    assert "id 1234" in error.text


def test_files_that_are_no_secrets(kept: Path, tmp_path: Path) -> None:
    assert isinstance(refusal(f"file:{tmp_path}/nothing"), SecretNotFound)
    assert isinstance(refusal(f"file:{kept}/below"), SecretNotFound)
    assert isinstance(refusal("file:/dev/null"), SecretMalformed | SecretDenied)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    # It is not waited for.
    assert isinstance(refusal(f"file:{pipe}"), SecretMalformed)
    tmp_path.chmod(0o700)
    assert isinstance(refusal(f"file:{tmp_path}"), SecretMalformed)
    for content in (b"", b"\n", b"\xff" + PASSWORD.encode(), b"x" * (MAX_OCTETS + 1)):
        kept.write_bytes(content)
        assert isinstance(refusal(f"file:{kept}"), SecretMalformed)


@pytest.mark.parametrize(
    "rest", ["#key", "?mode=644", "?dangerous-readable-by=all", "?dangerous-readable-by="]
)
def test_references_to_files_that_are_none(kept: Path, rest: str) -> None:
    assert isinstance(refusal(f"file:{kept}{rest}"), InvalidReference)


def test_a_home_directory_is_known(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(kept.parent))
    assert fetch("file:~/password").secret.reveal() == PASSWORD


def test_a_write_that_fails_leaves_the_file_and_nothing_beside_it(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(SecretError, match="No space left"):
        replace_file(kept, b"another", reference="test")
    assert kept.read_text() == f"{PASSWORD}\n"
    assert list(kept.parent.iterdir()) == [kept]


# -- systemd: --------------------------------------------------------------------------------------


def test_a_credential(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(kept.parent))
    # An access control list shows as the group's bits.
    kept.chmod(0o440)
    assert fetch("systemd:password").secret.reveal() == PASSWORD
    assert isinstance(refusal("systemd:nothing"), SecretNotFound)


@pytest.mark.parametrize("name", ["../password", "a/b", "..", "."])
def test_a_credential_is_no_path(kept: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(kept.parent))
    assert isinstance(refusal(f"systemd:{name}"), InvalidReference)


def test_a_process_that_is_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    error = refusal("systemd:password")
    assert isinstance(error, SecretNotFound)
    assert error.hint == "Add LoadCredentialEncrypted=password to the unit."
