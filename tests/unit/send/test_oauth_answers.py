"""What authorization servers answer: tokens, refusals of all kinds, and what is neither."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import SecretDenied, SecretError, SecretMalformed, SecretUnreachable
from postseal.send.oauth.answers import Granted, read_answer

NOW = 1_800_000_000.0
GIVEN = {"access_token": "a-canary", "token_type": "bearer", "expires_in": 3600}


def read(status: int, told: object) -> Granted:
    return read_answer(status, json.dumps(told).encode(), now=NOW, remedy="Consent again.")


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [(3600, 3600), (3600.0, 3600), ("3599", 3599), (None, 300), (999_999_999_999, 315_360_000)],
)
def test_a_token_has_an_end(lifetime: object, seconds: float) -> None:
    granted = read(200, GIVEN | {"expires_in": lifetime})
    assert granted.expires == NOW + seconds
    assert granted.access_token.reveal() == "a-canary"
    assert granted.refresh_token is None


def test_a_server_that_tells_no_end_is_asked_again_soon() -> None:
    told = {"access_token": "a", "token_type": "Bearer", "refresh_token": "r"}
    granted = read(200, told)
    assert granted.expires == NOW + 300
    assert granted.refresh_token is not None
    assert granted.refresh_token.reveal() == "r"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"expires_in": lifetime} for lifetime in (0, -1, 1.5, float("inf"), float("nan"), True)),
        *({"expires_in": lifetime} for lifetime in ("soon", "٣", "9" * 13, ["1"])),
        {"access_token": ""},
        {"access_token": 7},
        {"token_type": "mac"},
        {"token_type": None},
    ],
)
def test_what_is_no_token_is_refused_and_not_shown(wrong: dict[str, object]) -> None:
    with pytest.raises(SecretMalformed) as caught:
        read(200, GIVEN | wrong)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error", "kind", "hint"),
    [
        (400, "invalid_grant", SecretDenied, "Consent again"),
        (401, "invalid_client", SecretDenied, "make a new one"),
        (400, "unauthorized_client", SecretDenied, "administrator"),
        (400, "invalid_scope", SecretDenied, "scope"),
        (400, "unsupported_grant_type", SecretDenied, "endpoint"),
        (400, None, SecretDenied, "endpoint"),
        (400, ["invalid_grant"], SecretDenied, "endpoint"),
        (400, "temporarily_unavailable", SecretUnreachable, ""),
        (429, "invalid_request", SecretUnreachable, ""),
        (500, "invalid_grant", SecretUnreachable, ""),
    ],
)
def test_a_refusal_says_what_to_do(
    status: int, error: object, kind: type[SecretError], hint: str
) -> None:
    with pytest.raises(kind) as caught:
        read(status, {"error": error, "error_description": "why\r\nnot" + "x" * 1000})
    assert hint in (caught.value.hint or "")
    assert caught.value.is_temporary is (kind is SecretUnreachable)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@given(
    st.integers(100, 599),
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*GIVEN, "error"]), inner),
    ).map(lambda told: json.dumps(told).encode()),
)
def test_any_answer_is_a_token_or_an_error_of_ours(status: int, body: bytes) -> None:
    try:
        granted = read_answer(status, body, now=NOW, remedy="")
    except SecretError as error:
        text, expires = str(error), NOW + 1
    else:
        text, expires = repr(granted), granted.expires
        assert status == 200
    assert text.isprintable()
    assert expires > NOW
