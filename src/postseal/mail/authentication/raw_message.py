"""A message as it lies on the wire, cut into header fields and body octet by octet.

Signatures are made over octets, so nothing here decodes, unfolds or repairs. `MessageSplitter`
takes a message in pieces of any size and keeps no more of it than the header section.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from postseal.crlf import has_only_crlf
from postseal.errors import InvalidInput

__all__ = [
    "MAX_HEADER",
    "InvalidMessage",
    "MessageSplitter",
    "RawField",
    "pieces_of",
    "read_fields",
    "refuse_bare_line_ends",
]

MAX_HEADER: Final = 1_048_576
"""The longest header section that is read, in octets."""

_END = b"\r\n\r\n"
_PIECE = 65_536
# A field is a line and the lines behind it that begin with white space (RFC 5322 2.2.3).
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
# Readers differ about where such lines end: text for one of them is a field for another.
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")


class InvalidMessage(InvalidInput):
    """Octets are no message whose signatures could mean the same to every reader."""


@dataclass(frozen=True, slots=True)
class RawField:
    """One header field: its name in lower case, and all its octets with the CRLF at the end."""

    name: str
    octets: bytes

    @property
    def value(self) -> bytes:
        """What stands behind the first colon, the CRLF at the end included."""
        return self.octets.partition(b":")[2]


def read_fields(section: bytes) -> tuple[RawField, ...]:
    """Cut a header section, which ends with the CRLF of its last field, into its fields.

    Raises `InvalidMessage` for a bare CR or LF, a NUL, or a line that is no field.
    """
    is_clean = has_only_crlf(section) and b"\x00" not in section
    if not is_clean and (found := _BARE.search(section)):
        raise InvalidMessage(
            f"the header section holds {_shown(found[0])} at octet {found.start()}",
            hint="Lines end with CRLF (RFC 5322 2.3).",
        )
    return tuple(_fields(section))


def _fields(section: bytes) -> Iterator[RawField]:
    at = 0
    while at < len(section):
        found = _FIELD.match(section, at)
        if found is None:
            raise InvalidMessage(
                f"the line at octet {at} is no header field: {section[at : at + 40]!a}",
                hint="A field is a name of printable ASCII and a colon (RFC 5322 2.2).",
            )
        yield RawField(found[1].decode("ascii").lower(), found[0])
        at = found.end()


def refuse_bare_line_ends(piece: bytes) -> None:
    """Raise `InvalidMessage` if a piece of a body that ends in no CR holds a bare CR or LF."""
    if not has_only_crlf(piece):
        raise InvalidMessage(
            "the body holds a CR without LF or an LF without CR",
            hint="Relays change those and break the signature: end lines with CRLF before signing.",
        )


def pieces_of(message: bytes | Iterable[bytes]) -> Iterable[bytes]:
    """Give a message in pieces, whether it comes whole or already in pieces."""
    if isinstance(message, bytes):
        if len(message) <= _PIECE:
            return (message,)
        view = memoryview(message)
        return (bytes(view[at : at + _PIECE]) for at in range(0, len(message), _PIECE))
    return message


class MessageSplitter:
    """Takes a message in pieces; collects the header section and passes the body on."""

    __slots__ = ("_head", "_limit", "_searched", "header")

    def __init__(self, *, max_header: int = MAX_HEADER) -> None:
        self._head = bytearray()
        self._searched = 0
        self._limit = max_header
        self.header: bytes | None = None
        """The header section without the empty line behind it, once that has been seen."""

    def feed(self, piece: bytes) -> bytes:
        """Take a piece; return what it holds of the body.

        Raises `InvalidMessage` for a header section beyond the limit.
        """
        if self.header is not None:
            return piece
        head = self._head
        head += piece
        if head.startswith(b"\r\n"):
            return self._split(0, 2)
        end = head.find(_END, self._searched)
        if end >= 0 and end <= self._limit:
            return self._split(end + 2, end + 4)
        if len(head) > self._limit:
            raise InvalidMessage(
                f"the header section is longer than {self._limit} octets",
                hint="Nobody could check a signature over it in bounded memory.",
            )
        self._searched = max(0, len(head) - len(_END) + 1)
        return b""

    def finish(self) -> bytes:
        """Return the header section at the end of the message, which may have no body at all."""
        if self.header is None:
            self.header = bytes(self._head)
        if self.header and not self.header.endswith(b"\r\n"):
            raise InvalidMessage("the message ends within its header section")
        return self.header

    def _split(self, header_end: int, body_start: int) -> bytes:
        self.header = bytes(self._head[:header_end])
        body = bytes(self._head[body_start:])
        self._head.clear()
        return body


def _shown(octet: bytes) -> str:
    return {b"\r": "a CR without LF", b"\n": "an LF without CR"}.get(octet, "a NUL")
