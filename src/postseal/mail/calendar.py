"""Invitations and answers to them: an iCalendar object as mail carries it (RFC 6047)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum, unique

from postseal.errors import InvalidInput
from postseal.mail._text import excerpt, utf8_octets
from postseal.mail.attachment import Attachment, check_filename

__all__ = ["Calendar", "CalendarMethod"]

_FOLD = re.compile(r"(?:\r\n|\r|\n)[ \t]")
_METHOD = re.compile(r"^METHOD(?:;[^:\r\n]*)?:([^\r\n]*)\r?$", re.IGNORECASE | re.MULTILINE)
_OBJECT = re.compile(
    r"BEGIN:VCALENDAR[ \t]*[\r\n](?:.*[\r\n])?END:VCALENDAR\s*\Z", re.IGNORECASE | re.DOTALL
)
_LINE_END = re.compile(r"\r\n|\r|\n")
_MAX_CHARACTERS = 4 * 1024 * 1024


@unique
class CalendarMethod(StrEnum):
    """What the receiver is asked to do with a calendar object (RFC 5546 1.4)."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    REPLY = "REPLY"
    ADD = "ADD"
    CANCEL = "CANCEL"
    REFRESH = "REFRESH"
    COUNTER = "COUNTER"
    DECLINECOUNTER = "DECLINECOUNTER"


@dataclass(frozen=True, slots=True)
class Calendar:
    """One iCalendar object with its METHOD (RFC 5545, RFC 5546).

    `method` is what stands in `text`: a part that names another is thrown away by its readers
    (RFC 6047 2.4). Raises `InvalidInput` for a text that is no such object, has no method or
    several, or one that nobody knows.
    """

    text: str
    filename: str = "invite.ics"
    method: CalendarMethod = field(init=False)

    def __post_init__(self) -> None:
        check_filename(self.filename)
        object.__setattr__(self, "method", _method_of(self.text))

    def to_octets(self) -> bytes:
        """Give the object as it is stored: in UTF-8, with CRLF (RFC 5545 3.1)."""
        lines = _LINE_END.sub("\r\n", self.text)
        lines = lines if lines.endswith("\r\n") else f"{lines}\r\n"
        return utf8_octets(lines, "the calendar object")

    def as_attachment(self) -> Attachment:
        """Give it as a file, which is what readers save that show no invitations."""
        return Attachment.from_bytes(
            self.to_octets(), filename=self.filename, content_type="application/ics"
        )


def _method_of(text: str) -> CalendarMethod:
    if len(text) > _MAX_CHARACTERS:
        raise InvalidInput(f"the calendar object has more than {_MAX_CHARACTERS} characters")
    utf8_octets(text, "the calendar object")
    if not _OBJECT.match(text):
        raise InvalidInput(
            f"{excerpt(text)} is no calendar object",
            hint="It begins with BEGIN:VCALENDAR and ends with END:VCALENDAR (RFC 5545 3.4).",
        )
    methods = _METHOD.findall(_FOLD.sub("", text))
    if len(methods) != 1:
        raise InvalidInput(
            f"the calendar object has {len(methods) or 'no'} METHOD lines",
            hint="An invitation has METHOD:REQUEST, once (RFC 5546 3.2).",
        )
    word = methods[0].strip().upper()
    if word not in CalendarMethod.__members__:
        raise InvalidInput(
            f"{excerpt(methods[0])} is no METHOD of a calendar object",
            hint=f"One of {', '.join(CalendarMethod)} (RFC 5546 1.4).",
        )
    return CalendarMethod(word)
