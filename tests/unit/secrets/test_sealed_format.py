"""Sealed files: what goes in comes out, with the key and unaltered, and otherwise nothing does."""

from __future__ import annotations

import base64
import json
import sys
import traceback
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import assume, example, given
from hypothesis import strategies as st

from postseal.errors import InvalidInput, MailError, MissingExtra, SecretDenied, SecretMalformed
from postseal.secrets import Secret
from postseal.secrets.sealed_format import (
    MAX_SEALED,
    Entry,
    generate_key,
    is_key,
    seal,
    unseal,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PASSWORD = "correct-horse-battery-staple"
ENTRIES = {"mail": Entry(Secret(PASSWORD), 3, NOW), "api é": Entry(Secret("töken\udcff"), 1, NOW)}
KEY = generate_key()
SEALED = seal(ENTRIES, KEY)


def assert_nothing_shown(error: BaseException) -> None:
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    for text in (str(error), "".join(report.format())):
        assert PASSWORD not in text
        assert KEY.reveal() not in text


def refusal(sealed: bytes, key: Secret = KEY) -> MailError:
    with pytest.raises(MailError) as caught:
        unseal(sealed, key)
    step = caught.value.__traceback__
    while step is not None and "/postseal/" not in step.tb_frame.f_code.co_filename:
        step = step.tb_next
    assert_nothing_shown(caught.value.with_traceback(step))
    return caught.value


def test_what_goes_in_comes_out() -> None:
    assert unseal(SEALED, KEY) == ENTRIES
    assert unseal(seal({}, KEY), KEY) == {}


def test_it_is_made_of_lines_of_text_that_show_nothing() -> None:
    assert SEALED.isascii()
    assert SEALED.startswith(b"postseal-sealed-1\nhkdf-sha256 ")
    assert max(map(len, SEALED.splitlines())) <= 76
    for hidden in (PASSWORD, "mail", base64.b64encode(PASSWORD.encode())[:-4].decode()):
        assert hidden.encode() not in SEALED


def test_its_size_does_not_tell_the_length_of_a_password() -> None:
    sizes = {len(seal({"a": Entry(Secret("x" * n), 1, NOW)}, KEY)) for n in (1, 8, 64, 200)}
    assert len(sizes) == 1


def test_no_two_writings_share_a_salt_or_a_nonce() -> None:
    again = seal(ENTRIES, KEY)
    assert not set(again.splitlines()[1:]) & set(SEALED.splitlines()[1:])


def test_the_format_is_what_is_documented() -> None:
    # By hand, from the words of the module and nothing else of it.
    magic, derivation, *lines = SEALED.splitlines()
    method, salt = derivation.split(b" ")
    assert (magic, method) == (b"postseal-sealed-1", b"hkdf-sha256")
    data = base64.b64decode(b"".join(lines))
    material = base64.urlsafe_b64decode(KEY.reveal().removeprefix("postseal-key-1-") + "=")
    key = HKDF(SHA256(), 32, base64.b64decode(salt), b"postseal sealed file 1").derive(material)
    plain = AESGCM(key).decrypt(data[:12], data[12:], magic + b"\n" + derivation + b"\n")
    assert json.loads(plain)["mail"] == [PASSWORD, 3, "2026-06-01T12:00:00+00:00"]


def test_a_key_is_random_and_known_from_a_passphrase() -> None:
    assert generate_key() != KEY
    assert is_key(KEY)
    for text in ("", PASSWORD, KEY.reveal()[:-1], KEY.reveal() + "A", " " + KEY.reveal()):
        assert not is_key(Secret(text))


def test_a_passphrase() -> None:
    sealed = seal(ENTRIES, Secret("a passphrase"))
    assert sealed.splitlines()[1].startswith(b"scrypt 17 8 1 ")
    assert unseal(sealed, Secret("a passphrase")) == ENTRIES
    assert isinstance(refusal(sealed, Secret("a Passphrase")), SecretDenied)
    assert "opens with a passphrase" in str(refusal(sealed))
    with pytest.raises(InvalidInput, match="empty"):
        seal(ENTRIES, Secret(""))


def test_another_key() -> None:
    assert "does not open with this key" in str(refusal(SEALED, generate_key()))
    assert "opens with a sealing key" in str(refusal(SEALED, Secret("a passphrase")))


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_one_altered_octet_anywhere_is_noticed(place: int, change: int) -> None:
    altered = bytearray(SEALED)
    altered[place] ^= change
    # Where base64 breaks its lines means nothing; all else does.
    assume(altered[place] != ord("\n"))
    with pytest.raises((SecretDenied, SecretMalformed)):
        unseal(bytes(altered), KEY)


@given(st.integers(0, len(SEALED) - 2))
def test_a_file_that_was_cut_off_is_noticed(length: int) -> None:
    with pytest.raises((SecretDenied, SecretMalformed)):
        unseal(SEALED[:length], KEY)


@given(st.binary())
@example(b"postseal-sealed-1\n")
@example(b"postseal-sealed-1\nhkdf-sha256 AAAA\n")
@example(b"postseal-sealed-1\nhkdf-sha256 =\n\xff")
@example(b"postseal-sealed-1\nscrypt 17 8 1 AAAAAAAAAAAAAAAAAAAAAA==\n")
@example(b"postseal-sealed-1\nargon 1 2 AAAAAAAAAAAAAAAAAAAAAA==\nAAAA")
@example(b"postseal-sealed-2\n" + SEALED.partition(b"\n")[2])
def test_any_octets_are_a_sealed_file_or_an_error(octets: bytes) -> None:
    with pytest.raises((SecretDenied, SecretMalformed)):
        unseal(octets, KEY)


@pytest.mark.parametrize(
    "cost", ["31 8 1", "19 8 1", "17 9 1", "17 8 9", "9 8 1", "17 8", "-1 8 1", "+7 8 1"]
)
def test_a_strangers_file_does_not_take_all_the_memory(cost: str) -> None:
    sealed = f"postseal-sealed-1\nscrypt {cost} AAAAAAAAAAAAAAAAAAAAAA==\n{'A' * 80}\n"
    assert isinstance(refusal(sealed.encode(), Secret("a passphrase")), SecretMalformed)


@pytest.mark.parametrize(
    "inside",
    [
        b"[]",
        b"{",
        b'{"mail": 1}',
        b'{"mail": ["x", "y", "z"]}',
        f'{{"mail": ["{PASSWORD}", 1]}}'.encode(),
        f'{{"mail": ["{PASSWORD}", 1, "yesterday"]}}'.encode(),
        b"[" * 100_000,
    ],
)
def test_what_a_later_version_may_have_written(
    inside: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postseal.secrets.sealed_format._written", lambda _: inside)
    sealed = seal({}, KEY)
    monkeypatch.undo()
    assert isinstance(refusal(sealed), SecretMalformed)


def test_it_does_not_grow_without_bounds() -> None:
    with pytest.raises(InvalidInput, match="at most"):
        seal({"a": Entry(Secret("x" * MAX_SEALED), 1, NOW)}, KEY)


def test_without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(MissingExtra, match="postseal"):
        unseal(SEALED, KEY)
