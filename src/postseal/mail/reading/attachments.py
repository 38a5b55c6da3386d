"""What comes with a message, and what of it is the message: texts and attachments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postseal.mail.reading.parts import Disposition, ReceivedPart
from postseal.mail.reading.uuencode import split_uuencoded

if TYPE_CHECKING:
    from postseal.mail.reading.message import ReceivedMessage

__all__ = ["ReceivedAttachment", "attachments_of", "body_parts"]

_UNKNOWN = "application/octet-stream"
_BODIES = ("text/plain", "text/html")


@dataclass(frozen=True, slots=True)
class ReceivedAttachment:
    """A file that came with a message: a part, or uuencoded lines within one.

    `filename` is what the sender wrote, whatever path is in it, and None where there is none.
    """

    filename: str | None
    media_type: str
    part: ReceivedPart
    _uuencoded: bytes | None = field(default=None, repr=False)

    @property
    def content(self) -> bytes:
        """The octets of the file; those of a part are decoded anew each time."""
        return self.part.content if self._uuencoded is None else self._uuencoded

    @property
    def is_inline(self) -> bool:
        """Whether it is to be shown within the message: an image of the HTML, mostly."""
        if self._uuencoded is not None:
            return False
        if self.part.disposition is None:
            return self.part.content_id is not None
        return self.part.disposition is Disposition.INLINE

    @property
    def content_id(self) -> str | None:
        """The name by which the HTML refers to it, without brackets (RFC 2392)."""
        return self.part.content_id if self._uuencoded is None else None

    @property
    def message(self) -> ReceivedMessage | None:
        """The message that is attached, if it is one."""
        return self.part.message if self._uuencoded is None else None

    @property
    def is_tnef(self) -> bool:
        """Whether it is a TNEF container, whose files are not taken out."""
        return self._uuencoded is None and self.part.is_tnef


def body_parts(part: ReceivedPart, *, index: int = 0, parent: str = "") -> Iterator[ReceivedPart]:
    """Yield the texts of a message, plain and HTML, by the rules of RFC 8621 4.1.4.

    Attachments are no texts, nor is what stands in a `multipart/related` behind its root, nor a
    part with a file name behind the first of its multipart.
    """
    if part.is_multipart:
        for number, each in enumerate(part.parts):
            yield from body_parts(each, index=number, parent=part.media_type)
    elif (
        part.media_type in _BODIES
        and part.disposition is not Disposition.ATTACHMENT
        and (index == 0 or (parent != "multipart/related" and not part.filename))
    ):
        yield part


def attachments_of(
    root: ReceivedPart, bodies: tuple[ReceivedPart, ...]
) -> Iterator[ReceivedAttachment]:
    """Yield every leaf that is no text of the message, and the files in the texts."""
    texts = set(bodies)
    for part in _leaves(root):
        if part not in texts:
            yield ReceivedAttachment(part.filename, part.media_type, part)
        elif part.media_type == "text/plain":
            for file in split_uuencoded(part.text)[1]:
                yield ReceivedAttachment(file.filename, _UNKNOWN, part, file.content)


def _leaves(part: ReceivedPart) -> Iterator[ReceivedPart]:
    if not part.is_multipart:
        yield part
    for each in part.parts:
        yield from _leaves(each)
