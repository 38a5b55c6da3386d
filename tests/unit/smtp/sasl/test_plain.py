from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.smtp.sasl import PlainCredentials, decode_plain, encode_plain


def test_the_example_of_the_rfc() -> None:
    # RFC 4616 4
    assert encode_plain("tim", "tanstaaftanstaaf") == b"\x00tim\x00tanstaaftanstaaf"
    assert decode_plain(b"Ursel\x00Kurt\x00xipj3plmq") == PlainCredentials(
        "Ursel", "Kurt", "xipj3plmq"
    )


def test_a_user_who_acts_as_another() -> None:
    message = encode_plain("Kurt", "xipj3plmq", authorization_identity="Ursel")
    assert message == b"Ursel\x00Kurt\x00xipj3plmq"
    with pytest.raises(ValueError, match="authorization identity"):
        encode_plain("Kurt", "x", authorization_identity="Ur\x00sel")


PART = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60)


@given(PART, PART)
def test_what_is_encoded_is_decoded(username: str, password: str) -> None:
    assert decode_plain(encode_plain(username, password)) == PlainCredentials(
        "", username, password
    )


@pytest.mark.parametrize(
    ("username", "password", "says"),
    [
        ("", "x", "the username"),
        ("x", "", "the password"),
        # A NUL would move the border between the parts.
        ("a\x00b", "x", "the username"),
        ("x", "a\x00b", "the password"),
        ("x" * 256, "x", "the username"),
        ("x", "ä" * 128, "the password"),
    ],
)
def test_refuses_what_PLAIN_cannot_carry(username: str, password: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        encode_plain(username, password)


def test_a_refused_password_is_not_shown() -> None:
    with pytest.raises(ValueError, match="the password") as caught:
        encode_plain("ada", "hunter2\x00")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"a",
        b"a\x00b",
        b"\x00\x00",
        b"\x00a\x00",
        b"\x00\x00b",
        b"a\x00b\x00c\x00d",
        b"\x00\xff\x00b",
        b"\x00" + b"x" * 256 + b"\x00b",
        b"x" * 256 + b"\x00a\x00b",
        b"\x00a\x00" + b"x" * 256,
    ],
)
def test_a_message_that_is_none(message: bytes) -> None:
    assert decode_plain(message) is None


def test_the_longest_parts() -> None:
    part = "x" * 255
    assert decode_plain(encode_plain(part, part)) == PlainCredentials("", part, part)


def test_the_password_does_not_show() -> None:
    assert "hunter2" not in repr(PlainCredentials("", "ada", "hunter2"))
