"""The key of a content, handed to each recipient and taken back by one of them (RFC 5652 6.2).

RSA encrypts it, by PKCS #1 v1.5 or OAEP (RFC 3560). On an elliptic curve an ephemeral key and the
recipient's agree on one that wraps it (RFC 5753 3.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, unique
from itertools import islice
from typing import TYPE_CHECKING, Final

from postseal.errors import InvalidInput
from postseal.mail.smime.algorithms import (
    AES_WRAP,
    ECDH_KDF_HASHES,
    ECDH_SHA256_KDF,
    RSA_ENCRYPTION,
    RSA_OAEP,
    AlgorithmIdentifier,
    Hash,
)
from postseal.mail.smime.asn1 import (
    BIT_STRING,
    NULL,
    OCTET_STRING,
    InvalidCMS,
    context,
    element,
    integer,
    oid,
    sequence,
    whole,
)
from postseal.mail.smime.certificates import is_named_by, issuer_and_serial
from postseal.mail.smime.cms import KeyAgreement, KeyTransport
from postseal.mail.smime.rsa_parameters import oaep_identifier, oaep_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import Certificate

    from postseal.mail.smime.identity import Identity

__all__ = ["RSAKeyTransport", "addressed_to", "content_key", "recipient_info"]

_EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
_AES_256_WRAP: Final = "2.16.840.1.101.3.4.1.45"
# Somebody might send a message with thousands of infos that all name one recipient.
_MAX_TRIES: Final = 4


@unique
class RSAKeyTransport(Enum):
    """How RSA encrypts the key. All readers know the first, many not the second."""

    PKCS1_V1_5 = "RSAES-PKCS1-v1_5"
    OAEP_SHA256 = "RSAES-OAEP"


def recipient_info(certificate: Certificate, key: bytes, transport: RSAKeyTransport) -> bytes:
    """Write the RecipientInfo that gives the key to the owner of a certificate.

    Raises `InvalidInput` for a certificate whose key cannot receive one.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        algorithm, encrypted = _transported(public, key, transport)
        return sequence(
            integer(0),
            issuer_and_serial(certificate),
            algorithm.encoded,
            element(OCTET_STRING, encrypted),
        )
    if isinstance(public, ec.EllipticCurvePublicKey):
        return _agreed(certificate, public, key)
    raise InvalidInput(
        f"nothing can be encrypted for the certificate of "
        f"{certificate.subject.rfc4514_string()}: its key only signs",
        hint="Ask for one with an RSA key or a key on a curve of NIST.",
    )


def _transported(
    public: RSAPublicKey, key: bytes, transport: RSAKeyTransport
) -> tuple[AlgorithmIdentifier, bytes]:
    from cryptography.hazmat.primitives.asymmetric import padding

    if transport is RSAKeyTransport.PKCS1_V1_5:
        return AlgorithmIdentifier(RSA_ENCRYPTION, NULL), public.encrypt(key, padding.PKCS1v15())
    algorithm = oaep_identifier(Hash.SHA256)
    return algorithm, public.encrypt(key, oaep_of(algorithm))


def _agreed(certificate: Certificate, public: EllipticCurvePublicKey, key: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    ephemeral = ec.generate_private_key(public.curve)
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    wrap = AlgorithmIdentifier(_AES_256_WRAP)
    secret = ephemeral.exchange(ec.ECDH(), public)
    wrapped = aes_key_wrap(_derived(secret, wrap, None, Hash.SHA256), key)
    originator = sequence(oid(_EC_PUBLIC_KEY)), element(BIT_STRING, b"\x00", point)
    return element(
        context(1),
        integer(3),
        element(context(0), element(context(1), *originator)),
        AlgorithmIdentifier(ECDH_SHA256_KDF, wrap.encoded).encoded,
        sequence(sequence(issuer_and_serial(certificate), element(OCTET_STRING, wrapped))),
    )


def addressed_to(
    recipients: Sequence[KeyTransport | KeyAgreement], identity: Identity
) -> list[KeyTransport | KeyAgreement]:
    """Find what is for an identity; no more than a few, whoever repeats them."""
    mine = (each for each in recipients if is_named_by(identity.certificate, each.recipient))
    return list(islice(mine, _MAX_TRIES))


def content_key(info: KeyTransport | KeyAgreement, identity: Identity, length: int) -> bytes:
    """Take the key of a content, which has so many octets.

    Where RSA cannot decrypt it, a random one is given, so that who may only ask for decryptions
    does not learn whether the padding was right (RFC 3218 2.3.2). Raises `ValueError` for what
    cannot be read or unwrapped.
    """
    if isinstance(info, KeyTransport):
        return _decrypted(info, identity, length)
    return _unwrapped(info, identity)


def _decrypted(info: KeyTransport, identity: Identity, length: int) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    from postseal.defaults import random_octets

    private = identity.key
    if not isinstance(private, rsa.RSAPrivateKey):
        raise InvalidCMS("the key is encrypted by RSA for a certificate that has no such key")
    scheme: padding.AsymmetricPadding
    if info.algorithm.oid == RSA_ENCRYPTION:
        scheme = padding.PKCS1v15()
    elif info.algorithm.oid == RSA_OAEP:
        scheme = oaep_of(info.algorithm)
    else:
        raise InvalidCMS(f"the encryption of the key, {info.algorithm.oid}, is unknown")
    substitute = random_octets(length)
    try:
        key = private.decrypt(info.encrypted_key, scheme)
    except ValueError:
        return substitute
    return key if len(key) == length else substitute


def _unwrapped(info: KeyAgreement, identity: Identity) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

    private = identity.key
    hashing = ECDH_KDF_HASHES.get(info.algorithm.oid)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or hashing is None:
        raise InvalidCMS(f"the agreement on the key, {info.algorithm.oid}, is unknown")
    wrap = AlgorithmIdentifier.read(whole(info.algorithm.parameters or b""))
    peer = ec.EllipticCurvePublicKey.from_encoded_point(private.curve, info.public_key)
    secret = private.exchange(ec.ECDH(), peer)
    wrapping = _derived(secret, wrap, info.user_keying_material, hashing)
    try:
        return aes_key_unwrap(wrapping, info.encrypted_key)
    except InvalidUnwrap as error:
        raise InvalidCMS("the key cannot be unwrapped") from error


def _derived(
    secret: bytes, wrap: AlgorithmIdentifier, material: bytes | None, hashing: Hash
) -> bytes:
    """Derive the key that wraps from the agreed secret (RFC 5753 7.2, ECC-CMS-SharedInfo)."""
    from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

    length = AES_WRAP.get(wrap.oid)
    if length is None:
        raise InvalidCMS(f"the wrapping of the key, {wrap.oid}, is unknown")
    entity = b"" if material is None else element(context(0), element(OCTET_STRING, material))
    bits = element(context(2), element(OCTET_STRING, (8 * length).to_bytes(4, "big")))
    info = sequence(wrap.encoded, entity, bits)
    return X963KDF(hashing.function(), length, info).derive(secret)
