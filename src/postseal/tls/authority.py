"""A certificate authority of one's own, for the machine that has no certificate yet.

It issues what its clients verify like any other certificate, so that a first run needs no
exception: TLS 1.3, the right name, an authority to trust. The certificates follow RFC 5280 to
the letter that OpenSSL's X509_STRICT asks for. Nothing here touches a file.
"""

from __future__ import annotations

import datetime
import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from postseal.errors import InvalidInput
from postseal.tls.readable import UNREADABLE, check_readable

__all__ = [
    "Clock",
    "IssuedCertificate",
    "LocalAuthority",
    "is_authority",
    "is_for_clients",
    "names_of",
    "needs_renewal",
]

Clock = Callable[[], float]
"""Gives the time in seconds since the epoch, as `time.time` does."""

_AUTHORITY_LIFETIME = datetime.timedelta(days=3652)
_LIFETIME = datetime.timedelta(days=90)
# A client's clock may be behind.
_BACKDATED = datetime.timedelta(hours=1)
_MAX_COMMON_NAME = 64  # RFC 5280 appendix A.1: ub-common-name


@dataclass(frozen=True, slots=True, repr=False)
class IssuedCertificate:
    """A certificate of a server or a client and its private key, both as PEM.

    `chain_pem` holds the certificate and then the authority's own, as TLS sends them.
    """

    certificate: x509.Certificate
    chain_pem: bytes
    key_pem: bytes


