from __future__ import annotations

import time
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.errors import InvalidAddress
from postseal.smtp.grammar import PATH, is_base64, parse_mailbox


@given(st.binary())
def test_what_is_encoded_is_base64(data: bytes) -> None:
    assert is_base64(b64encode(data))


@given(st.lists(st.sampled_from([b"A", b"Q", b"Z", b"/", b"+", b"="]), max_size=9).map(b"".join))
def test_base64_has_one_way_to_write_a_value(data: bytes) -> None:
    # Two ways would be two names for one credential, and room for what a log does not show.
    if is_base64(data):
        assert b64encode(b64decode(data)) == data


@pytest.mark.parametrize(
    "data", [b"AA", b"A", b"AAA", b"AA=A", b"AAAA\n", b"AA-_", b"QR==", b"QUF="]
)
def test_the_rest_is_not(data: bytes) -> None:
    assert not is_base64(data)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ada@example.com", Address("ada", "example.com")),
        ("@a.example:ada@example.com", Address("ada", "example.com")),
        ("@a.example,@b.example:ada@example.com", Address("ada", "example.com")),
    ],
)
def test_reads_a_mailbox(text: str, address: Address) -> None:
    assert parse_mailbox(text) == address


@pytest.mark.parametrize(
    "text", ["", "@a.example:", "@a.example,ada@example.com", "a:b@example.com"]
)
def test_refuses_what_is_none(text: str) -> None:
    with pytest.raises(InvalidAddress):
        parse_mailbox(text)


@pytest.mark.parametrize("text", ['<"' * 6000, '<""' * 4000, "<" + '"\\' * 6000, "<" + "a" * 12000])
def test_a_path_is_searched_in_linear_time(text: str) -> None:
    # A whole line of the worst kind; a backtracking search would take hours, not milliseconds.
    started = time.process_time()
    assert PATH.match(text) is None
    assert time.process_time() - started < 1
