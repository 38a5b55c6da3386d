"""ASN.1 as CMS needs it: BER of any sender made into DER, read by a cursor, and written.

Senders that stream write BER with indefinite lengths and strings in pieces (X.690 8.1.3, 8.7.3).
`to_der` undoes both in one bounded walk, so that all else reads plain definite elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from postseal.errors import InvalidInput

__all__ = [
    "BIT_STRING",
    "GENERALIZED_TIME",
    "INTEGER",
    "NULL",
    "OCTET_STRING",
    "OID",
    "SEQUENCE",
    "SET",
    "UTC_TIME",
    "Cursor",
    "Element",
    "InvalidCMS",
    "context",
    "element",
    "integer",
    "octets_of",
    "oid",
    "oid_text",
    "sequence",
    "set_of",
    "to_der",
    "whole",
]

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OID: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31
NULL: Final = b"\x05\x00"

_CONSTRUCTED: Final = 0x20
_INDEFINITE: Final = 0x80
_END_OF_CONTENTS: Final = b"\x00\x00"
# More than any honest structure has; they bound the time that a hostile one takes.
_MAX_DEPTH: Final = 32
_MAX_ELEMENTS: Final = 250_000
_MAX_INTEGER: Final = 128
_MAX_OID: Final = 64


class InvalidCMS(InvalidInput):
    """Octets are no Cryptographic Message Syntax that can be read (RFC 5652)."""


def context(number: int, *, constructed: bool = True) -> int:
    """Give the identifier octet of a context-specific tag (X.690 8.1.2)."""
    return 0x80 | (_CONSTRUCTED if constructed else 0) | number


@dataclass(frozen=True, slots=True)
class Element:
    """One element: a view of the octets that it is in, of which nothing is copied until asked."""

    octets: bytes
    start: int
    begin: int
    end: int

    @property
    def tag(self) -> int:
        """The identifier octet."""
        return self.octets[self.start]

    @property
    def content(self) -> bytes:
        """What stands behind the length."""
        return self.octets[self.begin : self.end]

    @property
    def encoded(self) -> bytes:
        """All of it."""
        return self.octets[self.start : self.end]

    def cursor(self) -> Cursor:
        """Read the elements inside; raises `InvalidCMS` for an element that holds none."""
        if not self.tag & _CONSTRUCTED:
            raise InvalidCMS(f"an element with the tag {self.tag:#04x} holds no others")
        return Cursor(self.octets, self.begin, self.end)

    def inner(self) -> Element:
        """Read the one element that stands under an explicit tag (X.690 8.14.2)."""
        return self.cursor().only()


class Cursor:
    """Takes definite elements one after another; whatever is not as expected is `InvalidCMS`."""

    __slots__ = ("_at", "_end", "_octets")

    def __init__(self, octets: bytes, start: int = 0, end: int | None = None) -> None:
        self._octets = octets
        self._at = start
        self._end = len(octets) if end is None else end

    @property
    def tag(self) -> int | None:
        """The identifier octet of the next element, None at the end."""
        return self._octets[self._at] if self._at < self._end else None

    def take(self, *tags: int) -> Element:
        """Take the next element, which has one of these tags, or any where none is given."""
        if self.tag is None:
            raise InvalidCMS("a structure ends too early")
        if tags and self.tag not in tags:
            expected = " or ".join(f"{tag:#04x}" for tag in tags)
            raise InvalidCMS(f"an element has the tag {self.tag:#04x}, and {expected} was due")
        start = self._at
        begin, length = _length(self._octets, start)
        if length is None or begin + length > self._end:
            raise InvalidCMS("an element has no end")
        self._at = begin + length
        return Element(self._octets, start, begin, self._at)

    def only(self) -> Element:
        """Take the next element, which is the last."""
        found = self.take()
        if self.tag is not None:
            raise InvalidCMS("there are octets behind the structure")
        return found

    def optional(self, *tags: int) -> Element | None:
        """Take the next element if it has one of these tags."""
        return self.take(*tags) if self.tag in tags else None

    def rest(self) -> Iterator[Element]:
        """Take all that are left."""
        while self.tag is not None:
            yield self.take()

    def oid(self) -> str:
        """Take an object identifier in its dotted form."""
        return oid_text(self.take(OID))

    def integer(self) -> int:
        """Take an integer of bounded size."""
        content = self.take(INTEGER).content
        if not 0 < len(content) <= _MAX_INTEGER:
            raise InvalidCMS(f"an integer has {len(content)} octets")
        return int.from_bytes(content, "big", signed=True)


def whole(octets: bytes) -> Element:
    """Read octets that are one element and nothing behind it."""
    return Cursor(octets).only()


def octets_of(element: Element) -> bytes:
    """Give an OCTET STRING under an implicit tag, whether whole or in pieces (X.690 8.7)."""
    if not element.tag & _CONSTRUCTED:
        return element.content
    return b"".join(_octets_in(element.cursor()))


def _octets_in(cursor: Cursor) -> Iterator[bytes]:
    while cursor.tag is not None:
        yield cursor.take(OCTET_STRING).content


def oid_text(element: Element) -> str:
    """Read an object identifier (X.690 8.19)."""
    content = element.content
    if element.tag != OID or not 0 < len(content) <= _MAX_OID or content[-1] & 0x80:
        raise InvalidCMS("an object identifier cannot be read")
    arcs: list[int] = []
    arc = 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def element(tag: int, *parts: bytes) -> bytes:
    """Write an element of what stands in it."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, _INDEFINITE | size)) + length.to_bytes(size, "big") + content


