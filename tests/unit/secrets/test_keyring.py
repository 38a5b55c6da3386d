"""Secrets in a keyring, with backends of the package itself and of keyrings.alt."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from postseal.errors import (
    InvalidReference,
    MissingExtra,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.keyring import Keyring
from postseal.secrets.provider import SecretReference
from tests.parts.own_keyring import own_keyring

PASSWORD = "correct-horse-battery-staple"


def fetch(text: str) -> str:
    version = Keyring().fetch(SecretReference.parse(text), deadline=time.monotonic() + 10)
    return version.secret.reveal()


@pytest.fixture(autouse=True)
def _own_keyring(tmp_path: Path) -> Iterator[None]:
    with own_keyring(tmp_path / "keyring"):
        yield


def test_an_entry() -> None:
    keyring.set_password("mail.example.com", "ada", PASSWORD)
    keyring.set_password("smtp://mail.example.com", "ada", "another")
    assert fetch("keyring:mail.example.com/ada") == PASSWORD
    # The last slash divides, for a service may be a URL.
    assert fetch("keyring:smtp://mail.example.com/ada") == "another"


def test_entries_that_give_nothing() -> None:
    keyring.set_password("mail", "empty", "")
    with pytest.raises(SecretNotFound):
        fetch("keyring:mail/nobody")
    with pytest.raises(SecretMalformed):
        fetch("keyring:mail/empty")


@pytest.mark.parametrize("text", ["keyring:mail", "keyring:mail/", "keyring:/ada"])
def test_references_that_are_none(text: str) -> None:
    with pytest.raises(InvalidReference):
        fetch(text)


def test_a_machine_without_a_keyring() -> None:
    from keyring.backends.fail import Keyring as NoKeyring

    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]
    with pytest.raises(SecretUnreachable, match="NoKeyringError") as caught:
        fetch("keyring:mail/ada")
    assert caught.value.hint is not None


def test_a_keyring_that_keeps_nothing() -> None:
    from keyring.backends.null import Keyring as NullKeyring

    keyring.set_keyring(NullKeyring())  # type: ignore[no-untyped-call]
    with pytest.raises(SecretNotFound):
        fetch("keyring:mail/ada")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtra, match=r"postseal\[keyring\]"):
        fetch("keyring:mail/ada")
