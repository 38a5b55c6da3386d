"""SignedData, made: what is signed, and what is said of it under the signature (RFC 5652 5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from postseal.mail.smime import asn1
from postseal.mail.smime.algorithms import (
    AlgorithmIdentifier,
    ContentCipher,
    Hash,
)
from postseal.mail.smime.certificates import issuer_and_serial
from postseal.mail.smime.cms import DATA, SIGNED_DATA

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from postseal.mail.smime.identity import Identity

__all__ = [
    "CONTENT_TYPE",
    "MESSAGE_DIGEST",
    "SIGNING_CERTIFICATE",
    "SIGNING_TIME",
    "certificate_der",
    "content_info",
    "signed_data",
]

CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE: Final = "1.2.840.113549.1.9.16.2.47"
_CAPABILITIES: Final = "1.2.840.113549.1.9.15"


def signed_data(content: bytes, identity: Identity, *, at: datetime, enclose: bool) -> bytes:
    """Sign content; give ContentInfo with SignedData in DER, the content inside or not.

    Signed are the content, its type, the time, the signer's certificate (RFC 5035 4), and the
    ciphers that the signer can read, the best first (RFC 8551 2.5.2).
    """
    hashing = identity.signature_hash
    attributes = [
        _attribute(CONTENT_TYPE, asn1.oid(DATA)),
        _attribute(SIGNING_TIME, _time(at)),
        _attribute(MESSAGE_DIGEST, asn1.element(asn1.OCTET_STRING, hashing.digest(content))),
        _attribute(_CAPABILITIES, _capabilities()),
        _attribute(SIGNING_CERTIFICATE, _certificate_identifier(identity.certificate)),
    ]
    algorithm, signature = identity.sign(asn1.set_of(*attributes))
    signer = asn1.sequence(
        asn1.integer(1),
        issuer_and_serial(identity.certificate),
        hashing.identifier.encoded,
        # RFC 5652 5.3: signed as a SET OF, sent under a tag of its own.
        asn1.element(asn1.context(0), *sorted(attributes)),
        algorithm.encoded,
        asn1.element(asn1.OCTET_STRING, signature),
    )
    enclosed = (
        asn1.element(asn1.context(0), asn1.element(asn1.OCTET_STRING, content)) if enclose else b""
    )
    certificates = map(certificate_der, (identity.certificate, *identity.chain))
    structure = asn1.sequence(
        asn1.integer(1),
        asn1.set_of(hashing.identifier.encoded),
        asn1.sequence(asn1.oid(DATA), enclosed),
        asn1.element(asn1.context(0), *sorted(certificates)),
        asn1.set_of(signer),
    )
    return content_info(SIGNED_DATA, structure)


def content_info(content_type: str, structure: bytes) -> bytes:
    """Put a structure into ContentInfo (RFC 5652 3)."""
    return asn1.sequence(asn1.oid(content_type), asn1.element(asn1.context(0), structure))


def certificate_der(certificate: Certificate) -> bytes:
    """Write a certificate in DER."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _attribute(name: str, value: bytes) -> bytes:
    return asn1.sequence(asn1.oid(name), asn1.set_of(value))


def _time(at: datetime) -> bytes:
    moment = at.astimezone(UTC)
    # RFC 5652 11.3: UTCTime to the end of 2049.
    if 1950 <= moment.year < 2050:
        return asn1.element(asn1.UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return asn1.element(asn1.GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


def _capabilities() -> bytes:
    return asn1.sequence(*(AlgorithmIdentifier(cipher.value).encoded for cipher in ContentCipher))


def _certificate_identifier(certificate: Certificate) -> bytes:
    # ESSCertIDv2 without its hash algorithm, which is SHA-256 by default.
    digest = Hash.SHA256.digest(certificate_der(certificate))
    return asn1.sequence(asn1.sequence(asn1.sequence(asn1.element(asn1.OCTET_STRING, digest))))
