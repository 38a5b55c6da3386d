"""The structures of the Cryptographic Message Syntax, read into values (RFC 5652, RFC 5083)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from postseal.mail.smime.algorithms import AlgorithmIdentifier
from postseal.mail.smime.asn1 import (
    BIT_STRING,
    OCTET_STRING,
    SEQUENCE,
    SET,
    Cursor,
    Element,
    InvalidCMS,
    context,
    element,
    octets_of,
    set_of,
    to_der,
    whole,
)

__all__ = [
    "AUTH_ENVELOPED_DATA",
    "DATA",
    "ENVELOPED_DATA",
    "SIGNED_DATA",
    "CertificateName",
    "EncryptedContent",
    "IssuerAndSerial",
    "KeyAgreement",
    "KeyIdentifier",
    "KeyTransport",
    "SignedAttributes",
    "SignedContent",
    "SignerInfo",
    "content_type_of",
    "read_encrypted",
    "read_signed",
]

DATA: Final = "1.2.840.113549.1.7.1"
SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
ENVELOPED_DATA: Final = "1.2.840.113549.1.7.3"
AUTH_ENVELOPED_DATA: Final = "1.2.840.113549.1.9.16.1.23"

_MAX_CERTIFICATES: Final = 32
_MAX_SIGNERS: Final = 8
_MAX_RECIPIENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class IssuerAndSerial:
    """A certificate by its issuer's name in DER and its serial number (RFC 5652 10.2.4)."""

    issuer: bytes
    serial: int

    @classmethod
    def read(cls, found: Element) -> IssuerAndSerial:
        """Read it. Raises `InvalidCMS`."""
        cursor = found.cursor()
        return cls(cursor.take(SEQUENCE).encoded, cursor.integer())


@dataclass(frozen=True, slots=True)
class KeyIdentifier:
    """A certificate by its subject key identifier (RFC 5280 4.2.1.2)."""

    octets: bytes


CertificateName: TypeAlias = IssuerAndSerial | KeyIdentifier


@dataclass(frozen=True, slots=True)
class SignedAttributes:
    """What is signed beside the content: the octets of the values, by attribute (RFC 5652 5.3)."""

    values: Mapping[str, bytes]
    octets: tuple[bytes, ...]
    """The signed SET OF: in the order of DER, and as it came where that differs."""

    def get(self, name: str) -> Element | None:
        """Give the single value of an attribute."""
        value = self.values.get(name)
        return None if value is None else whole(value)


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """One signature (RFC 5652 5.3)."""

    signer: CertificateName
    digest: AlgorithmIdentifier
    attributes: SignedAttributes | None
    algorithm: AlgorithmIdentifier
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedContent:
    """SignedData: certificates in DER, signatures, and the content unless it is outside."""

    content_type: str
    content: bytes | None
    certificates: tuple[bytes, ...]
    signers: tuple[SignerInfo, ...]


@dataclass(frozen=True, slots=True)
class KeyTransport:
    """The content's key, encrypted for a certificate (RFC 5652 6.2.1)."""

    recipient: CertificateName
    algorithm: AlgorithmIdentifier
    encrypted_key: bytes


@dataclass(frozen=True, slots=True)
class KeyAgreement:
    """The content's key, wrapped for a certificate by an agreed one (RFC 5652 6.2.2)."""

    recipient: CertificateName
    public_key: bytes
    user_keying_material: bytes | None
    algorithm: AlgorithmIdentifier
    encrypted_key: bytes


@dataclass(frozen=True, slots=True)
class EncryptedContent:
    """EnvelopedData, or AuthEnvelopedData if `tag` is there (RFC 5652 6.1, RFC 5083 2.1).

    `associated` is what the tag covers beside the content.
    """

    recipients: tuple[KeyTransport | KeyAgreement, ...]
    content_type: str
    algorithm: AlgorithmIdentifier
    octets: bytes
    tag: bytes | None
    associated: bytes


def content_type_of(octets: bytes) -> tuple[str, Element]:
    """Read ContentInfo in BER or DER: the type, and the structure in DER. Raises `InvalidCMS`."""
    cursor = whole(to_der(octets)).cursor()
    name = cursor.oid()
    return name, cursor.take(context(0)).inner()


def read_signed(found: Element) -> SignedContent:
    """Read SignedData (RFC 5652 5.1). Raises `InvalidCMS`."""
    cursor = found.cursor()
    cursor.integer()
    cursor.take(SET)
    inner = cursor.take(SEQUENCE).cursor()
    content_type = inner.oid()
    content = inner.optional(context(0))
    certificates = cursor.optional(context(0))
    cursor.optional(context(1))
    signers = list(cursor.take(SET).cursor().rest())
    certificate_list = [] if certificates is None else list(certificates.cursor().rest())
    if len(signers) > _MAX_SIGNERS or len(certificate_list) > _MAX_CERTIFICATES:
        raise InvalidCMS("there are too many signatures or certificates")
    return SignedContent(
        content_type,
        None if content is None else octets_of(content.inner()),
        # The other choices are attribute certificates and PKCS #6, which say nothing here.
        tuple(each.encoded for each in certificate_list if each.tag == SEQUENCE),
        tuple(map(_signer, signers)),
    )


