"""The channel binding `tls-server-end-point`, against the `cryptography` package's reading."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from postseal.tls.binding import server_end_point

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.com")])
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(key: object, algorithm: hashes.HashAlgorithm | None) -> bytes:
    builder = x509.CertificateBuilder(
        issuer_name=NAME,
        subject_name=NAME,
        public_key=key.public_key(),  # type: ignore[attr-defined]
        serial_number=1,
        not_valid_before=NOW,
        not_valid_after=NOW + timedelta(days=1),
    )
    signed = builder.sign(key, algorithm)  # type: ignore[arg-type]
    return signed.public_bytes(Encoding.DER)


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY], ids=["RSA", "ECDSA"])
@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_the_hash_is_that_of_the_signature(key: object, algorithm: hashes.HashAlgorithm) -> None:
    # RFC 5929 4.1
    der = certificate(key, algorithm)
    assert server_end_point(der) == hashlib.new(algorithm.name, der).digest()


def test_a_signature_without_a_hash_gives_no_binding() -> None:
    assert server_end_point(certificate(ed25519.Ed25519PrivateKey.generate(), None)) == b""


@given(st.binary(max_size=200))
def test_what_is_no_certificate_gives_no_binding(data: bytes) -> None:
    assert server_end_point(data) == b""


@given(st.integers(min_value=0, max_value=400))
def test_a_cut_certificate_gives_no_binding(length: int) -> None:
    assert server_end_point(CERTIFICATE[: min(length, len(CERTIFICATE) - 1)]) == b""


CERTIFICATE = certificate(EC_KEY, hashes.SHA256())
