"""The tree of parts that a body is made of, laid out as segments to be written in order.

A part is its header fields and its body. Bodies are octets and attachments, in short stretches;
`joined` makes as few of them as there can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from postseal.mail.encodings import BOUNDARY_START, encode_text

if TYPE_CHECKING:
    from postseal.mail.attachment import Attachment

__all__ = ["Part", "Segment", "joined", "multipart", "text_part"]

_BOUNDARY_START = BOUNDARY_START.decode("ascii")

Segment: TypeAlias = "bytes | Attachment"
"""A stretch of a body: octets as they are sent, or an attachment, which encodes itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """A MIME entity (RFC 2045 2.4): its `Content-` fields, with CRLF each, and its body."""

    fields: bytes
    body: tuple[Segment, ...]


def text_part(subtype: str, text: str, *, parameters: str = "") -> Part:
    """Make a `text/` part in UTF-8, encoded as its content needs.

    `parameters` are written behind the charset as they are, `; name=token` each, few enough for
    one line.
    """
    encoding, body = encode_text(text)
    fields = (
        f"Content-Type: text/{subtype}; charset=utf-8{parameters}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n"
    )
    return Part(fields.encode("ascii"), (body,))


def multipart(subtype: str, parts: Sequence[Part], *, token: str, parameters: str = "") -> Part:
    """Put parts, at least one, together in the given order (RFC 2046 5.1).

    `token` goes into the boundary: hexadecimal digits, 32 at most, which nobody can predict. A
    multipart within one of the same subtype needs a token of its own. `parameters` are written
    before the boundary as they are, ` name=value;` each, few enough for one line.
    """
    boundary = f"{_BOUNDARY_START}{subtype}_{token}"
    fields = f'Content-Type: multipart/{subtype};{parameters}\r\n boundary="{boundary}"\r\n'
    # The line end before a delimiter belongs to the delimiter; before the first, it is there.
    delimiter = f"\r\n--{boundary}\r\n".encode("ascii")
    segments: list[Segment] = []
    for part in parts:
        segments += (delimiter, part.fields, b"\r\n", *part.body)
    segments[0] = delimiter[2:]
    segments.append(f"\r\n--{boundary}--\r\n".encode("ascii"))
    return Part(fields.encode("ascii"), tuple(segments))


def joined(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Join neighbouring octets; what follows the last attachment is one segment."""
    joined: list[Segment] = []
    octets: list[bytes] = []
    for segment in segments:
        if isinstance(segment, bytes):
            octets.append(segment)
            continue
        if octets:
            joined.append(b"".join(octets))
            octets = []
        joined.append(segment)
    joined.append(b"".join(octets))
    return tuple(joined)
