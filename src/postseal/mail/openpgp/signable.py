"""A message in the form that no transport changes, as it has to be before it is signed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postseal.mail.conversion.encoders import Encoding, encoder
from postseal.mail.encodings import TransferEncoding
from postseal.mail.reading.parser import parse
from postseal.mail.reading.parts import ReceivedPart
from postseal.mail.reading.transfer import IDENTITIES

__all__ = ["signable"]

# RFC 3156 3 and 5: blanks at the end of a line get lost, and mailbox files change `From `.
_CHANGEABLE: Final = re.compile(rb"[ \t](?:\r\n|\Z)|^From ", re.MULTILINE)
_FIELD: Final = f"Content-Transfer-Encoding: {TransferEncoding.QUOTED_PRINTABLE}\r\n".encode(
    "ascii"
)


def signable(message: bytes) -> bytes:
    """Write in quoted-printable each text of a 7-bit message that a transport may change.

    What is signed or a message of its own stays as it is.
    """
    pieces = []
    position = 0
    for part in _changeable(parse(message).root):
        header = message[part.offset : part.body_offset]
        field = part.header.first("Content-Transfer-Encoding")
        if field is None:
            # In front of the empty line that ends the header.
            start = end = part.body_offset - 2
        else:
            start = field.offset
            end = part.offset + _field_end(header, start - part.offset)
        pieces += [message[position:start], _FIELD, message[end : part.body_offset]]
        writer = encoder(Encoding.QUOTED_PRINTABLE)
        body = part.raw_body
        position = part.body_offset + len(body)
        ends_message = position == len(message)
        pieces += [writer.feed(body), writer.finish(ends_message=ends_message)]
    return b"".join((*pieces, message[position:]))


def _changeable(part: ReceivedPart) -> Iterator[ReceivedPart]:
    if part.is_multipart:
        if part.media_type != "multipart/signed":
            for each in part.parts:
                yield from _changeable(each)
        return
    if (
        part.message is None
        and part.transfer_encoding in IDENTITIES
        and _has_header(part)
        and _CHANGEABLE.search(part.raw_body)
    ):
        yield part


def _has_header(part: ReceivedPart) -> bool:
    """Tell whether there is a place for a field: a header, even an empty one, with its end."""
    header = part.source[part.offset : part.body_offset]
    return header == b"\r\n" or header.endswith(b"\r\n\r\n")


def _field_end(header: bytes, start: int) -> int:
    """Find the end of a field, the lines among it that continue it."""
    end = header.index(b"\r\n", start) + 2
    while header[end : end + 1] in {b" ", b"\t"}:
        end = header.index(b"\r\n", end) + 2
    return end
