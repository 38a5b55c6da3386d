"""A secret stays where it was put (promise 5)."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import InvalidInput
from postseal.secrets import Secret


def test_only_reveal_gives_it_away() -> None:
    secret = Secret("hunter2")
    assert secret.reveal() == "hunter2"
    for shown in (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r}",
        f"{[secret]}",
        f"{secret:}",
    ):
        assert "hunter2" not in shown
        assert "***" in shown


def test_it_does_not_show_how_long_it_is() -> None:
    assert {repr(Secret("x" * length)) for length in (0, 1, 99)} == {"Secret('***')"}


def test_a_traceback_with_locals_does_not_show_it() -> None:
    def fail(password: Secret) -> None:
        raise ValueError(f"no such user for {password}")

    with pytest.raises(ValueError, match="no such user") as caught:
        fail(Secret("hunter2"))
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    lines = [line for line in told.format() if "fail(Secret" not in line]
    assert any("password = Secret('***')" in line for line in lines)
    assert not any("hunter2" in line for line in lines)


def test_it_does_not_travel() -> None:
    with pytest.raises(TypeError, match="not pickled") as caught:
        pickle.dumps(Secret("hunter2"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
def test_a_copy_outlives_what_it_was_copied_from(copier: Callable[[Secret], Secret]) -> None:
    original = Secret("hunter2")
    copied = copier(original)
    original.clear()
    assert copied == Secret("hunter2")


def test_what_was_cleared_is_gone_from_memory() -> None:
    secret = Secret("hunter2")
    kept = secret._octets()
    secret.clear()
    assert bytes(kept) == bytes(7)
    secret.clear()
    assert not secret
    assert repr(secret) == "Secret('***')"
    for use in (secret.reveal, lambda: secret == Secret(""), lambda: copy.copy(secret)):
        with pytest.raises(InvalidInput, match="was cleared"):
            use()


def test_a_block_clears_it_at_its_end_whatever_happens() -> None:
    secret = Secret("hunter2")
    with pytest.raises(ZeroDivisionError), secret as same:
        raise ZeroDivisionError(same.reveal())
    assert not secret


def test_it_is_no_text_for_those_who_write_texts() -> None:
    with pytest.raises(TypeError):
        json.dumps({"password": Secret("hunter2")})
    assert not hasattr(Secret("hunter2"), "__dict__")


def test_it_is_no_key() -> None:
    # The hash of a password in a table would be a fast test for guesses.
    with pytest.raises(TypeError, match="unhashable"):
        hash(Secret("hunter2"))


def test_it_compares_with_secrets_alone() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@given(st.text(st.characters()), st.text(st.characters()))
def test_any_text_can_be_compared(one: str, other: str) -> None:
    # PEP 383: what os.environ gives may hold lone surrogates.
    assert (Secret(one) == Secret(other)) is (one == other)


def test_it_is_true_when_there_is_something() -> None:
    assert Secret("x")
    assert not Secret("")
