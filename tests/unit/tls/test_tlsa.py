from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import InvalidInput
from postseal.tls.tlsa import TLSA, MatchingType, Selector, Usage, tlsa_name
from tests.parts.chains import issue

ISSUED = issue("mx.example.com", "mx.example.com")
SELECTED = {Selector.CERT: ISSUED.der, Selector.SPKI: ISSUED.public_key_der}
WRITTEN: dict[MatchingType, Callable[[bytes], bytes]] = {
    MatchingType.FULL: bytes,
    MatchingType.SHA2_256: lambda part: hashlib.sha256(part).digest(),
    MatchingType.SHA2_512: lambda part: hashlib.sha512(part).digest(),
}
ALL = [(u, s, m) for u in Usage for s in Selector for m in MatchingType]


@pytest.mark.parametrize(("usage", "selector", "matching_type"), ALL)
def test_a_record_matches_the_certificate_that_it_was_made_of(
    usage: Usage, selector: Selector, matching_type: MatchingType
) -> None:
    record = TLSA.of(ISSUED.der, usage=usage, selector=selector, matching_type=matching_type)
    assert record.data == WRITTEN[matching_type](SELECTED[selector])
    assert record.matches(ISSUED.der)
    assert not record.matches(issue("mx.example.com", "mx.example.com").der)
    # RFC 7672 3.1.3: SMTP has no use for the PKIX usages.
    assert record.is_usable is (usage in {Usage.DANE_TA, Usage.DANE_EE})


def test_a_renewed_certificate_with_the_same_key_matches_by_its_key_alone() -> None:
    renewed = issue("mx.example.com", "mx.example.com", key=ISSUED.key)
    assert TLSA.of(ISSUED.der, selector=Selector.SPKI).matches(renewed.der)
    assert not TLSA.of(ISSUED.der, selector=Selector.CERT).matches(renewed.der)


@pytest.mark.parametrize(
    "record",
    [
        TLSA(3, 1, 1, bytes(31)),
        TLSA(3, 1, 1, bytes(33)),
        TLSA(3, 1, 2, bytes(32)),
        TLSA(3, 1, 1, b""),
        TLSA(3, 1, 3, bytes(32)),
        TLSA(3, 1, 255, bytes(32)),
        TLSA(3, 2, 1, bytes(32)),
        TLSA(4, 1, 1, bytes(32)),
        TLSA(255, 255, 255, bytes(32)),
        TLSA(3, 0, 0, b"\x30\x03\x02\x01"),
        TLSA(3, 0, 0, b"\x30\x03\x02\x01\x00"),
        TLSA(3, 0, 0, ISSUED.der + b"\x00"),
        TLSA(3, 1, 0, ISSUED.public_key_der + b"\x00"),
        TLSA(3, 1, 0, ISSUED.public_key_der[:-1]),
        TLSA(3, 1, 0, b""),
    ],
)
def test_a_record_of_another_form_than_it_promises_is_unusable(record: TLSA) -> None:
    assert not record.is_usable
    assert not record.matches(ISSUED.der)


@pytest.mark.parametrize("rdata", [b"", b"\x03", b"\x03\x01", b"\x03\x01\x01"])
def test_a_record_that_ends_early_is_refused(rdata: bytes) -> None:
    with pytest.raises(InvalidInput, match="certificate association data"):
        TLSA.from_wire(rdata)


@given(st.binary(min_size=4, max_size=200))
def test_whatever_stands_in_the_dns_is_read_as_it_stands(rdata: bytes) -> None:
    record = TLSA.from_wire(rdata)
    numbers = bytes([record.usage, record.selector, record.matching_type])
    assert numbers + record.data == rdata
    assert record.is_usable in (True, False)
    assert not record.matches(ISSUED.der)
    assert str(record).isprintable()


@given(st.binary(max_size=300))
def test_what_is_no_certificate_matches_nothing_and_makes_no_record(data: bytes) -> None:
    assert not TLSA.of(ISSUED.der).matches(data)
    with pytest.raises(InvalidInput):
        TLSA.of(data)


@given(st.integers(0, len(ISSUED.der) - 1), st.integers(1, 255))
def test_a_certificate_changed_anywhere_does_not_match(position: int, difference: int) -> None:
    changed = bytearray(ISSUED.der)
    changed[position] ^= difference
    assert not TLSA.of(ISSUED.der, selector=Selector.CERT).matches(bytes(changed))


def test_the_name_of_the_records_holds_port_and_protocol() -> None:
    assert tlsa_name("mx.example.com", port=25) == "_25._tcp.mx.example.com"


def test_a_record_is_shown_as_a_zone_file_has_it_but_short() -> None:
    assert str(TLSA(3, 1, 1, bytes(32))) == "3 1 1 0000000000000000..."
    assert str(TLSA(2, 0, 9, b"\xab")) == "2 0 9 ab"