def _signer(found: Element) -> SignerInfo:
    cursor = found.cursor()
    cursor.integer()
    signer = _certificate_name(cursor)
    digest = AlgorithmIdentifier.read(cursor.take(SEQUENCE))
    attributes = cursor.optional(context(0))
    algorithm = AlgorithmIdentifier.read(cursor.take(SEQUENCE))
    signature = cursor.take(OCTET_STRING).content
    read = None if attributes is None else _attributes(attributes)
    return SignerInfo(signer, digest, read, algorithm, signature)


def _attributes(found: Element) -> SignedAttributes:
    values: dict[str, bytes] = {}
    encoded: list[bytes] = []
    for attribute in found.cursor().rest():
        cursor = attribute.cursor()
        name = cursor.oid()
        # RFC 5652 11: those that are read have one value, and may be there once.
        if name in values:
            raise InvalidCMS(f"the signed attribute {name} is there twice")
        values[name] = cursor.take(SET).content
        encoded.append(attribute.encoded)
    ordered, received = set_of(*encoded), element(SET, *encoded)
    octets = (ordered,) if ordered == received else (ordered, received)
    return SignedAttributes(values, octets)


def _certificate_name(cursor: Cursor) -> CertificateName:
    key = cursor.optional(context(0, constructed=False))
    if key is not None:
        return KeyIdentifier(key.content)
    return IssuerAndSerial.read(cursor.take(SEQUENCE))


def read_encrypted(found: Element, *, authenticated: bool) -> EncryptedContent:
    """Read EnvelopedData or AuthEnvelopedData. Raises `InvalidCMS`."""
    cursor = found.cursor()
    cursor.integer()
    cursor.optional(context(0))
    infos = list(cursor.take(SET).cursor().rest())
    if len(infos) > _MAX_RECIPIENTS:
        raise InvalidCMS(f"there are more than {_MAX_RECIPIENTS} recipients")
    inner = cursor.take(SEQUENCE).cursor()
    content_type = inner.oid()
    algorithm = AlgorithmIdentifier.read(inner.take(SEQUENCE))
    octets = inner.optional(context(0), context(0, constructed=False))
    if octets is None:
        raise InvalidCMS("the encrypted content is not inside")
    tag, associated = None, b""
    if authenticated:
        attributes = cursor.optional(context(1))
        if attributes is not None:
            # RFC 5083 2.2: the DER of a SET OF, whatever the tag in the message.
            associated = set_of(*(each.encoded for each in attributes.cursor().rest()))
        tag = cursor.take(OCTET_STRING).content
    recipients = tuple(known for info in infos for known in _recipients(info))
    return EncryptedContent(recipients, content_type, algorithm, octets_of(octets), tag, associated)


def _recipients(info: Element) -> Iterator[KeyTransport | KeyAgreement]:
    # Passwords, shared keys and what is not known yet are for others.
    if info.tag == SEQUENCE:
        cursor = info.cursor()
        cursor.integer()
        yield KeyTransport(
            _certificate_name(cursor),
            AlgorithmIdentifier.read(cursor.take(SEQUENCE)),
            cursor.take(OCTET_STRING).content,
        )
    elif info.tag == context(1):
        yield from _key_agreements(info.cursor())


def _key_agreements(cursor: Cursor) -> Iterator[KeyAgreement]:
    cursor.integer()
    originator = cursor.take(context(0)).inner()
    if originator.tag != context(1):
        # A static key of the sender (RFC 6278), which mail programs do not use.
        return
    key = originator.cursor()
    key.take(SEQUENCE)
    public_key = key.take(BIT_STRING).content[1:]
    material = cursor.optional(context(1))
    octets = None if material is None else octets_of(material.inner())
    algorithm = AlgorithmIdentifier.read(cursor.take(SEQUENCE))
    for each in cursor.take(SEQUENCE).cursor().rest():
        inner = each.cursor()
        by_key = inner.optional(context(0))
        name: CertificateName
        if by_key is not None:
            name = KeyIdentifier(by_key.cursor().take(OCTET_STRING).content)
        else:
            name = IssuerAndSerial.read(inner.take(SEQUENCE))
        yield KeyAgreement(name, public_key, octets, algorithm, inner.take(OCTET_STRING).content)
