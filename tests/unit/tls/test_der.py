"""DER: what is read is what was encoded, and whatever is not distinguished is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.tls.der import (
    OCTET_STRING,
    SEQUENCE,
    elements,
    is_one_element,
    only_element,
    public_key_of,
)


def encode(content: bytes, tag: int = OCTET_STRING) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_elements_are_read_as_they_were_written(contents: list[bytes]) -> None:
    encoded = [encode(content) for content in contents]
    found = list(elements(b"".join(encoded)))
    assert [element.content for element in found] == contents
    assert [element.encoded for element in found] == encoded
    inside = only_element(encode(b"".join(encoded), SEQUENCE)).children()
    assert [element.content for element in inside] == contents


@given(st.binary(max_size=64))
def test_any_octets_are_elements_or_a_ValueError(data: bytes) -> None:
    try:
        found = list(elements(data))
    except ValueError:
        return
    # What is distinguished has one encoding only: reading loses nothing.
    assert b"".join(encode(element.content, element.tag) for element in found) == data


@pytest.mark.parametrize(
    "data",
    [
        "04",
        "0401",
        "04 80 00 00",
        "04 81 01 00",
        "04 82 00 80" + "00" * 128,
        "04 84 ffffffff",
        "04 ff" + "ff" * 127,
        "1f 81 01 00",
    ],
    ids=[
        "no length",
        "cut",
        "indefinite length",
        "length longer than needed",
        "length with leading zero",
        "four gigabytes",
        "reserved length",
        "tag of several octets",
    ],
)
def test_what_is_not_distinguished_is_refused(data: str) -> None:
    octets = bytes.fromhex(data)
    with pytest.raises(ValueError, match="element"):
        list(elements(octets))
    assert not is_one_element(octets, OCTET_STRING)


def test_one_element_is_neither_none_nor_two() -> None:
    one = encode(b"x")
    assert is_one_element(one, OCTET_STRING)
    assert not is_one_element(one, SEQUENCE)
    for data in (b"", one + one):
        assert not is_one_element(data, OCTET_STRING)


@pytest.mark.parametrize("data", ["", "3000", "30023000", "3004 3002 0500", "0400"])
def test_what_has_no_key_is_no_certificate(data: str) -> None:
    with pytest.raises(ValueError, match=r"key|element"):
        public_key_of(bytes.fromhex(data))
