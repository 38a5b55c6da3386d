"""The parameters of RSASSA-PSS and RSAES-OAEP: hashes and a salt (RFC 4055 3.1, 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postseal.mail.smime import asn1
from postseal.mail.smime.algorithms import (
    RSA_OAEP,
    RSA_PSS,
    AlgorithmIdentifier,
    Hash,
    hash_of,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import OAEP, PSS

__all__ = ["oaep_identifier", "oaep_of", "pss_identifier", "pss_of"]

_MGF1: Final = "1.2.840.113549.1.1.8"
_DEFAULT_SALT_OCTETS: Final = 20
_MAX_SALT_OCTETS: Final = 512


def pss_identifier(hashing: Hash) -> AlgorithmIdentifier:
    """Write RSASSA-PSS with one hash for both purposes, and a salt as long as it (RFC 4056 3)."""
    salt = asn1.element(asn1.context(2), asn1.integer(hashing.function().digest_size))
    return AlgorithmIdentifier(RSA_PSS, asn1.sequence(_hashes(hashing), salt))


def oaep_identifier(hashing: Hash) -> AlgorithmIdentifier:
    """Write RSAES-OAEP with one hash for both purposes."""
    return AlgorithmIdentifier(RSA_OAEP, asn1.sequence(_hashes(hashing)))


def _hashes(hashing: Hash) -> bytes:
    name = asn1.sequence(asn1.oid(hashing.value[0]), asn1.NULL)
    return asn1.element(asn1.context(0), name) + asn1.element(
        asn1.context(1), asn1.sequence(asn1.oid(_MGF1), name)
    )


def pss_of(identifier: AlgorithmIdentifier) -> tuple[PSS, Hash]:
    """Read RSASSA-PSS and its hash. Raises `InvalidCMS`."""
    from cryptography.hazmat.primitives.asymmetric import padding

    cursor = identifier.parameter_cursor()
    hashing = _hash(cursor.optional(asn1.context(0)))
    mask = _mask_hash(cursor.optional(asn1.context(1)))
    salt = cursor.optional(asn1.context(2))
    length = _DEFAULT_SALT_OCTETS if salt is None else salt.cursor().integer()
    if not 0 <= length <= _MAX_SALT_OCTETS:
        raise asn1.InvalidCMS(f"RSASSA-PSS has a salt of {length} octets")
    return padding.PSS(padding.MGF1(mask.function()), length), hashing


def oaep_of(identifier: AlgorithmIdentifier) -> OAEP:
    """Read RSAES-OAEP. Raises `InvalidCMS`, for a label too."""
    from cryptography.hazmat.primitives.asymmetric import padding

    cursor = identifier.parameter_cursor()
    hashing = _hash(cursor.optional(asn1.context(0)))
    mask = _mask_hash(cursor.optional(asn1.context(1)))
    if cursor.tag is not None:
        raise asn1.InvalidCMS("RSAES-OAEP has a label")
    return padding.OAEP(padding.MGF1(mask.function()), hashing.function(), None)


def _hash(tagged: asn1.Element | None) -> Hash:
    # SHA-1 is the default of both.
    if tagged is None:
        return Hash.SHA1
    return hash_of(AlgorithmIdentifier.read(tagged.inner()))


def _mask_hash(tagged: asn1.Element | None) -> Hash:
    if tagged is None:
        return Hash.SHA1
    mask = AlgorithmIdentifier.read(tagged.inner())
    if mask.oid != _MGF1 or mask.parameters is None:
        raise asn1.InvalidCMS(f"the mask generation {mask.oid} is unknown")
    return hash_of(AlgorithmIdentifier.read(asn1.whole(mask.parameters)))
