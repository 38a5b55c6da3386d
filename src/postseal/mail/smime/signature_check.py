"""One signature against the octets and the certificates that came with it (RFC 5652 5.4, 5.6)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from postseal.mail.seal_status import SignatureStatus
from postseal.mail.smime.algorithms import (
    ECDSA,
    ED25519,
    RSA_ENCRYPTION,
    RSA_PKCS1,
    RSA_PSS,
    AlgorithmIdentifier,
    Hash,
    hash_of,
)
from postseal.mail.smime.asn1 import (
    GENERALIZED_TIME,
    OCTET_STRING,
    SEQUENCE,
    UTC_TIME,
    InvalidCMS,
    oid_text,
)
from postseal.mail.smime.certificates import (
    Purpose,
    fault_of_key,
    fault_of_purpose,
    fault_of_time,
    is_named_by,
)
from postseal.mail.smime.cms import SignedAttributes, SignedContent, SignerInfo
from postseal.mail.smime.refusal import Refusal
from postseal.mail.smime.rsa_parameters import pss_of
from postseal.mail.smime.signed_data import (
    CONTENT_TYPE,
    MESSAGE_DIGEST,
    SIGNING_CERTIFICATE,
    SIGNING_TIME,
    certificate_der,
)
from postseal.mail.smime.trust import TrustSource, check_trust

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["check_certificate", "check_octets", "find_signer", "signing_time"]

# Clocks differ.
_SKEW: Final = timedelta(hours=1)
_SET_OF: Final = b"\x31"


def find_signer(info: SignerInfo, certificates: Sequence[Certificate]) -> Certificate:
    """Find the certificate that a signature names. Raises `Refusal`."""
    for certificate in certificates:
        if is_named_by(certificate, info.signer):
            return certificate
    raise Refusal(SignatureStatus.UNTRUSTED, "the signer's certificate is not there")


def check_octets(
    info: SignerInfo, signed: SignedContent, forms: Iterable[bytes], certificate: Certificate
) -> bytes:
    """Check that the key signed the content; give the one of its forms that was signed.

    Raises `Refusal`, or `ValueError` for what cannot be read.
    """
    hashing = hash_of(info.digest)
    if hashing.is_weak:
        raise Refusal(SignatureStatus.WEAK, f"it is made with {hashing.name}, which can be forged")
    if fault := fault_of_key(certificate):
        raise Refusal(SignatureStatus.WEAK, fault)
    if info.attributes is None:
        for form in forms:
            # Signed attributes of another message would pass for content (RFC 5652 5.4).
            if not form.startswith(_SET_OF) and _fits(info, hashing, form, certificate):
                return form
        raise Refusal(SignatureStatus.INVALID, "the signature does not fit the content")
    content = _content_with_digest(info.attributes, signed, hashing, forms)
    if not any(_fits(info, hashing, each, certificate) for each in info.attributes.octets):
        raise Refusal(SignatureStatus.INVALID, "the signature does not fit what it is said to sign")
    _check_signing_certificate(info.attributes, certificate)
    return content


def _content_with_digest(
    attributes: SignedAttributes, signed: SignedContent, hashing: Hash, forms: Iterable[bytes]
) -> bytes:
    content_type, digest = attributes.get(CONTENT_TYPE), attributes.get(MESSAGE_DIGEST)
    if content_type is None or oid_text(content_type) != signed.content_type:
        raise Refusal(SignatureStatus.INVALID, "the signed type is not that of the content")
    if digest is None or digest.tag != OCTET_STRING:
        raise Refusal(SignatureStatus.INVALID, "the digest of the content is not signed")
    for form in forms:
        if hmac.compare_digest(hashing.digest(form), digest.content):
            return form
    raise Refusal(SignatureStatus.INVALID, "the content is not the one that was signed")


def _check_signing_certificate(attributes: SignedAttributes, certificate: Certificate) -> None:
    found = attributes.get(SIGNING_CERTIFICATE)
    if found is None:
        return
    # RFC 5035 3: the first is the signer's.
    identifier = found.cursor().take(SEQUENCE).cursor().take(SEQUENCE).cursor()
    named = identifier.optional(SEQUENCE)
    hashing = Hash.SHA256 if named is None else hash_of(AlgorithmIdentifier.read(named))
    digest = identifier.take(OCTET_STRING).content
    if not hmac.compare_digest(hashing.digest(certificate_der(certificate)), digest):
        raise Refusal(SignatureStatus.INVALID, "the certificate is not the one that is signed for")


def _fits(info: SignerInfo, hashing: Hash, octets: bytes, certificate: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    key, name = certificate.public_key(), info.algorithm.oid
    try:
        if isinstance(key, ed25519.Ed25519PublicKey) and name == ED25519:
            key.verify(info.signature, octets)
        elif isinstance(key, ec.EllipticCurvePublicKey) and name == ECDSA[hashing]:
            key.verify(info.signature, octets, ec.ECDSA(hashing.function()))
        elif isinstance(key, rsa.RSAPublicKey) and name in (RSA_ENCRYPTION, RSA_PKCS1[hashing]):
            key.verify(info.signature, octets, padding.PKCS1v15(), hashing.function())
        elif isinstance(key, rsa.RSAPublicKey) and name == RSA_PSS:
            scheme, hashed = pss_of(info.algorithm)
            if hashed is not hashing:
                raise InvalidCMS("the signature and the digest have different hashes")
            key.verify(info.signature, octets, scheme, hashing.function())
        else:
            raise InvalidCMS(f"the signature algorithm {name} fits not the key or not the digest")
    except InvalidSignature:
        return False
    return True


def signing_time(info: SignerInfo) -> datetime | None:
    """Give when the signer says that it was signed. Raises `ValueError`."""
    found = None if info.attributes is None else info.attributes.get(SIGNING_TIME)
    if found is None:
        return None
    text = found.content.decode("ascii")
    if found.tag == UTC_TIME:
        # RFC 5652 11.3, not the pivot of Python's %y.
        text = ("19" if text[:2] >= "50" else "20") + text
    elif found.tag != GENERALIZED_TIME:
        raise InvalidCMS("the signing time is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def check_certificate(
    certificate: Certificate,
    others: Sequence[Certificate],
    source: TrustSource,
    *,
    signed_at: datetime | None,
) -> None:
    """Check that the certificate may sign mail, was valid, and is vouched for. Raises `Refusal`."""
    if signed_at is not None and signed_at > source.at + _SKEW:
        raise Refusal(SignatureStatus.EXPIRED, f"it was made in the future, at {signed_at}")
    for moment in (source.at, signed_at or source.at):
        if fault := fault_of_time(certificate, moment):
            raise Refusal(SignatureStatus.EXPIRED, fault)
    if fault := fault_of_purpose(certificate, Purpose.SIGNING):
        raise Refusal(SignatureStatus.UNTRUSTED, fault)
    check_trust(certificate, others, source)
