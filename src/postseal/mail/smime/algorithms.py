"""The algorithms of S/MIME by their object identifiers, and which of them are good enough.

RFC 8551 2 names them; the identifiers are from RFC 3565 (AES-CBC and key wrap), RFC 5084 (AES-GCM),
RFC 5753 (ECDH), RFC 5754 (SHA-2), RFC 4056 (RSASSA-PSS), RFC 3560 (RSAES-OAEP), RFC 8419 (Ed25519).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, unique
from typing import TYPE_CHECKING, Final

from postseal.mail.smime.asn1 import SEQUENCE, Cursor, Element, InvalidCMS, oid, sequence

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

__all__ = [
    "AES_WRAP",
    "ECDH_KDF_HASHES",
    "ECDH_SHA256_KDF",
    "ECDSA",
    "ED25519",
    "HASHES",
    "RSA_ENCRYPTION",
    "RSA_OAEP",
    "RSA_PKCS1",
    "RSA_PSS",
    "WEAK_CIPHERS",
    "AlgorithmIdentifier",
    "CipherTraits",
    "ContentCipher",
    "Hash",
    "cipher_of",
    "hash_of",
]


@dataclass(frozen=True, slots=True)
class AlgorithmIdentifier:
    """An algorithm and its parameters in DER, None where they are absent (RFC 5280 4.1.1.2)."""

    oid: str
    parameters: bytes | None = None

    @classmethod
    def read(cls, octets: Element) -> AlgorithmIdentifier:
        """Read it. Raises `InvalidCMS`."""
        cursor = octets.cursor()
        name = cursor.oid()
        parameters = None if cursor.tag is None else cursor.take().encoded
        return cls(name, parameters)

    @property
    def encoded(self) -> bytes:
        """The identifier in DER."""
        return sequence(oid(self.oid), self.parameters or b"")

    def parameter_cursor(self) -> Cursor:
        """Read parameters that are a SEQUENCE. Raises `InvalidCMS`."""
        if self.parameters is None:
            raise InvalidCMS(f"the algorithm {self.oid} lacks its parameters")
        return Cursor(self.parameters).take(SEQUENCE).cursor()


@unique
class Hash(Enum):
    """A hash function: its object identifier, its name in micalg (RFC 8551 3.5.3.2)."""

    SHA256 = ("2.16.840.1.101.3.4.2.1", "sha-256")
    SHA384 = ("2.16.840.1.101.3.4.2.2", "sha-384")
    SHA512 = ("2.16.840.1.101.3.4.2.3", "sha-512")
    SHA1 = ("1.3.14.3.2.26", "sha-1")
    MD5 = ("1.2.840.113549.2.5", "md5")

    @property
    def micalg(self) -> str:
        """The word in the header of multipart/signed."""
        return self.value[1]

    @property
    def is_weak(self) -> bool:
        """Whether somebody can make two messages of one hash."""
        return self in (Hash.SHA1, Hash.MD5)

    @property
    def identifier(self) -> AlgorithmIdentifier:
        """How a structure names it; parameters are left out (RFC 5754 2)."""
        return AlgorithmIdentifier(self.value[0])

    def digest(self, octets: bytes) -> bytes:
        """Hash octets."""
        return hashlib.new(self.name.lower(), octets).digest()

    def function(self) -> HashAlgorithm:
        """Give the hash as the package `cryptography` has it."""
        from cryptography.hazmat.primitives import hashes

        functions: dict[Hash, HashAlgorithm] = {
            Hash.SHA256: hashes.SHA256(),
            Hash.SHA384: hashes.SHA384(),
            Hash.SHA512: hashes.SHA512(),
            Hash.SHA1: hashes.SHA1(),  # noqa: S303 # to be recognised, and refused
            Hash.MD5: hashes.MD5(),  # noqa: S303 # the same
        }
        return functions[self]


HASHES: Final = {each.value[0]: each for each in Hash}

RSA_ENCRYPTION: Final = "1.2.840.113549.1.1.1"
RSA_OAEP: Final = "1.2.840.113549.1.1.7"
RSA_PSS: Final = "1.2.840.113549.1.1.10"
ED25519: Final = "1.3.101.112"

ECDSA: Final = {
    Hash.SHA256: "1.2.840.10045.4.3.2",
    Hash.SHA384: "1.2.840.10045.4.3.3",
    Hash.SHA512: "1.2.840.10045.4.3.4",
}
"""ECDSA by the hash that it signs, the weak ones left out."""

RSA_PKCS1: Final = {
    Hash.SHA256: "1.2.840.113549.1.1.11",
    Hash.SHA384: "1.2.840.113549.1.1.12",
    Hash.SHA512: "1.2.840.113549.1.1.13",
}
"""RSASSA-PKCS1-v1_5 in the same way; `RSA_ENCRYPTION` is the same with any hash."""

ECDH_SHA256_KDF: Final = "1.3.132.1.11.1"
ECDH_KDF_HASHES: Final = {
    # SHA-1 derives a key here, for which it is good enough; OpenSSL 3.0 writes it by default.
    "1.3.133.16.840.63.0.2": Hash.SHA1,
    ECDH_SHA256_KDF: Hash.SHA256,
    "1.3.132.1.11.2": Hash.SHA384,
    "1.3.132.1.11.3": Hash.SHA512,
}
"""ECDH with one ephemeral key and the derivation of X9.63 (RFC 5753 7.1.4)."""

AES_WRAP: Final = {
    "2.16.840.1.101.3.4.1.5": 16,
    "2.16.840.1.101.3.4.1.25": 24,
    "2.16.840.1.101.3.4.1.45": 32,
}
"""AES key wrap (RFC 3394), by the octets of the key that wraps."""


@unique
class ContentCipher(Enum):
    """What a message is encrypted with.

    Readers from before RFC 8551 (2019) do not know AES-GCM. With AES-CBC nobody can tell whether
    the message was changed on the way, and some changes make readers give away the text (EFAIL).
    """

    AES_256_GCM = "2.16.840.1.101.3.4.1.46"
    AES_128_GCM = "2.16.840.1.101.3.4.1.6"
    UNAUTHENTICATED_AES_256_CBC_FOR_OLD_READERS = "2.16.840.1.101.3.4.1.42"
    UNAUTHENTICATED_AES_128_CBC_FOR_OLD_READERS = "2.16.840.1.101.3.4.1.2"

    @property
    def is_authenticated(self) -> bool:
        """Whether a change of the message is noticed."""
        return self in (ContentCipher.AES_256_GCM, ContentCipher.AES_128_GCM)

    @property
    def key_octets(self) -> int:
        """The length of its key."""
        return _KEY_OCTETS[self.value]


# AES-192 too, which is only read.
_KEY_OCTETS: Final = {
    "2.16.840.1.101.3.4.1.2": 16,
    "2.16.840.1.101.3.4.1.22": 24,
    "2.16.840.1.101.3.4.1.42": 32,
    "2.16.840.1.101.3.4.1.6": 16,
    "2.16.840.1.101.3.4.1.26": 24,
    "2.16.840.1.101.3.4.1.46": 32,
}
_GCM: Final = ("2.16.840.1.101.3.4.1.6", "2.16.840.1.101.3.4.1.26", "2.16.840.1.101.3.4.1.46")

WEAK_CIPHERS: Final = {
    "1.2.840.113549.3.2": "RC2",
    "1.2.840.113549.3.4": "RC4",
    "1.2.840.113549.3.7": "triple DES",
    "1.3.14.3.2.7": "DES",
}
"""Ciphers of old messages that are not decrypted: their text is not secret any more."""


@dataclass(frozen=True, slots=True)
class CipherTraits:
    """What is to be known of a content's cipher before its key is."""

    key_octets: int
    is_authenticated: bool


def cipher_of(identifier: AlgorithmIdentifier) -> CipherTraits | None:
    """Look up a cipher, None for an unknown one."""
    octets = _KEY_OCTETS.get(identifier.oid)
    return None if octets is None else CipherTraits(octets, identifier.oid in _GCM)


def hash_of(identifier: AlgorithmIdentifier) -> Hash:
    """Give the hash that an identifier names. Raises `InvalidCMS` for an unknown one."""
    found = HASHES.get(identifier.oid)
    if found is None:
        raise InvalidCMS(f"the hash {identifier.oid} is unknown")
    return found
