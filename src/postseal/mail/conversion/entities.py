"""What the header of a message or part says of its body: its kind, and how that may be encoded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from postseal.mail.reading.comments import without_comments
from postseal.mail.reading.parameters import ParameterizedValue, read_parameterized
from postseal.mail.reading.transfer import IDENTITIES

__all__ = ["BodyKind", "Entity", "Field", "Place", "is_field_start", "read_entity"]

# RFC 2046 5.1.1
_MAX_BOUNDARY: Final = 70
_MAX_FIELD: Final = 4096

_FIELD_START: Final = re.compile(rb"[!-9;-~]++[ \t]*+:")
_ENCODING: Final = "content-transfer-encoding"
_TYPE: Final = "content-type"
_SIGNATURES: Final = ("dkim-signature", "domainkey-signature", "arc-message-signature")


@unique
class BodyKind(Enum):
    """What a body is to the conversion."""

    MULTIPART = "multipart"
    MESSAGE = "message"
    TEXT = "text"
    DATA = "data"
    BASE64 = "base64"
    """A leaf that is encoded already; only its lines may be cut anew."""
    FIXED = "fixed"
    """Nothing in it may change, or nobody can tell what a change would mean."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a header section stands: the entity around it, and what it is without Content-Type.

    `number` is its part number as readers count them (`1.2`), empty for the message itself.
    `starts_message`: it is the header of a message, the outermost one or one inside.
    """

    index: int
    number: str
    depth: int
    parent: Entity | None
    starts_message: bool
    default_type: str = "text/plain"

    def __str__(self) -> str:
        return f"part {self.number}" if self.number else "the message"


@dataclass(frozen=True, slots=True)
class Field:
    """A header field: its name in lower case, and its octets with the CRLF at the end."""

    name: str
    octets: bytes

    @classmethod
    def of(cls, octets: bytes) -> Field:
        """Read lines of which the first begins a field."""
        name = octets.partition(b":")[0].rstrip(b" \t")
        return cls(name.decode("ascii").lower(), octets)

    @property
    def value(self) -> bytes:
        """What stands behind the colon."""
        return self.octets.partition(b":")[2]


@dataclass(frozen=True, slots=True)
class Entity:
    """A message or part by what its header says (RFC 2045 2.4).

    `reason` says why a `FIXED` body must stay as it is. `encoding` and `content_type` are the
    fields of these names, where there are any; `says_8bit` if the former is 8bit or binary.
    `wants_charset`: it is plain text that names none. `signature` names a field that signs it.
    """

    place: Place
    kind: BodyKind
    reason: str = ""
    boundary: bytes = b""
    is_digest: bool = False
    encoding: Field | None = None
    content_type: Field | None = None
    says_8bit: bool = False
    wants_charset: bool = False
    lacks_version: bool = False
    signature: str = ""

    @classmethod
    def fixed(cls, place: Place, reason: str) -> Entity:
        """An entity whose header says nothing that could be relied on."""
        return cls(place, BodyKind.FIXED, reason)


def is_field_start(line: bytes) -> bool:
    """Tell whether a line begins a field: a name of printable ASCII and a colon (RFC 5322 2.2)."""
    return _FIELD_START.match(line) is not None


def read_entity(place: Place, fields: Sequence[Field]) -> Entity:
    """Tell from a header section what its body is."""
    by_name: dict[str, Field] = {}
    for field in fields:
        if field.name in by_name and field.name in (_TYPE, _ENCODING):
            return Entity.fixed(place, f"has more than one {field.name} field")
        if field.name in (_TYPE, _ENCODING) and len(field.octets) > _MAX_FIELD:
            return Entity.fixed(place, f"has an overlong {field.name} field")
        by_name.setdefault(field.name, field)
    encoding, content_type = by_name.get(_ENCODING), by_name.get(_TYPE)
    name = _encoding_name(encoding)
    media = read_parameterized(content_type.value if content_type else b"")
    if content_type is None:
        media = ParameterizedValue(place.default_type, (), is_regular=True)
    elif "/" not in media.value:
        # RFC 2045 5.2
        media = ParameterizedValue("text/plain", (), is_regular=False)
    kind, reason = _kind(media, name)
    return Entity(
        place,
        kind,
        reason,
        boundary=_boundary(media) if kind is BodyKind.MULTIPART else b"",
        is_digest=media.value == "multipart/digest",
        encoding=encoding,
        content_type=content_type,
        says_8bit=name in ("8bit", "binary"),
        wants_charset=_wants_charset(media),
        lacks_version=place.starts_message and "mime-version" not in by_name,
        signature=next((each for each in _SIGNATURES if each in by_name), ""),
    )


def _encoding_name(field: Field | None) -> str:
    if field is None:
        return "7bit"
    value = without_comments(field.value.decode("latin-1"))
    return value.partition(";")[0].strip(' \t\r\n"').lower()


def _kind(media: ParameterizedValue, encoding: str) -> tuple[BodyKind, str]:
    main, _, subtype = media.value.partition("/")
    # RFC 6532 3.7, RFC 6533 6: unlike their elder siblings these may be encoded.
    is_composite = main == "multipart" or (main == "message" and not subtype.startswith("global"))
    if encoding not in IDENTITIES:
        if encoding == "base64" and not is_composite:
            return BodyKind.BASE64, "is base64 by its header"
        return BodyKind.FIXED, f"is encoded by its header as {encoding[:40]!a}"
    if main == "multipart":
        if subtype in ("signed", "encrypted"):
            return BodyKind.FIXED, f"is {media.value}, which no relay may change (RFC 1847)"
        if not _boundary(media):
            return BodyKind.FIXED, "is a multipart without a valid boundary"
        return BodyKind.MULTIPART, ""
    if is_composite:
        if subtype == "rfc822":
            return BodyKind.MESSAGE, ""
        return BodyKind.FIXED, f"is {media.value[:80]!a}, which must not be encoded (RFC 2046 5.2)"
    return (BodyKind.TEXT if main == "text" else BodyKind.DATA), ""


def _boundary(media: ParameterizedValue) -> bytes:
    boundary = (media.get("boundary") or "").rstrip(" \t")
    if len(boundary) > _MAX_BOUNDARY or not boundary.isascii() or not boundary.isprintable():
        return b""
    return boundary.encode("ascii")


def _wants_charset(media: ParameterizedValue) -> bool:
    # Other texts, such as HTML, may say it inside; what is irregular is not made worse.
    return media.value == "text/plain" and media.is_regular and media.get("charset") is None
