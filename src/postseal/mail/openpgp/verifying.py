"""Who signed a message by OpenPGP, and whether that is its author (RFC 3156 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from postseal.address import Address
from postseal.defaults import local_now
from postseal.errors import InvalidAddress
from postseal.mail.header_protection import unwrap
from postseal.mail.openpgp.engine import engine
from postseal.mail.openpgp.faults import InvalidPackets
from postseal.mail.openpgp.keys import Certificate
from postseal.mail.openpgp.packets import Packet, PacketType, dearmored, read_packets
from postseal.mail.openpgp.signature_check import CheckedSignature, check_signature
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.reading.parts import ReceivedPart
from postseal.mail.seal_status import SignatureStatus
from postseal.mail.sealing import belongs_to
from postseal.mail.signature_verification import SignatureVerification

__all__ = [
    "UNSIGNED",
    "judged",
    "signature_packets",
    "signed_content",
    "unreadable",
    "verify",
]

_MAX_SIGNATURE: Final = 256 * 1024
_MAX_SIGNATURES: Final = 8
_LINE_END: Final = re.compile(rb"\r?\n")


UNSIGNED: Final[SignatureVerification[Certificate]] = SignatureVerification(
    status=SignatureStatus.UNSIGNED, reason="there is no OpenPGP signature"
)


def verify(
    received: bytes | ReceivedMessage,
    certificates: Iterable[Certificate],
    *,
    at: datetime | None = None,
) -> SignatureVerification[Certificate]:
    """Check the signature around a message (multipart/signed).

    Valid is one that fits, is made with a hash and a key that cannot be forged, by one of the
    `certificates` that was neither revoked nor expired at the time `at`, now unless it is given,
    and that names every author in From: in the header of the message, and in the one that is
    signed with it (RFC 9788). Several signatures may name them together, 8 of them are looked at.

    Nothing that the message holds raises. A message that is encrypted counts as unsigned.
    """
    engine()
    message = received if isinstance(received, ReceivedMessage) else parse(received)
    found = signed_content(message.root)
    if found is None:
        return UNSIGNED
    content, armored = found
    try:
        signatures = signature_packets(armored)
    except InvalidPackets as fault:
        return unreadable(fault)
    return judged(
        message,
        content,
        signatures,
        tuple(certificates),
        local_now() if at is None else at,
        is_encrypted=False,
    )


def unreadable(fault: InvalidPackets) -> SignatureVerification[Certificate]:
    """Report a signature that is none."""
    return SignatureVerification(
        status=SignatureStatus.INVALID, reason=f"the signature cannot be read: {fault.text}"
    )


def signed_content(root: ReceivedPart) -> tuple[bytes, bytes] | None:
    """Take a multipart/signed apart: the octets that are signed, and the signature."""
    if root.media_type != "multipart/signed" or len(root.parts) != 2:
        return None
    entity, signature = root.parts
    if signature.media_type != "application/pgp-signature":
        return None
    # Line ends are signed as CRLF (RFC 3156 5), whatever they became in a mailbox.
    return _LINE_END.sub(b"\r\n", bytes(entity)), signature.content


def judged(
    message: ReceivedMessage,
    content: bytes,
    signatures: Sequence[Packet],
    certificates: Sequence[Certificate],
    at: datetime,
    *,
    is_encrypted: bool,
) -> SignatureVerification[Certificate]:
    """Check the signatures over an entity, and whether they are those of its authors."""
    checks = [check_signature(content, each, certificates, at) for each in signatures]
    if not checks:
        return UNSIGNED
    intact = [each for each in checks if each.status.is_valid]
    if not intact:
        return _verification(checks[0])
    addresses = tuple(
        address for each in intact if each.signer for address in each.signer.addresses
    )
    stranger = _stranger(message, content, addresses, is_encrypted=is_encrypted)
    if stranger is None:
        return _verification(intact[0], content=content, addresses=addresses)
    names = ", ".join(map(str, addresses)) or "nobody with an address"
    return SignatureVerification(
        status=SignatureStatus.VALID_FOR_OTHER_SENDER,
        reason=f"the signature is that of {names}, and the author is {stranger}",
        content=content,
        signer=intact[0].signer,
        addresses=addresses,
        signed_at=intact[0].signed_at,
    )


def _verification(
    check: CheckedSignature, *, content: bytes = b"", addresses: tuple[Address, ...] = ()
) -> SignatureVerification[Certificate]:
    return SignatureVerification(
        status=check.status,
        reason=check.reason,
        content=content,
        signer=check.signer,
        addresses=addresses or (check.signer.addresses if check.signer else ()),
        signed_at=check.signed_at,
    )


def _stranger(
    message: ReceivedMessage,
    content: bytes,
    addresses: Sequence[Address],
    *,
    is_encrypted: bool,
) -> str | None:
    """Name an author to whom none of the addresses belongs, None where there is no such author."""
    if len(message.header.all("From")) != 1:
        # Which of several is shown to a reader is nobody's promise.
        return "not a single From"
    inside = unwrap(message, content, is_signature_valid=True, is_encrypted=is_encrypted).message
    authors = [box.address for box in (*message.from_, *inside.from_)]
    if not authors:
        return "nobody"
    return next((str(each) for each in authors if not _belongs_to(addresses, each)), None)


def _belongs_to(addresses: Sequence[Address], author: Address) -> bool:
    try:
        return belongs_to(addresses, author)
    except InvalidAddress:
        # Its domain would be another by each generation of IDNA.
        return False


def signature_packets(armored: bytes) -> tuple[Packet, ...]:
    """Take signatures out of their armor; raises `InvalidPackets` for anything else."""
    if len(armored) > _MAX_SIGNATURE:
        raise InvalidPackets(f"more than {_MAX_SIGNATURE} octets")
    packets = read_packets(dearmored(armored))
    # Whatever else is in there, compressed data above all, the engine does not get to see.
    if not packets or any(each.type != PacketType.SIGNATURE for each in packets):
        raise InvalidPackets("something else than signatures")
    return packets[:_MAX_SIGNATURES]