def sequence(*parts: bytes) -> bytes:
    """Write a SEQUENCE."""
    return element(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    """Write a SET OF, its members in the order of DER (X.690 11.6)."""
    return element(SET, *sorted(parts))


def integer(value: int) -> bytes:
    """Write an INTEGER."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return element(INTEGER, value.to_bytes(size, "big", signed=True))


def oid(dotted: str) -> bytes:
    """Write an object identifier that is given in its dotted form."""
    first, second, *others = map(int, dotted.split("."))
    return element(OID, *map(_base_128, (40 * first + second, *others)))


def _base_128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(arc & 0x7F | 0x80)
    return bytes(reversed(octets))


def to_der(octets: bytes) -> bytes:
    """Write BER again with definite, shortest lengths and whole strings.

    Raises `InvalidCMS` for what is not one element, and for more than 32 levels or 250,000
    elements. The members of sets stay in their order: whose order counts is for the reader to say.
    """
    walk = _Walk(octets)
    encoded, end = walk.element(0, len(octets), 1)
    if end != len(octets):
        raise InvalidCMS("there are octets behind the structure")
    return encoded


class _Walk:
    __slots__ = ("_octets", "_room")

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._room = _MAX_ELEMENTS

    def element(self, start: int, end: int, depth: int) -> tuple[bytes, int]:
        """Read the element at `start`, which ends before `end`; give it in DER, and its end."""
        octets = self._octets
        if start >= end:
            raise InvalidCMS("a structure ends too early")
        self._room -= 1
        if depth > _MAX_DEPTH or not self._room:
            raise InvalidCMS("a structure has too many elements, or they lie too deep")
        begin, length = _length(octets, start)
        tag = octets[start]
        if length is not None and begin + length > end:
            raise InvalidCMS("an element has no end")
        if not tag & _CONSTRUCTED:
            if length is None:
                raise InvalidCMS("an element of indefinite length holds no others")
            return element(tag, octets[begin : begin + length]), begin + length
        if length is None:
            parts, behind = self._until_end_of_contents(begin, end, depth)
        else:
            parts, behind = self._until(begin, begin + length, depth), begin + length
        if tag == OCTET_STRING | _CONSTRUCTED:
            return element(OCTET_STRING, *map(_string_piece, parts)), behind
        return element(tag, *parts), behind

    def _until(self, at: int, end: int, depth: int) -> list[bytes]:
        parts: list[bytes] = []
        while at < end:
            part, at = self.element(at, end, depth + 1)
            parts.append(part)
        return parts

    def _until_end_of_contents(self, at: int, end: int, depth: int) -> tuple[list[bytes], int]:
        parts: list[bytes] = []
        while not self._octets.startswith(_END_OF_CONTENTS, at, end):
            part, at = self.element(at, end, depth + 1)
            parts.append(part)
        return parts, at + len(_END_OF_CONTENTS)


def _string_piece(encoded: bytes) -> bytes:
    return Cursor(encoded).take(OCTET_STRING).content


def _length(octets: bytes, start: int) -> tuple[int, int | None]:
    """Read identifier and length at `start`: where the content begins, and its length if told."""
    if octets[start] & 0x1F == 0x1F:
        raise InvalidCMS("an element has an identifier of several octets")
    if start + 1 >= len(octets):
        raise InvalidCMS("an element has no length")
    first = octets[start + 1]
    if first < _INDEFINITE:
        return start + 2, first
    if first == _INDEFINITE:
        return start + 2, None
    begin = start + 2 + (first & 0x7F)
    if first & 0x7F > 8 or begin > len(octets):
        raise InvalidCMS("an element has a length that cannot be read")
    return begin, int.from_bytes(octets[start + 2 : begin], "big")
