"""Who signed a message by S/MIME, and whether that is its author."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from postseal.address import Address
from postseal.defaults import local_now
from postseal.mail.arguments import checked_date
from postseal.mail.header_protection import unwrap
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.reading.parts import ReceivedPart
from postseal.mail.seal_status import SignatureStatus
from postseal.mail.sealing import belongs_to
from postseal.mail.signature_verification import SignatureVerification
from postseal.mail.smime.asn1 import InvalidCMS
from postseal.mail.smime.certificates import addresses_of, readable_certificates
from postseal.mail.smime.cms import (
    DATA,
    SIGNED_DATA,
    SignedContent,
    SignerInfo,
    content_type_of,
    read_signed,
)
from postseal.mail.smime.entity import is_enclosed
from postseal.mail.smime.refusal import Refusal
from postseal.mail.smime.signature_check import (
    check_certificate,
    check_octets,
    find_signer,
    signing_time,
)
from postseal.mail.smime.trust import TrustSource

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList

__all__ = ["trust_source", "verify", "verify_entity"]

_PKCS7_SIGNATURE: Final = ("application/pkcs7-signature", "application/x-pkcs7-signature")


def verify(
    received: bytes | ReceivedMessage,
    trust_anchors: Iterable[Certificate],
    *,
    certificates: Iterable[Certificate] = (),
    revocations: Iterable[CertificateRevocationList] = (),
    at: datetime | None = None,
) -> SignatureVerification[Certificate]:
    """Check the signature of a message, clear (RFC 8551 3.5.3) or with the content inside (3.5.2).

    Valid is a signature that fits, by a key for mail that a trust anchor vouches for at the time
    `at`, now unless it is given, and whose certificate names every author in From: in the header
    of the message, and in the one that is signed with it (RFC 9788), if there is one. A
    certificate among the anchors is trusted as it is. `certificates` are for signatures that
    bring none. Of several signatures the first valid one counts, else the first.

    Only a signature around the whole message is looked at. Nothing that the message holds raises.
    What authorities have revoked is known from their lists in `revocations` alone.
    """
    message = received if isinstance(received, ReceivedMessage) else parse(received)
    source = trust_source(trust_anchors, certificates, revocations, at)
    return verify_entity(message.root, message, source)


def trust_source(
    anchors: Iterable[Certificate],
    certificates: Iterable[Certificate],
    revocations: Iterable[CertificateRevocationList],
    at: datetime | None,
) -> TrustSource:
    """Put together what to go by, at the present moment unless another is given.

    Raises `InvalidInput` for a moment without offset.
    """
    moment = checked_date(local_now() if at is None else at).astimezone(UTC)
    return TrustSource(tuple(anchors), tuple(certificates), tuple(revocations), moment)


def verify_entity(
    root: ReceivedPart, message: ReceivedMessage, source: TrustSource
) -> SignatureVerification[Certificate]:
    """Check the signature around an entity of a message, whose From is the one that counts."""
    try:
        found = _signature_of(root)
        if found is None:
            return SignatureVerification(
                status=SignatureStatus.UNSIGNED, reason="there is no S/MIME signature"
            )
        octets, outside = found
        content_type, structure = content_type_of(octets)
        if content_type != SIGNED_DATA:
            return SignatureVerification(
                status=SignatureStatus.UNSIGNED, reason="what is enclosed is not signed"
            )
        signed = read_signed(structure)
        if signed.content_type != DATA:
            # The certificate may sign other things, which nobody wrote as a message.
            raise InvalidCMS("what is signed is no message")
        content = signed.content if outside is None else outside
        if content is None or not signed.signers:
            raise InvalidCMS("there is no content, or nobody signed it")
        there = (*readable_certificates(signed.certificates), *source.certificates)
    except ValueError as error:
        return _unreadable(error)
    checks = [_check(info, signed, content, there, message, source) for info in signed.signers]
    return next((check for check in checks if check.is_valid), checks[0])


def _signature_of(root: ReceivedPart) -> tuple[bytes, bytes | None] | None:
    """Give the signature in CMS, and the content where it is outside."""
    if root.media_type == "multipart/signed" and len(root.parts) == 2:
        content, signature = root.parts
        if signature.media_type in _PKCS7_SIGNATURE:
            return signature.content, bytes(content)
    if is_enclosed(root):
        return root.content, None
    return None


def _check(
    info: SignerInfo,
    signed: SignedContent,
    content: bytes,
    there: Sequence[Certificate],
    message: ReceivedMessage,
    source: TrustSource,
) -> SignatureVerification[Certificate]:
    from cryptography.exceptions import UnsupportedAlgorithm

    octets = b""
    signer: Certificate | None = None
    addresses: tuple[Address, ...] = ()
    signed_at: datetime | None = None
    status, reason = SignatureStatus.VALID, ""
    try:
        signer = find_signer(info, there)
        octets = check_octets(info, signed, _forms(content), signer)
        addresses, signed_at = addresses_of(signer), signing_time(info)
        check_certificate(signer, there, source, signed_at=signed_at)
        _check_authors(addresses, message, octets)
    except Refusal as refusal:
        status, reason = refusal.status, refusal.reason
    except (ValueError, UnsupportedAlgorithm) as error:
        return _unreadable(error)
    return SignatureVerification(
        status=status,
        reason=reason,
        content=octets,
        signer=signer,
        addresses=addresses,
        signed_at=signed_at,
    )


def _forms(content: bytes) -> Iterator[bytes]:
    """Give the content as it came, then with the line ends that are signed (RFC 8551 3.1.1)."""
    yield content
    canonical = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if canonical != content:
        yield canonical


def _check_authors(addresses: Sequence[Address], message: ReceivedMessage, content: bytes) -> None:
    if len(message.header.all("From")) != 1:
        # Which of several is shown to a reader is nobody's promise.
        raise Refusal(SignatureStatus.VALID_FOR_OTHER_SENDER, "the message has no From, or several")
    inside = unwrap(message, content, is_signature_valid=True, is_encrypted=False).message
    authors = {mailbox.address for mailbox in (*message.from_, *inside.from_)}
    strangers = sorted(str(each) for each in authors if not belongs_to(addresses, each))
    if strangers or not authors:
        owner = ", ".join(map(str, addresses)) or "nobody with an address"
        author = ", ".join(strangers) or "nobody that can be read"
        raise Refusal(
            SignatureStatus.VALID_FOR_OTHER_SENDER,
            f"the certificate is that of {owner}, and the author is {author}",
        )


def _unreadable(error: Exception) -> SignatureVerification[Certificate]:
    return SignatureVerification(
        status=SignatureStatus.INVALID, reason=f"the signature cannot be read: {error}"
    )
