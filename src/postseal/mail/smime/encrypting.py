"""Messages encrypted by S/MIME, signed inside if somebody signs them (RFC 8551 3.3, 3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from postseal.address import Address
from postseal.defaults import Clock, RandomSource, local_now, random_octets
from postseal.errors import InvalidInput
from postseal.mail.envelope import Envelope
from postseal.mail.header_protection import HeaderConfidentiality, protect_for_encryption
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.sealing import belongs_to, prepared, sealed
from postseal.mail.smime.algorithms import ContentCipher
from postseal.mail.smime.certificates import (
    Purpose,
    addresses_of,
    fault_of_key,
    fault_of_purpose,
    fault_of_time,
)
from postseal.mail.smime.content_encryption import encrypted_data
from postseal.mail.smime.entity import SMIMEType, enclosed_entity
from postseal.mail.smime.key_management import RSAKeyTransport
from postseal.mail.smime.signing import SignatureForm, signed_entity

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from postseal.mail.smime.identity import Identity

__all__ = ["blind_copies", "encrypt"]


def encrypt(
    message: Message | PreparedMessage,
    certificates: Iterable[Certificate],
    *,
    signer: Identity | None = None,
    cipher: ContentCipher = ContentCipher.AES_256_GCM,
    key_transport: RSAKeyTransport = RSAKeyTransport.PKCS1_V1_5,
    confidentiality: HeaderConfidentiality = HeaderConfidentiality.BASELINE,
    clock: Clock = local_now,
    random: RandomSource = random_octets,
    dangerous_accept_unfit_certificates: bool = False,
    dangerous_accept_other_addresses: bool = False,
) -> PreparedMessage:
    """Encrypt a message and what of its header is confidential; sign it first if there is a signer.

    Of the certificates, those count that name a recipient or an author and may encrypt mail now;
    each recipient needs one, and with one of its own the author can read the message too. Whether
    anybody vouches for them is not checked: give those that you trust. An encrypted message names
    the certificates that can read it, so one that goes to a hidden recipient and to others is
    refused: see `blind_copies`.

    `dangerous_accept_unfit_certificates` takes those that are expired, too weak or not made for
    encrypting mail. `dangerous_accept_other_addresses` takes all as they are given, whomever they
    name, for hidden recipients too. Raises `InvalidInput`, which names the recipient, and as `sign`
    does.
    """
    source = prepared(message)
    now = clock()
    faults = {
        each: None if dangerous_accept_unfit_certificates else _fault(each, now)
        for each in certificates
    }
    chosen = tuple(each for each, fault in faults.items() if fault is None)
    if not dangerous_accept_other_addresses:
        header = parse(source.content)
        hidden = _hidden(source, header)
        if hidden and len(source.envelope.recipients) > 1:
            raise InvalidInput(
                "a hidden recipient would be named by the encryption to all others",
                recipient=str(hidden[0]),
                hint="Split the message with blind_copies, and encrypt each of them.",
            )
        for recipient in source.envelope.recipients:
            _check_readable(recipient, faults)
        readers = (*source.envelope.recipients, *_authors(header))
        chosen = tuple(each for each in chosen if _names_any(each, readers))
    if not chosen:
        raise InvalidInput("there is no certificate to encrypt for")
    protected = protect_for_encryption(source.content, confidentiality=confidentiality)
    content = protected.payload
    if signer is not None:
        # Nothing on the way sees it, so what is not ASCII may stand in it, enclosed.
        form = SignatureForm.CLEAR if content.isascii() else SignatureForm.ENCLOSED
        content = signed_entity(content, signer, form=form, at=now, random=random)
    structure = encrypted_data(
        content, chosen, cipher=cipher, transport=key_transport, random=random
    )
    kind = SMIMEType.AUTH_ENVELOPED_DATA if cipher.is_authenticated else SMIMEType.ENVELOPED_DATA
    return sealed(source, protected.outer, enclosed_entity(structure, kind))


def blind_copies(message: Message | PreparedMessage) -> tuple[PreparedMessage, ...]:
    """Split a message: one for those whom its header names, and one for each hidden recipient.

    Encrypted one by one, none of them tells of a hidden recipient. Each has its own envelope, and
    all are to be sent. Raises `InvalidInput` as `sign` does.
    """
    source = prepared(message)
    hidden = _hidden(source, parse(source.content))
    seen = tuple(each for each in source.envelope.recipients if each not in hidden)
    groups = [*([seen] if seen else []), *((each,) for each in hidden)]
    sender = source.envelope.sender
    return tuple(replace(source, envelope=Envelope(sender, group)) for group in groups)


def _authors(header: ReceivedMessage) -> tuple[Address, ...]:
    senders = header.addresses("Sender").mailboxes
    return tuple(each.address for each in (*header.from_, *senders))


def _hidden(source: PreparedMessage, header: ReceivedMessage) -> tuple[Address, ...]:
    named = (*_authors(header), *(each.address for each in (*header.to, *header.cc)))
    return tuple(each for each in source.envelope.recipients if not belongs_to(named, each))


def _names_any(certificate: Certificate, addresses: Iterable[Address]) -> bool:
    named = addresses_of(certificate)
    return any(belongs_to(named, address) for address in addresses)


def _check_readable(recipient: Address, faults: Mapping[Certificate, str | None]) -> None:
    reason = "there is no certificate that names the recipient"
    for certificate, fault in faults.items():
        if _names_any(certificate, (recipient,)):
            if fault is None:
                return
            reason = fault
    raise InvalidInput(
        reason, recipient=str(recipient), hint="Ask for a certificate that is for mail and valid."
    )


def _fault(certificate: Certificate, now: datetime) -> str | None:
    return (
        fault_of_time(certificate, now)
        or fault_of_key(certificate)
        or fault_of_purpose(certificate, Purpose.ENCRYPTING)
    )
