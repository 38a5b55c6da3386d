"""Messages opened: only what proves that nobody changed it is shown (RFC 3156 4, RFC 9580 13.8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from postseal.defaults import local_now
from postseal.mail.header_protection import UnwrappedMessage, unwrap
from postseal.mail.openpgp.contents import Contents, read_contents
from postseal.mail.openpgp.engine import engine
from postseal.mail.openpgp.faults import (
    CannotDecrypt,
    InvalidPackets,
    InvalidSecretKey,
)
from postseal.mail.openpgp.keys import Certificate, SecretKey
from postseal.mail.openpgp.packets import Packet, PacketType, dearmored, read_packets
from postseal.mail.openpgp.sealed_data import cipher_name, opened_data
from postseal.mail.openpgp.session_keys import SealedSessionKey, SessionKey
from postseal.mail.openpgp.verifying import (
    UNSIGNED,
    judged,
    signature_packets,
    signed_content,
    unreadable,
)
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.seal_status import DecryptionStatus
from postseal.mail.signature_verification import SignatureVerification

__all__ = ["Decryption", "decrypt"]

_MAX_SESSION_KEYS: Final = 200
_MAX_OCTETS: Final = 64 * 1024 * 1024
_NOTHING: Final = Packet(0, b"", b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decryption:
    """What was inside the encryption of a message.

    `reason` says why nothing was. `content` is the MIME entity that was encrypted, without a
    signature around it, and `cipher` what it was under. That a message opens says nothing of who
    wrote it: `signature` does.
    """

    status: DecryptionStatus
    reason: str = ""
    content: bytes = b""
    cipher: str = ""
    signature: SignatureVerification[Certificate] = UNSIGNED

    def unwrap(self, received: bytes | ReceivedMessage) -> UnwrappedMessage:
        """Read the message that was decrypted as it is to be shown (RFC 9788 4)."""
        return unwrap(
            received,
            self.content,
            is_signature_valid=self.signature.is_valid,
            is_encrypted=True,
        )


def decrypt(
    received: bytes | ReceivedMessage,
    keys: SecretKey | Iterable[SecretKey],
    certificates: Iterable[Certificate] = (),
    *,
    at: datetime | None = None,
    max_octets: int = _MAX_OCTETS,
) -> Decryption:
    """Decrypt a message for one of several keys, and check the signature inside as `verify` does.

    Refused are data that are not protected against changes, ciphers other than AES, a password
    without a key, and what is decompressed to more than `max_octets`. Only a message that is
    encrypted as a whole is opened: parts that somebody else put beside it could send away what it
    says (RFC 9580 13.8).

    Nothing that the message holds raises. Raises `InvalidSecretKey` if the key for it stays locked.
    """
    engine()
    message = received if isinstance(received, ReceivedMessage) else parse(received)
    mine = (keys,) if isinstance(keys, SecretKey) else tuple(keys)
    try:
        session_keys, data = _sealed(message)
        session = _session_key(session_keys, mine)
        contents = read_contents(opened_data(data.body, session), max_octets=max_octets)
    except CannotDecrypt as fault:
        return Decryption(status=fault.status, reason=fault.reason)
    content, signature = _checked(
        message, contents, tuple(certificates), local_now() if at is None else at
    )
    return Decryption(
        status=DecryptionStatus.DECRYPTED,
        content=content,
        cipher=cipher_name(session),
        signature=signature,
    )


def _checked(
    message: ReceivedMessage,
    contents: Contents,
    certificates: Sequence[Certificate],
    at: datetime,
) -> tuple[bytes, SignatureVerification[Certificate]]:
    """Check the signature over the contents; give what is inside it."""
    content, signatures = contents.octets, contents.signatures
    if not signatures and (nested := signed_content(parse(content).root)):
        # RFC 3156 6.1: signed first, as a message of its own.
        content, armored = nested
        try:
            signatures = signature_packets(armored)
        except InvalidPackets as fault:
            return content, unreadable(fault)
    return content, judged(message, content, signatures, certificates, at, is_encrypted=True)


def _sealed(message: ReceivedMessage) -> tuple[tuple[SealedSessionKey, ...], Packet]:
    """Take the packets of an encrypted message apart; raises `CannotDecrypt`."""
    root = message.root
    if (
        root.media_type != "multipart/encrypted"
        or len(root.parts) != 2
        or root.parts[0].media_type != "application/pgp-encrypted"
        or root.parts[1].media_type != "application/octet-stream"
    ):
        raise CannotDecrypt(
            "the message is not encrypted by OpenPGP as a whole",
            DecryptionStatus.NOT_ENCRYPTED,
        )
    ignored = (PacketType.MARKER, PacketType.PADDING)
    try:
        packets = [
            each
            for each in read_packets(dearmored(root.parts[1].content))
            if each.type not in ignored
        ]
    except InvalidPackets as error:
        raise CannotDecrypt(error.text, DecryptionStatus.DAMAGED) from None
    *sealed_keys, data = packets or [_NOTHING]
    if data.type == PacketType.SED:
        raise CannotDecrypt(
            "nothing protects the message against changes, by which others could read it",
            DecryptionStatus.REFUSED,
        )
    if data.type != PacketType.SEIPD or any(
        each.type not in {PacketType.PKESK, PacketType.SKESK} for each in sealed_keys
    ):
        raise CannotDecrypt("this is no encrypted message", DecryptionStatus.DAMAGED)
    public = [each for each in sealed_keys if each.type == PacketType.PKESK]
    if not public:
        raise CannotDecrypt(
            "the message is encrypted to a password alone", DecryptionStatus.REFUSED
        )
    return tuple(_readable(public[:_MAX_SESSION_KEYS])), data


def _readable(packets: Iterable[Packet]) -> Iterable[SealedSessionKey]:
    for packet in packets:
        try:
            yield SealedSessionKey.read(packet.body)
        except InvalidPackets:
            continue


def _session_key(session_keys: Sequence[SealedSessionKey], keys: Sequence[SecretKey]) -> SessionKey:
    """Open the first session key that any of the keys opens."""
    locked: InvalidSecretKey | None = None
    for key in keys:
        for subkey in key.keys:
            fitting = [each for each in session_keys if each.may_be_for(subkey)]
            if not fitting:
                continue
            try:
                private = key.unlocked(subkey)
            except InvalidSecretKey as error:
                locked = error
                continue
            for each in fitting:
                session = each.opened(subkey, private)
                if session is not None:
                    return session
    if locked is not None:
        raise locked
    raise CannotDecrypt(
        "none of the keys opens the message, or its cipher is not AES", DecryptionStatus.NO_KEY
    )
