from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail.reading.parser import parse
from postseal.mail.smime import SignatureForm, sign
from postseal.mail.smime.asn1 import (
    INTEGER,
    NULL,
    OCTET_STRING,
    Cursor,
    InvalidCMS,
    element,
    integer,
    octets_of,
    oid,
    oid_text,
    sequence,
    set_of,
    to_der,
    whole,
)
from postseal.mail.smime.cms import (
    SIGNED_DATA,
    content_type_of,
    read_encrypted,
    read_signed,
)
from tests.parts.smime_people import ADA, letter, person

leaves = st.one_of(
    st.integers(-(2**200), 2**200).map(integer),
    st.binary(max_size=300).map(lambda octets: element(OCTET_STRING, octets)),
    st.just(NULL),
)
structures = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4).map(lambda parts: sequence(*parts))
)


def in_ber(encoded: bytes) -> bytes:
    """Write DER again with indefinite lengths and strings in pieces."""
    found = whole(encoded)
    if found.tag == OCTET_STRING:
        pieces = (found.content[at : at + 7] for at in range(0, len(found.content), 7))
        inner = b"".join(element(OCTET_STRING, piece) for piece in pieces)
        return b"\x24\x80" + inner + b"\x00\x00"
    if found.tag & 0x20:
        inner = b"".join(in_ber(each.encoded) for each in found.cursor().rest())
        return bytes([found.tag, 0x80]) + inner + b"\x00\x00"
    # X.690 8.1.3.5: a length may have more octets than it needs.
    return bytes([found.tag, 0x84]) + len(found.content).to_bytes(4, "big") + found.content


@given(structures)
def test_der_stays_as_it_is(encoded: bytes) -> None:
    assert to_der(encoded) == encoded


@given(structures)
def test_ber_becomes_der(encoded: bytes) -> None:
    assert to_der(in_ber(encoded)) == encoded


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    with suppress(InvalidCMS):
        encoded = to_der(octets)
        assert to_der(encoded) == encoded


@given(st.integers(0, 1 << 24), st.integers(0, 255))
def test_any_change_of_a_structure_is_read_or_refused(place: int, octet: int) -> None:
    signed = sign(letter(), person(ADA), form=SignatureForm.ENCLOSED)
    original = parse(signed.content).root.content
    octets = bytearray(original)
    octets[place % len(octets)] = octet
    try:
        name, found = content_type_of(bytes(octets))
        with suppress(InvalidCMS):
            read_encrypted(found, authenticated=True)
        read = read_signed(found)
    except InvalidCMS:
        assert octets != original
        return
    # What is compared with other certificates is DER, whatever came.
    assert all(to_der(each) == each for each in read.certificates)
    if octets == original:
        assert name == SIGNED_DATA
        assert [signer.attributes is not None for signer in read.signers] == [True]
        assert read.content is not None


@given(st.integers(-(2**300), 2**300))
def test_integers_are_read_as_they_are_written(value: int) -> None:
    assert Cursor(integer(value)).integer() == value


@given(st.lists(st.integers(0, 2**70), max_size=5), st.integers(0, 2), st.integers(0, 39))
def test_object_identifiers_are_read_as_they_are_written(
    arcs: list[int], first: int, second: int
) -> None:
    dotted = ".".join(map(str, (first, second, *arcs)))
    assert oid_text(whole(oid(dotted))) == dotted


def test_a_known_object_identifier() -> None:
    # X.690 8.19.5
    assert oid("2.999.3") == bytes.fromhex("0603883703")
    assert oid_text(whole(bytes.fromhex("0603883703"))) == "2.999.3"


def test_members_of_sets_are_ordered() -> None:
    assert set_of(integer(2), integer(1)) == bytes.fromhex("3106020101020102")


def test_strings_under_implicit_tags_are_joined() -> None:
    pieces = element(0xA0, element(OCTET_STRING, b"ab"), element(OCTET_STRING, b"c"))
    assert octets_of(whole(pieces)) == b"abc"
    assert octets_of(whole(element(0x80, b"abc"))) == b"abc"
    with pytest.raises(InvalidCMS):
        octets_of(whole(element(0xA0, integer(1))))


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("", "ends too early"),
        ("30", "no length"),
        ("3003020101ff", "behind the structure"),
        ("3004020101", "no end"),
        ("3080020101", "ends too early"),
        ("0480", "holds no others"),
        ("1f8101", "several octets"),
        ("3089000000000000000000", "length that cannot be read"),
        ("2403020101", "0x04 was due"),
    ],
)
def test_what_is_no_ber_is_refused(octets: str, reason: str) -> None:
    with pytest.raises(InvalidCMS, match=reason):
        to_der(bytes.fromhex(octets))


def test_depth_is_bounded() -> None:
    octets = NULL
    for _ in range(40):
        octets = sequence(octets)
    with pytest.raises(InvalidCMS, match="too deep"):
        to_der(octets)
    with pytest.raises(InvalidCMS, match="too deep"):
        to_der(b"\x30\x80" * 100_000)


def test_the_number_of_elements_is_bounded() -> None:
    started = time.monotonic()
    with pytest.raises(InvalidCMS, match="too many elements"):
        to_der(sequence(NULL * 2_000_000))
    assert time.monotonic() - started < 10


def test_a_cursor_says_what_was_due() -> None:
    cursor = Cursor(integer(5))
    with pytest.raises(InvalidCMS, match="0x04 was due"):
        cursor.take(OCTET_STRING)
    assert cursor.optional(OCTET_STRING) is None
    assert cursor.take(INTEGER).content == b"\x05"
    with pytest.raises(InvalidCMS, match="too early"):
        cursor.take()
    with pytest.raises(InvalidCMS, match="holds no others"):
        whole(NULL).cursor()
    with pytest.raises(InvalidCMS, match="an integer has"):
        Cursor(element(INTEGER, bytes(200))).integer()
