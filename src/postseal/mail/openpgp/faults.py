"""What is wrong with keys and messages of OpenPGP."""

from __future__ import annotations

from postseal.errors import InvalidInput
from postseal.mail.seal_status import DecryptionStatus

__all__ = [
    "CannotDecrypt",
    "InvalidCertificate",
    "InvalidPackets",
    "InvalidSecretKey",
]


class InvalidPackets(InvalidInput):
    """Octets are no sequence of OpenPGP packets, or none that belongs here (RFC 9580 4)."""


class InvalidCertificate(InvalidInput):
    """A certificate cannot be read, or nothing may be sealed for it any more."""


class InvalidSecretKey(InvalidInput):
    """A secret key cannot be read or unlocked, or may not sign."""


class CannotDecrypt(Exception):
    """A message stays closed: what to tell of it, and why.

    A wrong key, a wrong padding and a changed octet are told apart for nobody: who could try out
    ciphertexts would learn the text by the answers.
    """

    def __init__(self, reason: str, status: DecryptionStatus = DecryptionStatus.DAMAGED) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
