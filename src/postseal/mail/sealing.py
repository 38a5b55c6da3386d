"""What S/MIME and OpenPGP share: a message before and after, and whose address is whose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from postseal.address import Address, ascii_domain
from postseal.mail.authentication.raw_message import pieces_of, refuse_bare_line_ends
from postseal.mail.conversion import ConversionScan, Converter
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage

__all__ = ["belongs_to", "prepared", "sealed"]

_VERSION: Final = b"MIME-Version: 1.0\r\n"


def prepared(message: Message | PreparedMessage) -> PreparedMessage:
    """Write a message in 7 bits, as it has to be before it is signed (RFC 8551 3.1.3).

    Raises `InvalidInput` for bare CR or LF, for an attachment that cannot be read, and for what
    cannot be written in 7 bits without a change of what it says.
    """
    if isinstance(message, Message):
        return PreparedMessage.from_message(message)
    refuse_bare_line_ends(message.content)
    if not message.is_8bit:
        return message
    return PreparedMessage(
        message.envelope,
        _seven_bit(message.content),
        is_internationalized=message.is_internationalized,
    )


def _seven_bit(content: bytes) -> bytes:
    """Encode what a message holds of 8-bit bodies."""
    scan = ConversionScan()
    for piece in pieces_of(content):
        scan.feed(piece)
    converter = Converter(scan.finish())
    written = [converter.feed(piece) for piece in pieces_of(content)]
    return b"".join((*written, converter.finish()))


def sealed(source: PreparedMessage, outer: bytes, entity: bytes) -> PreparedMessage:
    """Put a signed or encrypted entity under the header fields that stay outside."""
    content = outer + _VERSION + entity
    return PreparedMessage(source.envelope, content, is_internationalized=not content.isascii())


def belongs_to(addresses: Iterable[Address], address: Address) -> bool:
    """Tell whether an address is among others: local parts exactly, domains without case."""
    domain = ascii_domain(address.domain)
    return any(
        each.local == address.local and ascii_domain(each.domain) == domain for each in addresses
    )
