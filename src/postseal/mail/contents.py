"""What a message holds, taken over into a new one: its texts, its pictures and its files."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass

from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail.attachment import Attachment
from postseal.mail.calendar import Calendar
from postseal.mail.inline_images import with_references_renamed
from postseal.mail.message import Message
from postseal.mail.parameters import ContentType
from postseal.mail.reading.attachments import ReceivedAttachment
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.text_from_html import text_from_html

__all__ = ["Contents", "contents_of"]

_UNKNOWN = "application/octet-stream"
# Their octets are what they vouch for or hide; taken apart, they are nothing.
_SEALED = frozenset({"multipart/signed", "multipart/encrypted"})
_MAX_FILENAME = 200
_NOT_IN_FILENAME = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The texts of a message and the files with it; the HTML names its images by file names."""

    text: str | None
    amp: str | None
    html: str | None
    calendar: Calendar | None
    inline_images: tuple[Attachment, ...]
    attachments: tuple[Attachment, ...]

    @property
    def readable(self) -> str:
        """The text, or that of the HTML where there is none."""
        if self.text is not None:
            return self.text
        return text_from_html(self.html or "")


def contents_of(message: Message | ReceivedMessage) -> Contents:
    """Take the contents over.

    File names of a received message are made safe, and given where there is none. Raises
    `InvalidInput` for a received message that is signed or encrypted as a whole.
    """
    if isinstance(message, ReceivedMessage):
        return _received(message)
    return Contents(
        text=message.text,
        amp=message.amp,
        html=message.html,
        calendar=message.calendar,
        inline_images=message.inline_images,
        attachments=message.attachments,
    )


def _received(message: ReceivedMessage) -> Contents:
    if message.root.media_type in _SEALED:
        raise InvalidInput(
            f"the message is {message.root.media_type}: its parts mean nothing without the whole",
            hint="Attach its octets as a file instead.",
        )
    html = message.html
    calendar, invitation = _calendar(message)
    amp = None if html is None else _alternative(message, "text/x-amp-html")
    files: dict[str, Attachment] = {}
    names: dict[str, str] = {}
    for number, received in enumerate(message.attachments, start=1):
        octets = received.content
        if received in {amp, invitation} or (calendar and octets == calendar.to_octets()):
            continue
        name = _safe_name(received, number)
        if name in files:
            name = f"{number}-{name}"
        files[name] = Attachment.from_bytes(
            octets, filename=name, content_type=_content_type(received)
        )
        if received.content_id is not None:
            names[received.content_id] = name
    shown: set[str] = set()
    if html is not None:
        html, found = with_references_renamed(html, names)
        shown = {names[each] for each in found}
    return Contents(
        text=message.text,
        amp=None if amp is None else amp.part.text,
        html=html,
        calendar=calendar,
        inline_images=tuple(file for name, file in files.items() if name in shown),
        attachments=tuple(file for name, file in files.items() if name not in shown),
    )


def _alternative(message: ReceivedMessage, media_type: str) -> ReceivedAttachment | None:
    """Find what the reader takes for a file, and was meant as one more form of the text."""
    for each in message.attachments:
        part = each.part
        if part.media_type == media_type and part.disposition is None and not part.filename:
            return each
    return None


def _calendar(message: ReceivedMessage) -> tuple[Calendar | None, ReceivedAttachment | None]:
    found = _alternative(message, "text/calendar")
    if found is None or (message.text is None and message.html is None):
        return None, None
    try:
        return Calendar(found.part.text), found
    except InvalidInput:
        return None, None


def _safe_name(received: ReceivedAttachment, number: int) -> str:
    # What a stranger wrote may be a path of any system.
    name = re.split(r"[/\\]", received.filename or "")[-1]
    stem, dot, extension = _NOT_IN_FILENAME.sub("", name).strip().rpartition(".")
    name = (stem[: _MAX_FILENAME - len(extension)] + dot + extension)[:_MAX_FILENAME].strip()
    if name in {"", ".", ".."}:
        guessed = mimetypes.guess_extension(received.media_type)
        if received.media_type == "message/rfc822":
            guessed = ".eml"
        return f"attachment-{number}{guessed or ''}"
    return name


def _content_type(received: ReceivedAttachment) -> str:
    """Give the type with its charset, which a text needs; other parameters named the file."""
    if received.media_type.startswith(("multipart/", "message/")):
        return _UNKNOWN
    charset = received.part.charset if received.media_type.startswith("text/") else None
    text = f'{received.media_type}; charset="{charset}"' if charset else received.media_type
    try:
        ContentType.parse(text)
    except InvalidHeader:
        return _UNKNOWN
    return text