class LocalAuthority:
    """An authority with an EC P-256 key that issues certificates for servers and for clients.

    Its own certificate allows no authority below it. Make one with `create`, or read one that
    was kept with `from_pem`.
    """

    __slots__ = ("_certificate", "_key", "_key_identifier")

    def __init__(self, *, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key
        # RFC 5280 4.2.1.2: every authority's certificate has one.
        self._key_identifier = certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value

    @classmethod
    def create(
        cls,
        *,
        name: str = "Postseal local authority",
        clock: Clock = time.time,
        key_pem: bytes | None = None,
    ) -> Self:
        """Make an authority that is valid for ten years.

        With `key_pem` it has that key instead of a new one; who trusts an earlier certificate of
        the same name and key trusts what the new one issues. Raises `InvalidInput` for a name of
        no or more than 64 characters, and for a key that cannot be read.
        """
        if not 0 < len(name) <= _MAX_COMMON_NAME:
            raise InvalidInput(
                f"the name of an authority has 1 to {_MAX_COMMON_NAME} characters, not {len(name)}"
            )
        key = ec.generate_private_key(ec.SECP256R1()) if key_pem is None else _read_key(key_pem)
        now = _moment(clock)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + _AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(for_authority=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        return cls(certificate=certificate, key=key)

    @classmethod
    def from_pem(cls, *, certificate_pem: bytes, key_pem: bytes) -> Self:
        """Read an authority that `certificate_pem` and `key_pem` gave.

        Raises `InvalidInput` for what is not PEM, is no authority, or does not belong together.
        """
        key = _read_key(key_pem)
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem)
            check_readable(certificate)
            authority = cls(certificate=certificate, key=key)
        except (*UNREADABLE, x509.ExtensionNotFound):
            raise InvalidInput("the authority's certificate cannot be read") from None
        if not is_authority(certificate):
            raise InvalidInput("the certificate is not that of an authority")
        if certificate.public_key() != key.public_key():
            raise InvalidInput("the authority's certificate and key do not belong together")
        return authority

    @property
    def certificate(self) -> x509.Certificate:
        """The authority's own certificate, which clients trust."""
        return self._certificate

    @property
    def name(self) -> str:
        """What the authority is called: its common name, or its whole name where it has none."""
        subject = self._certificate.subject
        common_names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(common_names[0].value) if common_names else subject.rfc4514_string()

    @property
    def certificate_pem(self) -> bytes:
        """The authority's own certificate as PEM; give it to clients."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key as PEM (PKCS #8), not encrypted; keep it where nobody else reads."""
        return _write_key(self._key)

    def issue_server(
        self, names: Sequence[str], *, clock: Clock = time.time, key_pem: bytes | None = None
    ) -> IssuedCertificate:
        """Issue a certificate for a TLS server, valid for 90 days.

        `names` are DNS names in A-labels and IP addresses; the first is the subject's. The key is
        a new one, or that of `key_pem`. It never outlives the authority. Raises `InvalidInput` for
        no names, for one that cannot be in a certificate, for a key that cannot be read, and when
        the authority itself has expired.
        """
        if not names:
            raise InvalidInput("a server's certificate needs a name")
        return self._issue(
            names[0],
            [_general_name(name) for name in names],
            purpose=ExtendedKeyUsageOID.SERVER_AUTH,
            clock=clock,
            key_pem=key_pem,
        )

    def issue_client(
        self, name: str, *, clock: Clock = time.time, key_pem: bytes | None = None
    ) -> IssuedCertificate:
        """Issue a certificate for a TLS client, valid for 90 days and of no use to a server.

        `name` is the subject's; a mail address also becomes an rfc822Name (RFC 5280 4.2.1.6).
        Otherwise like `issue_server`.
        """
        if not 0 < len(name) <= _MAX_COMMON_NAME or not name.isprintable():
            raise InvalidInput(
                f"the name of a client has 1 to {_MAX_COMMON_NAME} printable characters"
            )
        is_address = "@" in name and name.isascii()
        return self._issue(
            name,
            [x509.RFC822Name(name)] if is_address else [],
            purpose=ExtendedKeyUsageOID.CLIENT_AUTH,
            clock=clock,
            key_pem=key_pem,
        )

    def reissue(
        self, issued: x509.Certificate, *, key_pem: bytes, clock: Clock = time.time
    ) -> IssuedCertificate:
        """Issue a certificate again, for the same names, purpose and key, with a new life.

        Because the key stays, pins and TLSA records of it stay true. Raises `InvalidInput` for a
        certificate of another authority, or one that is not of this key.
        """
        key = _read_key(key_pem)
        if not self.has_issued(issued):
            raise InvalidInput("the certificate was issued by another authority")
        if issued.public_key() != key.public_key():
            raise InvalidInput("the certificate and the key do not belong together")
        if is_for_clients(issued):
            common = issued.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            name = str(common[0].value) if common else ""
            return self.issue_client(name, clock=clock, key_pem=key_pem)
        return self.issue_server(names_of(issued), clock=clock, key_pem=key_pem)

    def _issue(
        self,
        name: str,
        alternatives: Sequence[x509.GeneralName],
        *,
        purpose: x509.ObjectIdentifier,
        clock: Clock,
        key_pem: bytes | None,
    ) -> IssuedCertificate:
        now = _moment(clock)
        not_after = min(now + _LIFETIME, self._certificate.not_valid_after_utc)
        if not_after <= now:
            raise InvalidInput(
                f"the authority expired on {self._certificate.not_valid_after_utc:%Y-%m-%d}"
            )
        fits = len(name) <= _MAX_COMMON_NAME
        common = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if fits else []
        key = ec.generate_private_key(ec.SECP256R1()) if key_pem is None else _read_key(key_pem)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(common))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - _BACKDATED, self._certificate.not_valid_before_utc))
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(for_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                    self._key_identifier
                ),
                critical=False,
            )
        )
        if alternatives:
            # RFC 5280 4.2.1.6: without a subject, the subject alternative name must be critical.
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternatives), critical=not fits
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        return IssuedCertificate(
            certificate=certificate,
            chain_pem=certificate.public_bytes(serialization.Encoding.PEM) + self.certificate_pem,
            key_pem=_write_key(key),
        )

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Tell whether this authority's key signed `certificate`."""
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


def needs_renewal(certificate: x509.Certificate, now: float) -> bool:
    """Tell whether a third or less of the certificate's life is left at `now` (epoch seconds)."""
    begin = certificate.not_valid_before_utc.timestamp()
    end = certificate.not_valid_after_utc.timestamp()
    return now < begin or end - now <= (end - begin) / 3


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate may issue others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (*UNREADABLE, x509.ExtensionNotFound):
        return False


def is_for_clients(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate is one that `issue_client` makes."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (*UNREADABLE, x509.ExtensionNotFound):
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Give the DNS names, IP and mail addresses of a certificate, in the order they have there."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (*UNREADABLE, x509.ExtensionNotFound):
        return ()
    kinds = (x509.DNSName, x509.IPAddress, x509.RFC822Name)
    return tuple(str(name.value) for name in names if isinstance(name, kinds))


def _moment(clock: Clock) -> datetime.datetime:
    # RFC 5280 4.1.2.5.2: times have no fractions of a second.
    return datetime.datetime.fromtimestamp(int(clock()), tz=datetime.UTC)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError:
        raise InvalidInput(f"{name!a} cannot be a name in a certificate: write A-labels") from None


def _key_usage(*, for_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not for_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=for_authority,
        crl_sign=for_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise InvalidInput("the authority's key cannot be read") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidInput("the authority's key is not one for elliptic curves")
    return key


def _write_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
