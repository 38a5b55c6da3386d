"""What became of a message's signature or encryption, in the words of S/MIME and OpenPGP alike."""

from __future__ import annotations

from enum import StrEnum, unique

__all__ = ["DecryptionStatus", "SignatureStatus"]


@unique
class SignatureStatus(StrEnum):
    """One word for each answer that a reader has to be shown differently.

    Only `VALID` says that the author in the From field wrote what was signed.
    """

    VALID = "valid"
    """Intact, by a trusted key that belongs to the author in From."""

    VALID_FOR_OTHER_SENDER = "valid for other sender"
    """Intact, by a trusted key that belongs to somebody else: never to be shown as valid."""

    INVALID = "invalid"
    """The signature does not fit the octets, or cannot be read."""

    WEAK = "weak"
    """It may fit, yet is made with a hash or a key that can be forged."""

    EXPIRED = "expired"
    """The signature, or the key that made it, was not valid at its time."""

    REVOKED = "revoked"
    """The key or its certificate was revoked."""

    UNTRUSTED = "untrusted"
    """The key is not among those given, or no trust anchor vouches for it; nothing was proven."""

    UNSIGNED = "unsigned"
    """There is no signature."""

    @property
    def is_valid(self) -> bool:
        """Whether the author in From is proven to have signed."""
        return self is SignatureStatus.VALID


@unique
class DecryptionStatus(StrEnum):
    """What became of the encryption of a message."""

    DECRYPTED = "decrypted"
    NOT_ENCRYPTED = "not encrypted"
    NO_KEY = "no key"
    """It is for others."""
    REFUSED = "refused"
    """Its cipher is broken, or not known here."""
    DAMAGED = "damaged"
    """It was changed, or cannot be read."""
