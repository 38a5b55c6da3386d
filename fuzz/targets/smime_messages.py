"""Any octets are CMS that is read, or refused as InvalidCMS and nothing else, and a message around
them is nobody's valid signature, and has content only if it was decrypted, else a reason.
"""

from __future__ import annotations

from binascii import b2a_base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from postseal.mail.smime import DecryptionStatus, Identity, decrypt, verify
from postseal.mail.smime.asn1 import InvalidCMS, to_der
from postseal.mail.smime.cms import content_type_of, read_encrypted, read_signed

__all__ = ["run"]

_NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
_ENCLOSED: Final = (
    b"From: ada@example.com\r\nContent-Type: application/pkcs7-mime\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n"
)
_CLEAR: Final = (
    b"From: ada@example.com\r\nContent-Type: multipart/signed; boundary=x\r\n\r\n"
    b"--x\r\n\r\nHello\r\n--x\r\nContent-Type: application/pkcs7-signature\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n"
)


def _identity() -> Identity:
    key = ec.derive_private_key(1, ec.SECP256R1())
    # The seeds name this certificate by its issuer and serial number.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ada")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_NOW - timedelta(days=1))
        .not_valid_after(_NOW + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.RFC822Name("eve@example.com")]), critical=False
        )
        .sign(key, SHA256(), ecdsa_deterministic=True)
    )
    return Identity(key, certificate)


_IDENTITY: Final = _identity()


def run(data: bytes) -> None:
    """Check the invariant."""
    with suppress(InvalidCMS):
        encoded = to_der(data)
        assert to_der(encoded) == encoded
    with suppress(InvalidCMS):
        _, structure = content_type_of(data)
        with suppress(InvalidCMS):
            read_signed(structure)
        for authenticated in (True, False):
            with suppress(InvalidCMS):
                read_encrypted(structure, authenticated=authenticated)
    encoded = b2a_base64(data, newline=False)
    for message in (_ENCLOSED + encoded, _CLEAR + encoded + b"\r\n--x--\r\n"):
        # Eve's certificate is trusted, and signs nothing for Ada.
        found = verify(message, [_IDENTITY.certificate], at=_NOW)
        assert not found.is_valid
        assert found.reason
        opened = decrypt(message, _IDENTITY, trust_anchors=[_IDENTITY.certificate], at=_NOW)
        if opened.status is DecryptionStatus.DECRYPTED:
            assert opened.signature is not None
            assert not opened.signature.is_valid
        else:
            assert opened.reason
            assert opened.content == b""
