"""The record by which a domain makes a public key known, and the check of a signature by it.

RFC 6376 3.6.1, RFC 8301 (lengths of RSA keys) and RFC 8463 (Ed25519).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from postseal.mail.authentication.keys import KeyType, missing_cryptography
from postseal.mail.authentication.message_signature import InvalidSignature
from postseal.mail.authentication.tags import InvalidTagList, base64_octets, read_tags
from postseal.mail.authentication.words import SignatureFault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

__all__ = ["KeyRecord", "PublicKey"]

_LEAST_BITS: Final = 1024
# A key is the sender's choice, its cost is the verifier's.
_MOST_BITS: Final = 8192
_MOST_EXPONENT_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that is long enough to prove something, and short enough to be used."""

    type: KeyType
    bits: int
    _key: RSAPublicKey | Ed25519PublicKey

    def verifies(self, signature: bytes, octets: bytes) -> bool:
        """Whether this key's private half made the signature over these octets."""
        from cryptography.exceptions import InvalidSignature as WrongSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, hashlib.sha256(octets).digest())
            else:
                self._key.verify(signature, octets, PKCS1v15(), SHA256())
        except WrongSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key record; `octets` are empty where the key was revoked.

    `hashes` and `services` are None where the record allows all. `is_testing` is the flag t=y: the
    domain only tries DKIM out. `is_strict` is t=s: i= must have the very domain of d=.
    """

    key_type: str
    octets: bytes
    hashes: frozenset[str] | None
    services: frozenset[str] | None
    is_testing: bool
    is_strict: bool

    @classmethod
    def parse(cls, text: str) -> KeyRecord:
        """Read a TXT record. Raises `InvalidTagList` where it is no key record."""
        tags = read_tags(text)
        # RFC 6376 3.6.1: v= is optional, and the first tag where it is there.
        if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
            raise InvalidTagList("v= is not DKIM1, or not the first tag")
        if "p" not in tags:
            raise InvalidTagList("the tag p= is missing")
        flags = _words(tags.get("t", ""))
        return cls(
            key_type=tags.get("k", KeyType.RSA),
            octets=base64_octets(tags, "p"),
            hashes=_words(tags["h"]) if "h" in tags else None,
            services=_words(tags["s"]) if "s" in tags else None,
            is_testing="y" in flags,
            is_strict="s" in flags,
        )

    def usable_key(self, wanted: KeyType) -> PublicKey:
        """Give the public key for a signature of the wanted type.

        Raises `InvalidSignature` with the fault where the record or the key does not allow it
        (RFC 6376 6.1.2).
        """
        if not self.octets:
            raise InvalidSignature(
                "the domain has revoked the key: p= is empty", fault=SignatureFault.KEY_REVOKED
            )
        if self.hashes is not None and "sha256" not in self.hashes:
            raise _mismatch(f"the record allows only the hashes {_listed(self.hashes)}")
        if self.services is not None and not self.services & {"*", "email"}:
            raise _mismatch(f"the record is for {_listed(self.services)}, not for email")
        if self.key_type != wanted:
            raise _mismatch(
                f"the record has a key of the type {self.key_type[:20]!a}, not {wanted}"
            )
        if wanted is KeyType.ED25519:
            return PublicKey(wanted, 256, _load_ed25519(self.octets))
        key = _load_rsa(self.octets)
        if key.key_size < _LEAST_BITS:
            raise InvalidSignature(
                f"the RSA key has {key.key_size} bits, and {_LEAST_BITS} are the least (RFC 8301)",
                fault=SignatureFault.WEAK_KEY,
            )
        if key.key_size > _MOST_BITS or key.public_numbers().e.bit_length() > _MOST_EXPONENT_BITS:
            raise InvalidSignature(
                f"the RSA key has {key.key_size} bits or an exponent nobody needs; "
                f"{_MOST_BITS} bits are the most that is computed with",
                fault=SignatureFault.HUGE_KEY,
            )
        return PublicKey(wanted, key.key_size, key)


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip(" \t") for word in text.split(":"))


def _listed(words: frozenset[str]) -> str:
    return ascii(", ".join(sorted(words))[:40])


def _mismatch(text: str) -> InvalidSignature:
    return InvalidSignature(text, fault=SignatureFault.KEY_MISMATCH)


def _load_ed25519(octets: bytes) -> Ed25519PublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ModuleNotFoundError as error:
        raise missing_cryptography(error) from None
    if len(octets) != 32:
        raise InvalidSignature(
            f"p= has {len(octets)} octets, and an Ed25519 key has 32",
            fault=SignatureFault.KEY_SYNTAX,
        )
    return Ed25519PublicKey.from_public_bytes(octets)


def _load_rsa(octets: bytes) -> RSAPublicKey:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_der_public_key
    except ModuleNotFoundError as error:
        raise missing_cryptography(error) from None
    # SubjectPublicKeyInfo, as all publish it, or the RSAPublicKey that RFC 6376 3.6.1 names.
    try:
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey):
        raise InvalidSignature("p= holds no RSA key", fault=SignatureFault.KEY_SYNTAX)
    return key
