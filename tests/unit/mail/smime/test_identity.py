from __future__ import annotations

import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    pkcs12,
)

from postseal.errors import InvalidInput
from postseal.mail.authentication.keys import InvalidKey
from postseal.mail.smime import Identity, load_certificates, sign, verify
from postseal.mail.smime.certificates import readable_certificates
from tests.parts.chains import issue, with_bits_for_a_name
from tests.parts.smime_people import (
    ADA,
    anchor,
    certificate_pem,
    issued,
    key_of,
    key_pem,
    letter,
    middle,
    person,
)


def test_a_key_and_its_chain_are_read_from_pem() -> None:
    ada = issued(ADA)
    pem = certificate_pem(ada) + certificate_pem(middle())
    found = Identity.from_pem(key_pem(ada), pem)
    assert found.chain == (middle().certificate,)
    assert verify(sign(letter(), found).content, [anchor()]).is_valid


def test_a_key_with_a_password_is_read() -> None:
    ada = issued(ADA)
    encrypted = ada.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame")
    )
    found = Identity.from_pem(encrypted, certificate_pem(ada), password=b"open sesame")
    assert found.certificate == ada.certificate
    for password in (None, b"wrong"):
        with pytest.raises(InvalidKey, match="cannot be read"):
            Identity.from_pem(encrypted, certificate_pem(ada), password=password)


def test_what_mail_programs_export_is_read() -> None:
    ada = issued(ADA, "RSA-2048")
    exported = pkcs12.serialize_key_and_certificates(
        b"ada",
        ada.key,
        ada.certificate,
        [middle().certificate],
        BestAvailableEncryption(b"open sesame"),
    )
    found = Identity.from_pkcs12(exported, password=b"open sesame")
    assert verify(sign(letter(), found).content, [anchor()]).is_valid
    for octets, password in ((exported, b"wrong"), (b"", None), (exported[:-9], b"open sesame")):
        with pytest.raises(InvalidKey, match="PKCS #12"):
            Identity.from_pkcs12(octets, password=password)
    alone = pkcs12.serialize_key_and_certificates(
        None, None, ada.certificate, None, BestAvailableEncryption(b"open sesame")
    )
    with pytest.raises(InvalidKey, match="lacks the private key"):
        Identity.from_pkcs12(alone, password=b"open sesame")


def test_a_key_of_another_certificate_is_refused() -> None:
    with pytest.raises(InvalidKey, match="not the one of the certificate"):
        Identity(key_of("P-256", "eve"), issued(ADA).certificate)


def test_a_short_key_is_refused() -> None:
    short = issued(ADA, "RSA-1024")
    with pytest.raises(InvalidKey, match="1024 bits"):
        Identity(short.key, short.certificate)


def test_a_small_curve_is_refused() -> None:
    small = issue("small", key=ec.generate_private_key(ec.SECP224R1()))
    with pytest.raises(InvalidKey, match="secp224r1 has less than 256 bits"):
        Identity(small.key, small.certificate)


def test_a_key_that_cannot_sign_is_refused() -> None:
    with pytest.raises(InvalidKey, match="X25519"):
        Identity(x25519.X25519PrivateKey.generate(), issued(ADA).certificate)  # type: ignore[arg-type]


def test_the_key_is_not_shown_and_does_not_pickle() -> None:
    ada = person(ADA)
    assert repr(ada) == "<Identity CN=ada@example.com>"
    with pytest.raises(TypeError, match="secret"):
        pickle.dumps(ada)


@pytest.mark.parametrize(
    "octets",
    [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
)
def test_what_is_no_certificate_is_refused(octets: bytes) -> None:
    with pytest.raises(InvalidInput, match="no certificate can be read"):
        load_certificates(octets)


def test_a_name_that_is_no_text_is_refused_or_left_out() -> None:
    # `cryptography` says so by a TypeError, and only when the name is looked at.
    strange = with_bits_for_a_name()
    with pytest.raises(InvalidInput, match="no certificate can be read"):
        load_certificates(strange)
    assert readable_certificates([strange, issued(ADA).der]) == (issued(ADA).certificate,)


def test_certificates_are_read_in_both_forms() -> None:
    pem = certificate_pem(issued(ADA)) + certificate_pem(middle())
    assert load_certificates(pem) == (issued(ADA).certificate, middle().certificate)
    assert load_certificates(issued(ADA).der) == (issued(ADA).certificate,)
