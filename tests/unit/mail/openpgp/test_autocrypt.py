"""Autocrypt: what is offered is read, and what is doubtful offers nothing."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.mail import Message
from postseal.mail.openpgp import AutocryptOffer, Certificate, InvalidCertificate, read_autocrypt
from tests.parts.openpgp_people import ADA, certificate

ADDRESS = Address("ada", "example.com")


OFFERED = bytes(certificate(ADA))


def keydata() -> str:
    return b64encode(OFFERED).decode("ascii")


def offering(*values: str, author: str = "ada@example.com", more: str = "") -> bytes:
    fields = "".join(f"Autocrypt: {value}\r\n" for value in values)
    return f"From: {author}\r\n{fields}{more}\r\nHello".encode()


@pytest.mark.parametrize("wish", [True, False])
def test_an_offer_is_written_and_read(*, wish: bool) -> None:
    offer = AutocryptOffer(ADDRESS, certificate(ADA), wish)
    written = bytes(
        Message(from_=ADA, to="bob@example.org", text="Hello", headers=[offer.header()])
    )
    assert max(map(len, written.split(b"\r\n"))) <= 78
    found = read_autocrypt(written)
    assert found is not None
    assert (found.address, found.prefers_encryption) == (ADDRESS, wish)
    assert bytes(found.certificate) == bytes(certificate(ADA))


def test_a_long_certificate_is_not_offered() -> None:
    long = certificate(*(f"Ada <ada{number}@example.com>" for number in range(50)))
    assert isinstance(long, Certificate)
    with pytest.raises(InvalidCertificate, match="10 KiB"):
        AutocryptOffer(ADDRESS, long).header()


def test_attributes_that_may_be_ignored_are() -> None:
    value = f"addr=ada@EXAMPLE.com; _size=1; prefer-encrypt=maybe; keydata={keydata()}"
    found = read_autocrypt(offering(value))
    assert found is not None
    assert not found.prefers_encryption


@pytest.mark.parametrize(
    "value",
    [
        "",
        "addr=ada@example.com",
        "addr=ada@example.com; keydata=",
        "addr=ada@example.com; keydata=QUJD",
        "addr=ada@example.com; keydata=#",
        "addr=ada; keydata={}",
        "keydata={}",
        "addr=eve@example.com; keydata={}",
        "addr=ada@example.com; critical=1; keydata={}",
        "addr=eve@example.com; addr=ada@example.com; keydata={}",
    ],
)
def test_what_offers_nothing(value: str) -> None:
    assert read_autocrypt(offering(value.format(keydata()))) is None


def test_doubtful_messages_offer_nothing() -> None:
    value = f"addr=ada@example.com; keydata={keydata()}"
    assert read_autocrypt(offering(value)) is not None
    assert read_autocrypt(offering(value, value)) is None
    assert read_autocrypt(offering(value, author="ada@example.com, eve@example.com")) is None
    report = "Content-Type: multipart/report; boundary=b\r\n"
    assert read_autocrypt(offering(value, more=report)) is None
    assert read_autocrypt(offering(value, author="ada@stra\u00dfe.example")) is None


@given(st.text(max_size=80))
def test_whatever_else_a_field_holds_it_offers_the_certificate_or_nothing(value: str) -> None:
    value = value.replace("\r", " ").replace("\n", " ")
    assert read_autocrypt(offering(value)) is None
    found = read_autocrypt(offering(f"addr=ada@example.com; {value}; keydata={keydata()}"))
    assert found is None or (found.address == ADDRESS and bytes(found.certificate) == OFFERED)
