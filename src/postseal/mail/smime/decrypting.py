"""Messages opened with S/MIME, and what can be known of their way here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum, unique
from typing import TYPE_CHECKING

from postseal.mail.header_protection import UnwrappedMessage, unwrap
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.seal_status import DecryptionStatus
from postseal.mail.signature_verification import SignatureVerification
from postseal.mail.smime.algorithms import WEAK_CIPHERS, CipherTraits, cipher_of
from postseal.mail.smime.asn1 import InvalidCMS
from postseal.mail.smime.cms import (
    AUTH_ENVELOPED_DATA,
    DATA,
    ENVELOPED_DATA,
    EncryptedContent,
    content_type_of,
    read_encrypted,
)
from postseal.mail.smime.content_encryption import decrypted
from postseal.mail.smime.entity import is_enclosed
from postseal.mail.smime.key_management import addressed_to, content_key
from postseal.mail.smime.verifying import trust_source, verify_entity

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList

    from postseal.mail.smime.identity import Identity

__all__ = ["Decryption", "Integrity", "decrypt"]


@unique
class Integrity(StrEnum):
    """Whether the encryption would have shown a change of the message."""

    AUTHENTICATED = "authenticated"
    NONE = "none"
    """Anybody on the way can have rewritten it, so that showing it gives its text away (EFAIL).

    Load nothing that it refers to. Only a signature inside proves what it says.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Decryption:
    """What was inside the encryption of a message.

    `reason` says why nothing was. `content` is the MIME entity that was encrypted, a signature
    around it included. `signature` is what became of that, None unless trust anchors were given;
    its `content` is then what to read.
    """

    status: DecryptionStatus
    reason: str = ""
    content: bytes = b""
    integrity: Integrity = Integrity.NONE
    signature: SignatureVerification[Certificate] | None = None

    def unwrap(self, received: bytes | ReceivedMessage) -> UnwrappedMessage:
        """Read the message that was decrypted as it is to be shown (RFC 9788 4)."""
        is_signed = self.signature is not None and bool(self.signature.content)
        return unwrap(
            received,
            self.signature.content if self.signature is not None and is_signed else self.content,
            is_signature_valid=self.signature is not None and self.signature.is_valid,
            is_encrypted=True,
        )


# One text for all, so that nobody learns which step failed (RFC 3218 2.3).
_DAMAGED = Decryption(
    status=DecryptionStatus.DAMAGED,
    reason="the message cannot be decrypted: it was changed, or the key is another",
)


def decrypt(
    received: bytes | ReceivedMessage,
    identities: Identity | Iterable[Identity],
    *,
    trust_anchors: Iterable[Certificate] | None = None,
    certificates: Iterable[Certificate] = (),
    revocations: Iterable[CertificateRevocationList] = (),
    at: datetime | None = None,
) -> Decryption:
    """Decrypt a message for one of several identities, and check the signature inside.

    The signature is checked as `verify` does, with the author in the header of the message.
    Nothing that the message holds raises. RC2, DES and triple DES are refused.
    """
    from postseal.mail.smime.identity import Identity as One

    message = received if isinstance(received, ReceivedMessage) else parse(received)
    those = (identities,) if isinstance(identities, One) else tuple(identities)
    result = _decrypt_entity(message, those)
    if trust_anchors is None or result.status is not DecryptionStatus.DECRYPTED:
        return result
    source = trust_source(trust_anchors, certificates, revocations, at)
    signature = verify_entity(parse(result.content).root, message, source)
    return replace(result, signature=signature)


def _decrypt_entity(message: ReceivedMessage, identities: Sequence[Identity]) -> Decryption:
    root = message.root
    if not is_enclosed(root):
        return Decryption(
            status=DecryptionStatus.NOT_ENCRYPTED, reason="the message is not encrypted by S/MIME"
        )
    try:
        content_type, structure = content_type_of(root.content)
        if content_type not in (ENVELOPED_DATA, AUTH_ENVELOPED_DATA):
            return Decryption(
                status=DecryptionStatus.NOT_ENCRYPTED, reason="what is enclosed is not encrypted"
            )
        encrypted = read_encrypted(structure, authenticated=content_type == AUTH_ENVELOPED_DATA)
        if encrypted.content_type != DATA:
            raise InvalidCMS("what is encrypted is no message")
    except ValueError as error:
        return Decryption(
            status=DecryptionStatus.DAMAGED, reason=f"the encryption cannot be read: {error}"
        )
    cipher = cipher_of(encrypted.algorithm)
    if cipher is None or cipher.is_authenticated != (encrypted.tag is not None):
        return Decryption(status=DecryptionStatus.REFUSED, reason=_refusal(encrypted))
    return _open(encrypted, cipher, identities)


def _refusal(encrypted: EncryptedContent) -> str:
    name = encrypted.algorithm.oid
    if weak := WEAK_CIPHERS.get(name):
        return f"the message is encrypted with {weak}, which protects nothing any more"
    # With one key used both ways, what the one keeps secret the other would give away.
    return f"the cipher {name} is unknown, or not known in a structure of this type"


def _open(
    encrypted: EncryptedContent, cipher: CipherTraits, identities: Sequence[Identity]
) -> Decryption:
    from cryptography.exceptions import UnsupportedAlgorithm

    is_for_us = False
    for identity in identities:
        for info in addressed_to(encrypted.recipients, identity):
            is_for_us = True
            try:
                key = content_key(info, identity, cipher.key_octets)
                content = decrypted(encrypted, key)
            except (ValueError, UnsupportedAlgorithm):
                continue
            return Decryption(
                status=DecryptionStatus.DECRYPTED,
                content=content,
                integrity=Integrity.AUTHENTICATED if cipher.is_authenticated else Integrity.NONE,
            )
    if is_for_us:
        return _DAMAGED
    return Decryption(
        status=DecryptionStatus.NO_KEY, reason="the message is encrypted for other certificates"
    )
