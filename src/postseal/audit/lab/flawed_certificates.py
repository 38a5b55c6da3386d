"""Certificate chains with any fault, described by what differs from a good one."""

from __future__ import annotations

import datetime
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_DAY = datetime.timedelta(days=1)

USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
AUTHORITY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)


@dataclass(frozen=True, slots=True)
class _Signing:
    """How RSA signs with a digest: its name, the algorithm, and what precedes the digest."""

    digest: str
    algorithm: bytes
    prefix: bytes


@unique
class BrokenDigest(Enum):
    """Digests with which nobody should sign any more (RFC 8017 9.2 and A.2.4)."""

    SHA1 = _Signing(
        "sha1",
        bytes.fromhex("2a864886f70d010105"),
        bytes.fromhex("3021300906052b0e03021a05000414"),
    )
    MD5 = _Signing(
        "md5",
        bytes.fromhex("2a864886f70d010104"),
        bytes.fromhex("3020300c06082a864886f70d020505000410"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One certificate: a good one for mail.example.org, but for what is said."""

    subject: str | None = "mail.example.org"
    names: tuple[x509.GeneralName, ...] = (x509.DNSName("mail.example.org"),)
    raw_names: bytes | None = None
    names_critical: bool = False
    days: tuple[int, int] = (-1, 30)
    key: str = "P-256"
    digest: hashes.HashAlgorithm | None = field(default_factory=hashes.SHA256)
    constraints: tuple[bool, int | None] | None = (False, None)
    constraints_critical: bool = True
    usage: x509.KeyUsage | None = USAGE
    purposes: tuple[x509.ObjectIdentifier, ...] = SERVER
    subject_key_identifier: bool = True
    authority_key_identifier: bool = True
    others: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    patch: Mapping[bytes, bytes] = field(default_factory=dict)
    forged: bool = False
    broken: BrokenDigest | None = None


def authority(name: str, **differences: object) -> Spec:
    """Describe an authority."""
    good: dict[str, object] = {
        "subject": name,
        "names": (),
        "constraints": (True, None),
        "usage": AUTHORITY_USAGE,
        "purposes": (),
    }
    return Spec(**{**good, **differences})  # type: ignore[arg-type]


ROOT = authority("Root", days=(-10, 300))


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as it was issued, and the key it belongs to."""

    der: bytes
    subject: x509.Name
    key: Key

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        # Not by `cryptography`, which reads only what is well formed.
        return DER_cert_to_PEM_cert(self.der).encode("ascii")

    @property
    def key_pem(self) -> bytes:
        """The private key in PEM (PKCS #8), unencrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@functools.cache
def key_of(kind: str, owner: str) -> Key:
    """Give the key of an owner: always the same, because making one takes time."""
    match kind:
        case "P-256":
            return ec.generate_private_key(ec.SECP256R1())
        case "P-384":
            return ec.generate_private_key(ec.SECP384R1())
        case "Ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(65537, int(kind.removeprefix("RSA-")))


def issue(spec: Spec, issuer: Issued | None, *, owner: str | None = None) -> Issued:
    """Issue what the spec says; without an issuer it signs itself."""
    key = key_of(spec.key, owner or spec.subject or "")
    subject = _name(spec.subject)
    signer = issuer.key if issuer else key
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + spec.days[0] * _DAY)
        .not_valid_after(now + spec.days[1] * _DAY)
    )
    for extension, critical in _extensions(spec, key, signer):
        builder = builder.add_extension(extension, critical=critical)
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else spec.digest
    der = builder.sign(signer, digest).public_bytes(Encoding.DER)  # type: ignore[arg-type]
    if spec.patch:
        der = _patched(der, spec.patch, signer)
    if spec.broken is not None:
        der = _signed_with(spec.broken.value, der, signer)
    if spec.forged:
        der = der[:-1] + bytes([der[-1] ^ 1])
    return Issued(der, subject, key)


def _name(text: str | None) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def _extensions(spec: Spec, key: Key, signer: Key) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = []
    if spec.constraints is not None:
        ca, length = spec.constraints
        found.append((x509.BasicConstraints(ca, length), spec.constraints_critical))
    if spec.usage is not None:
        found.append((spec.usage, True))
    if spec.purposes:
        found.append((x509.ExtendedKeyUsage(spec.purposes), False))
    if spec.subject_key_identifier:
        found.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    if spec.authority_key_identifier:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        found.append((identifier, False))
    if spec.raw_names is not None:
        oid = x509.SubjectAlternativeName.oid
        found.append((x509.UnrecognizedExtension(oid, spec.raw_names), spec.names_critical))
    elif spec.names:
        found.append((x509.SubjectAlternativeName(spec.names), spec.names_critical))
    return [*found, *spec.others]


def _patched(der: bytes, patch: Mapping[bytes, bytes], signer: Key) -> bytes:
    """Change octets, as many as there were, in what is signed, and sign it anew."""
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("only what an elliptic curve signs can be patched")
    certificate = x509.load_der_x509_certificate(der)
    signed = certificate.tbs_certificate_bytes
    # ecdsa-with-SHA256, which stands behind what is signed as it stands inside.
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    for old, new in patch.items():
        if len(old) != len(new) or signed.count(old) != 1:
            raise ValueError("a patch replaces one place by as many octets")
        signed = signed.replace(old, new)
    signature = signer.sign(signed, ec.ECDSA(hashes.SHA256()))
    return _sequence(signed + algorithm + b"\x03" + _length(len(signature) + 1) + b"\0" + signature)


def _signed_with(how: _Signing, der: bytes, signer: Key) -> bytes:
    """Sign anew as nobody should: by hand, for the library refuses to."""
    if not isinstance(signer, rsa.RSAPrivateKey):
        raise TypeError("only RSA signs with broken digests here")
    # Of sha256WithRSAEncryption, which is as long.
    good = bytes.fromhex("2a864886f70d01010b")
    tbs = x509.load_der_x509_certificate(der).tbs_certificate_bytes
    signed = tbs.replace(good, how.algorithm)
    numbers = signer.private_numbers()
    size = signer.key_size // 8
    # RFC 8017 9.2: EMSA-PKCS1-v1_5.
    info = how.prefix + hashlib.new(how.digest, signed, usedforsecurity=False).digest()
    padded = b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info
    modulus = numbers.public_numbers.n
    signature = pow(int.from_bytes(padded, "big"), numbers.d, modulus).to_bytes(size, "big")
    algorithm = bytes.fromhex("300d0609") + how.algorithm + b"\5\0"
    return _sequence(signed + algorithm + b"\x03" + _length(size + 1) + b"\0" + signature)


def _sequence(content: bytes) -> bytes:
    return b"\x30" + _length(len(content)) + content


def _length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


@dataclass(frozen=True, slots=True)
class Chain:
    """A server's certificates, its own first, and what clients trust."""

    sent: tuple[Issued, ...]
    trusted: Issued

    def write(self, directory: Path) -> tuple[Path, Path, Path, Path]:
        """Write leaf, intermediates, key and trusted certificate to four PEM files."""
        paths = tuple(directory / name for name in ("leaf.pem", "more.pem", "key.pem", "root.pem"))
        contents = (
            self.sent[0].pem,
            b"".join(certificate.pem for certificate in self.sent[1:]),
            self.sent[0].key_pem,
            self.trusted.pem,
        )
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        leaf, more, key, root = paths
        return leaf, more, key, root
