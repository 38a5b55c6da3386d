"""Sealed files on disk: by reference, with a key that is kept elsewhere, one writer at a time."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postseal.errors import (
    InvalidInput,
    InvalidReference,
    SecretDenied,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets import SealedStore, Secret, SecretVersion
from postseal.secrets.provider import SecretReference, provider_of
from postseal.secrets.sealed_format import generate_key

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 6, 2, 12, tzinfo=UTC)
PASSWORD = "correct-horse-battery-staple"
KEY = generate_key()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SealedStore:
    """A sealed file with one secret; the key is in the file `key`, which a variable names."""
    key_file = tmp_path / "key"
    key_file.write_text(KEY.reveal() + "\n")
    key_file.chmod(0o600)
    monkeypatch.setenv("POSTSEAL_SEALED_KEY", f"file:{key_file}")
    store = SealedStore(tmp_path / "secrets")
    store.put("mail", Secret(PASSWORD), KEY, now=NOW)
    return store


def fetch(text: str) -> SecretVersion:
    reference = SecretReference.parse(text)
    return provider_of(reference.scheme).fetch(reference, deadline=time.monotonic() + 10)


def test_by_reference(store: SealedStore) -> None:
    version = fetch(f"sealed:{store.path}#mail")
    assert version == SecretVersion(Secret(PASSWORD), version="1", created=NOW)
    assert fetch(f"sealed:{store.path}?key=file:{store.path.parent}/key#mail") == version


def test_a_secret_sealed_again_is_its_next_version(store: SealedStore) -> None:
    assert store.put("mail", Secret("another"), KEY, now=LATER).version == 2
    store.put("other", Secret("x"), KEY, now=LATER)
    version = fetch(f"sealed:{store.path}#mail")
    assert version == SecretVersion(Secret("another"), version="2", created=LATER)


def test_others_can_read_nothing_and_write_nothing(store: SealedStore) -> None:
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    # A file in a repository has the mode that its checkout gives it.
    store.path.chmod(0o644)
    assert fetch(f"sealed:{store.path}#mail").version == "1"
    store.path.chmod(0o666)
    with pytest.raises(SecretDenied, match="open to other users"):
        fetch(f"sealed:{store.path}#mail")


def test_removing(store: SealedStore) -> None:
    store.remove("mail", KEY)
    assert store.entries(KEY) == {}
    with pytest.raises(SecretNotFound):
        store.remove("mail", KEY)
    with pytest.raises(SecretNotFound):
        fetch(f"sealed:{store.path}#mail")


def test_another_key_for_all_of_it(store: SealedStore) -> None:
    new = generate_key()
    before = store.entries(KEY)
    assert store.rekey(KEY, new) == 1
    assert store.entries(new) == before
    with pytest.raises(SecretDenied, match="does not open") as caught:
        store.entries(KEY)
    assert caught.value.reference == f"sealed:{store.path}"
    with pytest.raises(SecretDenied):
        store.rekey(KEY, KEY)
    assert store.entries(new) == before


def test_a_wrong_key_changes_nothing(store: SealedStore) -> None:
    before = store.path.read_bytes()
    with pytest.raises(SecretDenied):
        store.put("other", Secret("x"), generate_key(), now=NOW)
    assert store.path.read_bytes() == before


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\0"])
def test_names_that_are_none(store: SealedStore, name: str) -> None:
    with pytest.raises(InvalidInput):
        store.put(name, Secret("x"), KEY, now=NOW)


def test_two_writers_do_not_lose_what_the_other_wrote(store: SealedStore) -> None:
    directory = os.open(store.path.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        with pytest.raises(SecretUnreachable, match="another process"):
            store.put("other", Secret("x"), KEY, now=NOW)
    finally:
        os.close(directory)
    store.put("other", Secret("x"), KEY, now=NOW)
    assert set(store.entries(KEY)) == {"mail", "other"}


def test_files_that_are_not_there(store: SealedStore) -> None:
    with pytest.raises(SecretNotFound):
        fetch(f"sealed:{store.path}.old#mail")
    with pytest.raises(SecretNotFound):
        SealedStore(store.path / "below" / "file").put("a", Secret("x"), KEY, now=NOW)


def test_a_file_that_was_altered_says_which(store: SealedStore) -> None:
    store.path.write_bytes(store.path.read_bytes().replace(b"sealed-1", b"sealed-9"))
    with pytest.raises(SecretMalformed) as caught:
        fetch(f"sealed:{store.path}#mail")
    assert str(caught.value).startswith(f"sealed:{store.path}#mail: ")


@pytest.mark.parametrize(
    "text", ["sealed:/x", "sealed:/x?key=sealed:/y#a", "sealed:/x?key=hunter2#a"]
)
def test_references_that_are_none(text: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        fetch(text)
    assert "hunter2" not in str(caught.value)


def test_nothing_says_where_the_key_is(store: SealedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTSEAL_SEALED_KEY")
    with pytest.raises(InvalidReference, match="POSTSEAL_SEALED_KEY=file:/path"):
        fetch(f"sealed:{store.path}#mail")
