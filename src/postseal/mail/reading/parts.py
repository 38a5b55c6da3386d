"""The parts of a message: views of its octets, taken apart and decoded when somebody looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum, unique
from functools import cached_property
from typing import TYPE_CHECKING

from postseal.mail.parameters import ContentType
from postseal.mail.reading.charsets import decode
from postseal.mail.reading.defects import Defect, DefectKind
from postseal.mail.reading.fields import HeaderSection
from postseal.mail.reading.parameters import ParameterizedValue, read_parameterized
from postseal.mail.reading.transfer import IDENTITIES, body_defect, decode_body

if TYPE_CHECKING:
    from postseal.mail.reading.message import ReceivedMessage

__all__ = ["Disposition", "ReceivedPart", "encoding_of", "read_content_type"]

_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}\Z")
_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")


@unique
class Disposition(StrEnum):
    """What the sender wants done with a part (RFC 2183 2)."""

    INLINE = "inline"
    ATTACHMENT = "attachment"


class ReceivedPart:
    """A part of a message (RFC 2045 2.4): header, and a body or the parts within.

    `offset` is where it begins in the message and `body_offset` where its body does. `bytes(part)`
    gives its octets as they arrived. Nothing that the octets hold raises.
    """

    def __init__(
        self,
        octets: bytes,
        *,
        span: tuple[int, int, int],
        header: HeaderSection,
        content_type: ContentType,
        parts: tuple[ReceivedPart, ...],
        message: ReceivedMessage | None,
        defects: tuple[Defect, ...],
        max_content_octets: int,
    ) -> None:
        self._octets = octets
        self.offset, self.body_offset, self._end = span
        self.header = header
        self.content_type = content_type
        self.parts = parts
        self.message = message
        self._structure_defects = defects
        self._max_content = max_content_octets

    @property
    def media_type(self) -> str:
        """The type and subtype in lower case; `text/plain` where none can be read."""
        return self.content_type.media_type

    @property
    def is_multipart(self) -> bool:
        """Whether this is a `multipart/` with parts that were found."""
        return bool(self.parts)

    @property
    def transfer_encoding(self) -> str:
        """The transfer encoding in lower case, empty where none is named."""
        return encoding_of(self.header)

    @cached_property
    def _disposition(self) -> ParameterizedValue | None:
        field = self.header.first("Content-Disposition")
        return read_parameterized(field.octets) if field else None

    @property
    def disposition(self) -> Disposition | None:
        """Inline or attachment, None where the sender says neither.

        A disposition that nobody knows is an attachment (RFC 2183 2.8).
        """
        if self._disposition is None or not self._disposition.value:
            return None
        if self._disposition.value == Disposition.INLINE:
            return Disposition.INLINE
        return Disposition.ATTACHMENT

    @property
    def filename(self) -> str | None:
        """The file name that the sender gives, None without one.

        It is what a stranger wrote, with whatever path in it: show it, and never open it.
        """
        name = self._disposition.get("filename") if self._disposition else None
        if name is None:
            name = self.content_type.get("name")
        return name or None

    @property
    def content_id(self) -> str | None:
        """The Content-ID without its brackets, as `cid:` URLs have it (RFC 2392)."""
        value = self.header.get("Content-ID")
        return value.strip("<> ") or None if value else None

    @property
    def charset(self) -> str | None:
        """The charset that is named, in lower case."""
        charset = self.content_type.get("charset")
        return charset.lower() if charset else None

    @property
    def is_tnef(self) -> bool:
        """Whether this is the container that Outlook hides files in, which stays closed here."""
        return self.media_type in _TNEF or (self.filename or "").lower() == "winmail.dat"

    @property
    def source(self) -> bytes:
        """The octets that all offsets of this part count in."""
        return self._octets

    @property
    def raw_body(self) -> bytes:
        """The octets of the body as they arrived."""
        return self._octets[self.body_offset : self._end]

    @property
    def content(self) -> bytes:
        """The octets of the body with the transfer encoding undone, decoded anew each time.

        They end at the limit for content; a defect says so.
        """
        return self._decoded(self._max_content)

    def _decoded(self, limit: int) -> bytes:
        encoding = "" if self.is_multipart else self.transfer_encoding
        end = self._end
        if encoding in IDENTITIES:
            end = min(end, self.body_offset + limit)
        decoded = decode_body(self._octets, self.body_offset, end, encoding)
        return decoded if len(decoded) <= limit else decoded[:limit]

    @property
    def text(self) -> str:
        r"""The body as text in its charset, with `\n` for all line ends.

        Octets that the charset does not have become U+FFFD; an unknown charset is taken for UTF-8
        or Windows-1252.
        """
        return self._decoded_text()[0]

    def _decoded_text(self) -> tuple[str, DefectKind | None]:
        text, defect = decode(self.content, self.charset or "")
        text = text.removeprefix("\ufeff")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text, defect

    def walk(self) -> Iterator[ReceivedPart]:
        """Yield this part and all within, also those of messages in it, from first to last."""
        yield self
        for part in self.parts:
            yield from part.walk()
        if self.message is not None:
            yield from self.message.walk()

    @cached_property
    def defects(self) -> tuple[Defect, ...]:
        """What is wrong with this part alone; finding that out decodes it."""
        found = [*self.header.defects, *self._structure_defects]
        if not self.is_multipart:
            found += self._content_defects()
        if self._disposition is not None and not self._disposition.is_regular:
            field = self.header.first("Content-Disposition")
            offset = self.offset if field is None else field.offset
            found.append(Defect(DefectKind.INVALID_PARAMETER, offset, "Content-Disposition"))
        return tuple(found)

    def _content_defects(self) -> Iterator[Defect]:
        encoding = self.transfer_encoding
        at = self.body_offset
        if broken := body_defect(self._octets, at, self._end, encoding):
            kind, offset = broken
            unknown = kind is DefectKind.UNKNOWN_ENCODING
            yield Defect(kind, offset, encoding if unknown else "")
        limit = self._max_content
        if self._end - at > limit and len(self._decoded(limit + 1)) > limit:
            yield Defect(DefectKind.CONTENT_TOO_LARGE, at)
        if self.is_tnef:
            yield Defect(DefectKind.OPAQUE_TNEF, at, self.filename or "")
        if self.media_type.startswith("text/"):
            defect = self._decoded_text()[1]
            if defect:
                yield Defect(defect, at, self.charset or "")

    def __bytes__(self) -> bytes:
        return self._octets[self.offset : self._end]

    def __repr__(self) -> str:
        return f"<ReceivedPart {self.media_type} of {self._end - self.offset} octets>"


def read_content_type(header: HeaderSection, default: str) -> tuple[ContentType, list[Defect]]:
    """Read the media type of a part; `default` is that without a field (RFC 2046 5.1.5).

    What cannot be read is `text/plain` (RFC 2045 5.2).
    """
    field = header.first("Content-Type")
    if field is None:
        return ContentType(default), []
    read = read_parameterized(field.octets)
    defects = []
    media_type = read.value
    if not _MEDIA_TYPE.match(media_type):
        defects.append(Defect(DefectKind.INVALID_CONTENT_TYPE, field.offset, media_type))
        media_type = "text/plain"
    elif not read.is_regular:
        defects.append(Defect(DefectKind.INVALID_PARAMETER, field.offset, "Content-Type"))
    return ContentType(media_type, read.parameters), defects


def encoding_of(header: HeaderSection) -> str:
    """Read Content-Transfer-Encoding, in lower case; empty where there is none (RFC 2045 6.1)."""
    field = header.first("Content-Transfer-Encoding")
    return read_parameterized(field.octets).value if field else ""
