"""What is wrong with a message that was read: reading lists it and goes on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

__all__ = ["Defect", "DefectKind"]


@unique
class DefectKind(StrEnum):
    """The kinds of breach of RFC 5322, RFC 2045 to 2047 and RFC 2231, and of limits reached."""

    # Header section
    MBOX_LINE = "a From line of a mailbox file stands before the header"
    NOT_A_FIELD = "a line of the header is no field"
    MISSING_SEPARATOR = "no empty line separates header and body"
    SPACE_BEFORE_COLON = "space between a field name and its colon"
    REPEATED_FIELD = "a field that may stand once is repeated"
    TOO_MANY_FIELDS = "more fields than the limit; the others are left out"
    FIELD_TOO_LONG = "a field longer than the limit; the rest of it is left out"
    UNENCODED_HEADER = "a field holds octets that are not UTF-8"
    # Structured fields
    INVALID_DATE = "the date cannot be read"
    INVALID_CONTENT_TYPE = "the content type cannot be read"
    INVALID_PARAMETER = "a parameter cannot be read as it stands"
    # Addresses
    INVALID_ADDRESS = "an element of an address list is no address"
    MISSING_ADDRESS = "an element of an address list has a name and no address"
    UNCLOSED = "a quote, comment, bracket or group is not closed"
    MISPLACED_CHARACTER = "a character that may not stand here"
    # Structure
    MISSING_BOUNDARY = "a multipart names no boundary"
    NO_PARTS = "a multipart whose boundary does not occur"
    UNCLOSED_MULTIPART = "the last boundary of a multipart is missing"
    TOO_MANY_PARTS = "more parts than the limit; the others are left out"
    TOO_DEEP = "parts nested deeper than the limit; they are not taken apart"
    ENCODED_COMPOSITE = "a transfer encoding that is not allowed for this type"
    # Content
    UNKNOWN_ENCODING = "an unknown transfer encoding; the content is left as it is"
    INVALID_BASE64 = "content that is not base64"
    INVALID_QUOTED_PRINTABLE = "content that is not quoted-printable"
    INVALID_UUENCODE = "content that is not uuencoded"
    CONTENT_TOO_LARGE = "decoded content larger than the limit; the rest of it is left out"
    UNKNOWN_CHARSET = "an unknown charset"
    UNDECODABLE_TEXT = "octets that the charset does not have"
    OPAQUE_TNEF = "a TNEF container, whose files are not taken out"


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong: what, at which octet of the message (from 0), and a detail.

    Where a field or a body is meant as a whole, the offset is that of its first octet.
    """

    kind: DefectKind
    offset: int
    detail: str = ""

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.kind} (octet {self.offset}){detail}"
