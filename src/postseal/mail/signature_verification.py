"""What a reader is told of the signature on a message, by S/MIME and OpenPGP alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from postseal.address import Address
from postseal.mail.header_protection import UnwrappedMessage, unwrap
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.seal_status import SignatureStatus

__all__ = ["SignatureVerification"]

Signer = TypeVar("Signer")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureVerification(Generic[Signer]):
    """What became of the signature on a message.

    `reason` says why it is not valid, empty where it is. `content` is the MIME entity that was
    signed, empty unless the signature fits it: what stands outside is nobody's word. `signer` is
    the certificate, `addresses` whose it is, `signed_at` when it was made as the signer says.
    """

    status: SignatureStatus
    reason: str = ""
    content: bytes = b""
    signer: Signer | None = None
    addresses: tuple[Address, ...] = ()
    signed_at: datetime | None = None

    @property
    def is_valid(self) -> bool:
        """Whether the author in From is proven to have signed."""
        return self.status.is_valid

    def unwrap(self, received: bytes | ReceivedMessage) -> UnwrappedMessage:
        """Read the message that was verified as it is to be shown (RFC 9788 4)."""
        return unwrap(received, self.content, is_signature_valid=self.is_valid, is_encrypted=False)
