"""The content itself, under AES-GCM or AES-CBC (RFC 5083, RFC 5084, RFC 5652 6.1, RFC 3565)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from postseal.defaults import RandomSource
from postseal.mail.smime import asn1
from postseal.mail.smime.algorithms import AlgorithmIdentifier, ContentCipher
from postseal.mail.smime.cms import (
    AUTH_ENVELOPED_DATA,
    DATA,
    ENVELOPED_DATA,
    EncryptedContent,
)
from postseal.mail.smime.key_management import RSAKeyTransport, recipient_info
from postseal.mail.smime.signed_data import content_info

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["decrypted", "encrypted_data"]

_NONCE_OCTETS: Final = 12
_TAG_OCTETS: Final = 16
_BLOCK_OCTETS: Final = 16
# RFC 5084 3.2: what is there without a length.
_DEFAULT_TAG_OCTETS: Final = 12


def encrypted_data(
    content: bytes,
    certificates: Sequence[Certificate],
    *,
    cipher: ContentCipher,
    transport: RSAKeyTransport,
    random: RandomSource,
) -> bytes:
    """Encrypt content for the owners of certificates; give ContentInfo in DER.

    Raises `InvalidInput` for a certificate whose key cannot receive one.
    """
    key = random(cipher.key_octets)
    infos = [recipient_info(each, key, transport) for each in certificates]
    if cipher.is_authenticated:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = random(_NONCE_OCTETS)
        octets = AESGCM(key).encrypt(nonce, content, None)
        parameters = asn1.sequence(
            asn1.element(asn1.OCTET_STRING, nonce), asn1.integer(_TAG_OCTETS)
        )
        structure = asn1.sequence(
            asn1.integer(0),
            asn1.set_of(*infos),
            _content(cipher, parameters, octets[:-_TAG_OCTETS]),
            asn1.element(asn1.OCTET_STRING, octets[-_TAG_OCTETS:]),
        )
        return content_info(AUTH_ENVELOPED_DATA, structure)
    vector = random(_BLOCK_OCTETS)
    # RFC 5652 6.1: 0 with nothing but key transport that names its recipients by issuer.
    version = 0 if all(info[0] != asn1.context(1) for info in infos) else 2
    structure = asn1.sequence(
        asn1.integer(version),
        asn1.set_of(*infos),
        _content(
            cipher, asn1.element(asn1.OCTET_STRING, vector), _cbc_encrypted(key, vector, content)
        ),
    )
    return content_info(ENVELOPED_DATA, structure)


def _content(cipher: ContentCipher, parameters: bytes, octets: bytes) -> bytes:
    return asn1.sequence(
        asn1.oid(DATA),
        AlgorithmIdentifier(cipher.value, parameters).encoded,
        asn1.element(asn1.context(0, constructed=False), octets),
    )


def _cbc_encrypted(key: bytes, vector: bytes, content: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    padder = PKCS7(8 * _BLOCK_OCTETS).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    padded = padder.update(content) + padder.finalize()
    return encryptor.update(padded) + encryptor.finalize()


def decrypted(encrypted: EncryptedContent, key: bytes) -> bytes:
    """Decrypt content.

    Raises `ValueError` for a wrong key or changed octets, as far as that can be known: always
    with AES-GCM, by chance with AES-CBC.
    """
    if encrypted.tag is None:
        return _cbc_decrypted(encrypted, key)
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    cursor = encrypted.algorithm.parameter_cursor()
    nonce = cursor.take(asn1.OCTET_STRING).content
    length = _DEFAULT_TAG_OCTETS if cursor.tag is None else cursor.integer()
    if length != len(encrypted.tag) or not _DEFAULT_TAG_OCTETS <= length <= _TAG_OCTETS:
        raise asn1.InvalidCMS(f"the authentication tag has {len(encrypted.tag)} octets")
    mode = modes.GCM(nonce, encrypted.tag, min_tag_length=_DEFAULT_TAG_OCTETS)
    decryptor = Cipher(algorithms.AES(key), mode).decryptor()
    decryptor.authenticate_additional_data(encrypted.associated)
    try:
        return decryptor.update(encrypted.octets) + decryptor.finalize()
    except InvalidTag as error:
        raise asn1.InvalidCMS("the authentication tag is wrong") from error


def _cbc_decrypted(encrypted: EncryptedContent, key: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    vector = asn1.whole(encrypted.algorithm.parameters or b"")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector.content)).decryptor()
    unpadder = PKCS7(8 * _BLOCK_OCTETS).unpadder()
    padded = decryptor.update(encrypted.octets) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()
