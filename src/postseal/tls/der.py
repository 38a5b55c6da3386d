"""The little of DER that is needed to find a certificate's parts (X.690 8.1, RFC 5280 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = [
    "BOOLEAN",
    "OBJECT_IDENTIFIER",
    "OCTET_STRING",
    "SEQUENCE",
    "Element",
    "certificate_fields",
    "elements",
    "is_one_element",
    "only_element",
    "public_key_of",
]

BOOLEAN: Final = 0x01
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
SEQUENCE: Final = 0x30
_EXPLICIT_VERSION: Final = 0xA0
# serialNumber, signature, issuer, validity, subject
_BEFORE_THE_KEY: Final = 5


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its identifier octet, its content, and all of it as it was encoded."""

    tag: int
    content: bytes
    encoded: bytes

    def children(self) -> Iterator[Element]:
        """Give the elements inside a SEQUENCE, in order; raise `ValueError` for other types."""
        if self.tag != SEQUENCE:
            raise ValueError(f"an element has the tag {self.tag:#04x} and is no SEQUENCE")
        return elements(self.content)


def elements(data: bytes) -> Iterator[Element]:
    """Give the elements that follow one another in `data`.

    Raises `ValueError` for lengths that are indefinite, longer than needed or beyond the end
    (X.690 10.1), and for identifiers of more than one octet, which certificates do not have.
    """
    start = 0
    while start < len(data):
        begin, length = _length(data, start)
        end = begin + length
        if end > len(data):
            raise ValueError("an element is cut")
        yield Element(data[start], data[begin:end], data[start:end])
        start = end


def only_element(data: bytes) -> Element:
    """Read octets that are one element; raise `ValueError` for more and for less."""
    found = elements(data)
    first = next(found, None)
    if first is None or next(found, None) is not None:
        raise ValueError("one element was due, and there are none or more")
    return first


def is_one_element(data: bytes, tag: int) -> bool:
    """Tell whether the data is one element with this tag and nothing behind it."""
    try:
        return only_element(data).tag == tag
    except ValueError:
        return False


def certificate_fields(certificate: bytes) -> tuple[Element, list[Element]]:
    """Give a certificate's SubjectPublicKeyInfo, and the optional fields behind it.

    Raises `ValueError` for what is no certificate.
    """
    # Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
    signed = next(only_element(certificate).children(), None)
    fields = list(signed.children()) if signed else []
    if fields and fields[0].tag == _EXPLICIT_VERSION:
        del fields[0]
    if len(fields) <= _BEFORE_THE_KEY or fields[_BEFORE_THE_KEY].tag != SEQUENCE:
        raise ValueError("it has no public key")
    return fields[_BEFORE_THE_KEY], fields[_BEFORE_THE_KEY + 1 :]


def public_key_of(certificate: bytes) -> bytes:
    """Give a certificate's SubjectPublicKeyInfo, as it stands there.

    Raises `ValueError` for what has none.
    """
    key, _ = certificate_fields(certificate)
    return key.encoded


def _length(data: bytes, start: int) -> tuple[int, int]:
    """Read identifier and length at `start`; return where the content begins, and its length."""
    if data[start] & 0x1F == 0x1F:
        raise ValueError("an element has an identifier of several octets")
    if start + 1 == len(data):
        raise ValueError("an element has no length")
    first = data[start + 1]
    if first < 0x80:
        return start + 2, first
    octets = data[start + 2 : start + 2 + (first & 0x7F)]
    length = int.from_bytes(octets, "big")
    # An indefinite length has no octets, a cut one too few.
    if not octets or len(octets) != first & 0x7F or octets[0] == 0 or length < 0x80:
        raise ValueError("an element has a length that is not distinguished encoding")
    return start + 2 + len(octets), length
