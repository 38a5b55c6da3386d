"""Hashes and generated secrets: right ones pass, wrong ones and unknown names cost the same."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from postseal.secrets import Secret
from postseal.serve import credentials
from postseal.serve.credentials import (
    MAX_PASSWORD_OCTETS,
    generate_secret,
    hash_generated_secret,
    hash_password,
    new_token,
    password_needs_rehash,
    token_hash,
    verify_generated_secret,
    verify_password,
)


def test_a_password_is_kept_by_argon2id_with_a_salt() -> None:
    stored = hash_password(Secret("correct horse"))
    assert stored.startswith("$argon2id$")
    assert "correct horse" not in stored
    assert stored != hash_password(Secret("correct horse"))
    assert verify_password(stored, Secret("correct horse"))
    assert not verify_password(stored, Secret("correct horse "))
    assert not password_needs_rehash(stored)


def test_a_hash_of_other_parameters_is_known_as_such() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
    assert verify_password(weak, Secret("secret"))
    assert password_needs_rehash(weak)


def test_nobody_logs_in_to_an_account_that_does_not_exist() -> None:
    assert not verify_password(None, Secret("anything"))
    assert not verify_password(None, Secret(""))
    assert not verify_generated_secret(None, generate_secret())


def test_an_unknown_account_takes_as_long_as_a_wrong_password() -> None:
    stored = hash_password(Secret("right"))

    def quickest(action: Callable[[], bool]) -> float:
        times = []
        for _ in range(3):
            begin = time.process_time()
            assert not action()
            times.append(time.process_time() - begin)
        return min(times)

    wrong = quickest(lambda: verify_password(stored, Secret("wrong")))
    unknown = quickest(lambda: verify_password(None, Secret("wrong")))
    too_long = quickest(lambda: verify_password(stored, Secret("x" * 5000)))
    # Without the hash of nobody it would be less than a hundredth.
    assert unknown > wrong / 3
    assert too_long > wrong / 3


def test_a_damaged_hash_lets_nobody_in() -> None:
    for stored in ("", "$argon2id$", "plain", "$argon2id$v=19$m=65536,t=3,p=4$x$y"):
        assert not verify_password(stored, Secret("plain"))


def test_a_password_is_bounded() -> None:
    longest = Secret("x" * MAX_PASSWORD_OCTETS)
    assert verify_password(hash_password(longest), longest)
    with pytest.raises(ValueError, match="at most 1024 octets"):
        hash_password(Secret("é" * MAX_PASSWORD_OCTETS))


def test_a_generated_secret_is_readable_and_has_160_bits() -> None:
    secret = generate_secret().reveal()
    assert re.fullmatch(r"(?:[0-9a-hjkmnp-tv-z]{4}-){7}[0-9a-hjkmnp-tv-z]{4}", secret)
    # Each of the 32 symbols stands for five bits, and all 160 come from the random source.
    assert generate_secret(bytes).reveal() == "-".join(["0000"] * 8)
    assert generate_secret(lambda count: b"\xff" * count).reveal() == "-".join(["zzzz"] * 8)


def test_generated_secrets_differ() -> None:
    assert len({generate_secret().reveal() for _ in range(100)}) == 100


def test_a_generated_secret_is_kept_as_a_digest() -> None:
    secret = generate_secret()
    stored = hash_generated_secret(secret)
    assert stored == hashlib.sha256(secret.reveal().encode()).digest()
    assert verify_generated_secret(stored, secret)
    assert not verify_generated_secret(stored, generate_secret())
    assert not verify_generated_secret(b"", secret)


@given(st.text(alphabet=st.characters(), max_size=50))
def test_any_text_is_a_wrong_secret_and_never_an_exception(text: str) -> None:
    stored = hash_generated_secret(generate_secret())
    assert not verify_generated_secret(stored, Secret(text))
    assert len(token_hash(Secret(text))) == 32


def test_a_lone_surrogate_is_a_wrong_password() -> None:
    assert not verify_password(hash_password(Secret("right")), Secret("\ud800"))


def test_a_token_fits_a_cookie_and_only_its_digest_is_kept() -> None:
    token = new_token()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token.reveal())
    assert token_hash(token) == hashlib.sha256(token.reveal().encode()).digest()
    assert token.reveal() not in repr(token)
    assert len({new_token().reveal() for _ in range(100)}) == 100


def test_the_hash_of_nobody_is_made_before_it_is_needed() -> None:
    assert credentials._HASH_OF_NOBODY.startswith("$argon2id$")
