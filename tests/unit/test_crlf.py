"""What is a line ending and what is none."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postseal.crlf import has_only_crlf, to_crlf

OCTETS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\x00", b"\x85", b"\xff"])).map(
    b"".join
)
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


@pytest.mark.parametrize("octets", [b"", b"a", b"\r\n", b"a\r\nb\r\n\r\n", b"\x0b\x0c\x1c\x85"])
def test_clean(octets: bytes) -> None:
    assert has_only_crlf(octets)


@pytest.mark.parametrize("octets", [b"\r", b"\n", b"\n\r", b"\r\r\n", b"\r\n\n", b"a\r\nb\r"])
def test_not_clean(octets: bytes) -> None:
    assert not has_only_crlf(octets)


@given(OCTETS)
@example(b"a\r\n" * 5000 + b"\r")
def test_nothing_bare_is_overlooked_or_left(octets: bytes) -> None:
    assert has_only_crlf(octets) == (BARE.search(octets) is None)
    assert to_crlf(octets) == re.sub(rb"\r\n|\r|\n", b"\r\n", octets)
    assert has_only_crlf(to_crlf(octets))
