"""What certificates say: compared with another reader, and every way to be none."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from postseal.audit.lab.flawed_certificates import Spec, issue
from postseal.errors import CertificateReason, CertificateRejected
from postseal.tls.certificates import PresentedNames, read_certificate
from tests.parts.certificate_case import Case
from tests.parts.certificate_cases import CASES


def rejected(der: bytes) -> CertificateRejected:
    with pytest.raises(CertificateRejected) as caught:
        read_certificate(der)
    assert caught.value.reason is CertificateReason.MALFORMED
    assert caught.value.chain == (der,)
    return caught.value


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in CASES
        if case.expected is not CertificateReason.MALFORMED and "NUL" not in case.title
    ],
    ids=lambda case: case.title,
)
def test_both_readers_agree(case: Case) -> None:
    for issued in case.make().sent:
        content = read_certificate(issued.der)
        other = x509.load_der_x509_certificate(issued.der)
        assert content.public_key_info == other.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        try:
            names = other.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            assert content.names == PresentedNames()
        else:
            assert list(content.names.dns) == names.get_values_for_type(x509.DNSName)
            assert list(content.names.addresses) == names.get_values_for_type(x509.IPAddress)


def test_an_extension_twice_is_named() -> None:
    (case,) = (case for case in CASES if case.title == "an extension twice")
    error = rejected(case.make().sent[0].der)
    assert "the extension 1.3.6.1.4.1.32473.1 twice" in error.text


@pytest.mark.parametrize("name", ["a\0b.example", "a\r\nb.example", "a\x7f", "\x1b[2J"])
def test_names_with_controls_are_refused_and_shown_harmless(name: str) -> None:
    error = rejected(issue(Spec(names=(x509.DNSName(name),)), None).der)
    assert str(error).isprintable()
    assert "which no host can have" in error.text


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("3080", "a length that is not distinguished encoding"),
        ("3003 8202 61", "an element is cut"),
        ("0400", "the tag 0x04 and is no SEQUENCE"),
        ("", "one element was due"),
        ("3000 3000", "one element was due"),
    ],
)
def test_names_that_are_no_DER(raw: str, reason: str) -> None:
    error = rejected(issue(Spec(raw_names=bytes.fromhex(raw)), None).der)
    assert reason in error.text


def test_every_cut_certificate_is_refused() -> None:
    der = issue(Spec(), None).der
    assert read_certificate(der).public_key_info in der
    for length in range(len(der)):
        assert "the certificate cannot be read" in rejected(der[:length]).text


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_octet_gives_a_certificate_or_the_error(at: int, octet: int) -> None:
    der = bytearray(issue(Spec(), None).der)
    der[at % len(der)] = octet
    try:
        content = read_certificate(bytes(der))
    except CertificateRejected:
        assert str(rejected(bytes(der))).isprintable()
    else:
        assert content.public_key_info in bytes(der)
