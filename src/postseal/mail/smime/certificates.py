"""Certificates of people: read, named as CMS names them, and looked at for what they are good for.

The rules are those of RFC 8550 4.4 and RFC 5280 4.2: an extension that is absent limits nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from enum import Enum, unique
from typing import TYPE_CHECKING, Final

from postseal.address import Address
from postseal.errors import InvalidAddress, InvalidInput
from postseal.mail.authentication.keys import missing_cryptography
from postseal.mail.smime.asn1 import SEQUENCE, context, integer, sequence, whole
from postseal.mail.smime.cms import CertificateName, IssuerAndSerial

if TYPE_CHECKING:
    from cryptography.x509 import (
        Certificate,
        ExtendedKeyUsage,
        GeneralName,
        KeyUsage,
        SubjectAlternativeName,
    )

__all__ = [
    "LEAST_RSA_BITS",
    "Purpose",
    "addresses_of",
    "fault_of_key",
    "fault_of_purpose",
    "fault_of_time",
    "is_for_mail",
    "is_named_by",
    "issuer_and_serial",
    "load_certificates",
    "readable_certificates",
]

LEAST_RSA_BITS: Final = 2048
"""Shorter keys are refused everywhere (RFC 8551 2.2 and 2.3 want no less)."""

_MAX_RSA_BITS: Final = 8192
_LEAST_CURVE_BITS: Final = 256
_SMTP_UTF8_MAILBOX: Final = "1.3.6.1.5.5.7.8.9"


@unique
class Purpose(Enum):
    """What a certificate is to be used for."""

    SIGNING = "signing"
    ENCRYPTING = "encrypting"


def load_certificates(octets: bytes) -> tuple[Certificate, ...]:
    """Read certificates: one in DER, or any number in PEM.

    Raises `InvalidInput` for anything else, and `MissingExtra` without the package `cryptography`.
    """
    try:
        from cryptography import x509
    except ModuleNotFoundError as error:
        raise missing_cryptography(error) from None
    try:
        if b"-----BEGIN" in octets:
            found = x509.load_pem_x509_certificates(octets)
        else:
            found = [x509.load_der_x509_certificate(octets)]
        for certificate in found:
            _check_readable(certificate)
    except _errors() as error:
        raise InvalidInput(
            f"no certificate can be read: {error}", hint="It has to be X.509 in PEM or DER."
        ) from None
    return tuple(found)


def readable_certificates(encoded: Iterable[bytes]) -> tuple[Certificate, ...]:
    """Read certificates that a stranger sent; those that cannot be read in full are left out."""
    from cryptography.x509 import load_der_x509_certificate

    found: list[Certificate] = []
    for octets in encoded:
        with suppress(*_errors()):
            certificate = load_der_x509_certificate(octets)
            _check_readable(certificate)
            found.append(certificate)
    return tuple(found)


def _check_readable(certificate: Certificate) -> None:
    # Both are read when they are looked at, and what is looked at later raises no more.
    certificate.public_key()
    addresses_of(certificate)
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    _ = certificate.subject, certificate.issuer


def _errors() -> tuple[type[Exception], ...]:
    """What `cryptography` raises for certificates that break the rules."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    return (
        # Of a name with a BIT STRING in it.
        TypeError,
        ValueError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    )


def issuer_and_serial(certificate: Certificate) -> bytes:
    """Name a certificate in DER, its issuer octet by octet as it stands there."""
    return sequence(_issuer(certificate), integer(certificate.serial_number))


def is_named_by(certificate: Certificate, name: CertificateName) -> bool:
    """Tell whether a structure means this certificate."""
    if isinstance(name, IssuerAndSerial):
        return certificate.serial_number == name.serial and _issuer(certificate) == name.issuer
    return _key_identifier(certificate) == name.octets


def _issuer(certificate: Certificate) -> bytes:
    cursor = whole(certificate.tbs_certificate_bytes).cursor()
    cursor.optional(context(0))
    cursor.integer()
    cursor.take(SEQUENCE)
    return cursor.take(SEQUENCE).encoded


def _key_identifier(certificate: Certificate) -> bytes | None:
    from cryptography.x509 import ExtensionNotFound, SubjectKeyIdentifier

    try:
        found = certificate.extensions.get_extension_for_class(SubjectKeyIdentifier)
    except (ExtensionNotFound, ValueError):
        return None
    return found.value.digest


def addresses_of(certificate: Certificate) -> tuple[Address, ...]:
    """Give the mail addresses that a certificate names: rfc822Name and SmtpUTF8Mailbox (RFC 9598).

    An address in the subject's name does not count: constraints on its issuer do not reach it.
    Raises `ValueError` for extensions that cannot be read.
    """
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(_readable(_address_texts(names)))


def _address_texts(names: SubjectAlternativeName) -> Iterable[str]:
    from cryptography.x509 import OtherName, RFC822Name

    general: GeneralName
    for general in names:
        if isinstance(general, RFC822Name):
            yield general.value
        elif isinstance(general, OtherName) and general.type_id.dotted_string == _SMTP_UTF8_MAILBOX:
            yield whole(general.value).content.decode("utf-8")


def _readable(texts: Iterable[str]) -> Iterable[Address]:
    for text in texts:
        try:
            yield Address.parse(text)
        except InvalidAddress:
            continue


def fault_of_time(certificate: Certificate, at: datetime) -> str | None:
    """Say why a certificate is not valid at a moment."""
    if at < certificate.not_valid_before_utc:
        return f"the certificate is not valid before {certificate.not_valid_before_utc}"
    if at > certificate.not_valid_after_utc:
        return f"the certificate expired at {certificate.not_valid_after_utc}"
    return None


def fault_of_key(certificate: Certificate) -> str | None:
    """Say why the key of a certificate protects nobody. Raises `ValueError` for an unknown key."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    key = certificate.public_key()
    if isinstance(key, EllipticCurvePublicKey) and key.key_size < _LEAST_CURVE_BITS:
        return f"the curve {key.curve.name} has less than {_LEAST_CURVE_BITS} bits"
    if isinstance(key, RSAPublicKey) and not LEAST_RSA_BITS <= key.key_size <= _MAX_RSA_BITS:
        return (
            f"the RSA key has {key.key_size} bits, "
            f"and {LEAST_RSA_BITS} to {_MAX_RSA_BITS} are accepted"
        )
    return None


def fault_of_purpose(certificate: Certificate, purpose: Purpose) -> str | None:
    """Say why a certificate is not made for mail. Raises `ValueError` as `addresses_of` does."""
    from cryptography import x509

    extensions = certificate.extensions
    try:
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        purposes = None
    if purposes is not None and not is_for_mail(purposes):
        return "the certificate is not for mail: its extended key usage lacks emailProtection"
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    if _permits(certificate, usage, purpose):
        return None
    return f"the certificate is not for {purpose.value}: its key usage says otherwise"


def is_for_mail(purposes: ExtendedKeyUsage) -> bool:
    """Tell whether the purposes of a certificate allow mail (RFC 8550 4.4.4)."""
    from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

    return not {Usage.EMAIL_PROTECTION, Usage.ANY_EXTENDED_KEY_USAGE}.isdisjoint(purposes)


def _permits(certificate: Certificate, usage: KeyUsage, purpose: Purpose) -> bool:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if purpose is Purpose.SIGNING:
        return usage.digital_signature or usage.content_commitment
    if isinstance(certificate.public_key(), RSAPublicKey):
        return usage.key_encipherment
    return usage.key_agreement
