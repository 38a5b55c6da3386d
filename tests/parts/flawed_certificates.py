"""Servers' certificates with one flaw each, and the flawless one beside them."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "localhost"
ADDRESSES = ("127.0.0.1", "::1")


@unique
class Flaw(StrEnum):
    """What is wrong with a certificate."""

    NONE = "none"
    OTHER_NAME = "other name"
    NAME_IN_SUBJECT_ALONE = "name in the subject alone"
    EXPIRED = "expired"
    SOON_EXPIRED = "soon expired"
    NOT_YET_VALID = "not yet valid"
    SELF_SIGNED = "self-signed"
    UNKNOWN_AUTHORITY = "unknown authority"
    WRONG_PURPOSE = "wrong purpose"
    WEAK_KEY = "weak key"
    ISSUED_BY_A_SERVER = "issued by a server"


_DAY = datetime.timedelta(days=1)


@dataclass(slots=True)
class Certificates:
    """One authority, and what it issues; the files go to `directory`."""

    directory: Path
    authority: trustme.CA = field(
        default_factory=lambda: trustme.CA(key_type=trustme.KeyType.ECDSA)
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ca_file(self) -> Path:
        """The authority's certificate, for clients to trust."""
        path = self.directory / "authority.pem"
        if not path.exists():
            self.authority.cert_pem.write_to_path(path)
        return path

    def context(self, flaw: Flaw = Flaw.NONE) -> ssl.SSLContext:
        """A context for servers, whose certificate has the flaw; it allows all that OpenSSL can."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if flaw is Flaw.WEAK_KEY:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(self.chain_file(flaw))
        return context

    def chain_file(self, flaw: Flaw = Flaw.NONE) -> Path:
        """A file with key and chain."""
        path = self.directory / f"{flaw.name.lower()}.pem"
        # Servers of a test ask from threads of their own.
        with self._lock:
            if not path.exists():
                path.write_bytes(self._issue(flaw))
        return path

    def _issue(self, flaw: Flaw) -> bytes:
        if flaw is Flaw.UNKNOWN_AUTHORITY:
            other = trustme.CA(key_type=trustme.KeyType.ECDSA)
            return other.issue_cert(HOST, *ADDRESSES).private_key_and_cert_chain_pem.bytes()
        now = datetime.datetime.now(datetime.UTC)
        begin, end = _VALIDITY.get(flaw, (-_DAY, _DAY))
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = ec.generate_private_key(
            ec.SECP256R1()
        )
        if flaw is Flaw.WEAK_KEY:
            key = rsa.generate_private_key(65537, 1024)
        issuer_certificate = x509.load_pem_x509_certificate(self.authority.cert_pem.bytes())
        issuer_key = load_pem_private_key(self.authority.private_key_pem.bytes(), None)
        chain = b""
        if flaw is Flaw.ISSUED_BY_A_SERVER:
            # Who has any certificate of the authority must not be able to issue others.
            server = self.authority.issue_cert(HOST)
            issuer_certificate = x509.load_pem_x509_certificate(server.cert_chain_pems[0].bytes())
            issuer_key = load_pem_private_key(server.private_key_pem.bytes(), None)
            chain = server.cert_chain_pems[0].bytes()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
        issuer = issuer_certificate.subject
        if flaw is Flaw.SELF_SIGNED:
            issuer, issuer_key = subject, key
        assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
        purpose = ExtendedKeyUsageOID.SERVER_AUTH
        if flaw is Flaw.WRONG_PURPOSE:
            purpose = ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begin)
            .not_valid_after(now + end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
                critical=False,
            )
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if flaw is not Flaw.NAME_IN_SUBJECT_ALONE:
            name = "other.example" if flaw is Flaw.OTHER_NAME else HOST
            names = [x509.DNSName(name)]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(issuer_key, hashes.SHA256())
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key_pem + certificate.public_bytes(Encoding.PEM) + chain


_VALIDITY: Mapping[Flaw, tuple[datetime.timedelta, datetime.timedelta]] = {
    Flaw.EXPIRED: (-2 * _DAY, -_DAY),
    Flaw.SOON_EXPIRED: (-_DAY, datetime.timedelta(minutes=1)),
    Flaw.NOT_YET_VALID: (_DAY, 2 * _DAY),
}
