"""Certificate chains made to measure, in DER: an authority, what it issues, and what is wrong."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

Key: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

NOW: Final = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)
"""The moment around which certificates are valid unless a test says otherwise."""

_DAY: Final = datetime.timedelta(days=1)
VALID: Final = (NOW - _DAY, NOW + _DAY)
EXPIRED: Final = (NOW - 2 * _DAY, NOW - _DAY)
NOT_YET_VALID: Final = (NOW + _DAY, NOW + 2 * _DAY)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def public_key_der(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> bytes:
        """Key and certificate, as a server's file has them."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.certificate.public_bytes(Encoding.PEM)


def issue(
    subject: str,
    *names: str,
    issuer: Issued | None = None,
    key: Key | None = None,
    authority: bool | None = None,
    path_length: int | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    dates: tuple[datetime.datetime, datetime.datetime] = VALID,
    claims_issuer: str | None = None,
) -> Issued:
    """Issue a certificate for `names` (DNS-IDs); without an issuer it is self-signed.

    `authority` is the cA of basic constraints, None for none at all. `claims_issuer` is a name
    that the certificate gives for its issuer in place of the true one.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    signer = issuer.key if issuer else key
    issuer_name = issuer.certificate.subject if issuer else _name(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(claims_issuer) if claims_issuer else issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dates[0])
        .not_valid_after(dates[1])
    )
    if authority is not None:
        constraints = x509.BasicConstraints(ca=authority, path_length=path_length)
        builder = builder.add_extension(constraints, critical=True)
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Issued(builder.sign(signer, digest), key)


def with_bits_for_a_name(*names: str) -> bytes:
    """A certificate, in DER, whose subject is called by a BIT STRING, which is no text."""
    der = issue("\0bits", *names).der
    assert b"\x0c\x05\0bits" in der
    return der.replace(b"\x0c\x05\0bits", b"\x03\x05\0bits")


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
