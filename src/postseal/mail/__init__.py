"""Messages: what a person writes, and the octets and the envelope that it travels as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.mail.arguments import HeadersLike, MailboxesLike, MailboxLike
    from postseal.mail.attachment import Attachment
    from postseal.mail.calendar import Calendar, CalendarMethod
    from postseal.mail.content import Content
    from postseal.mail.envelope import Envelope
    from postseal.mail.flowed import TextLayout
    from postseal.mail.headers import Header
    from postseal.mail.mailbox import Mailbox, parse_mailboxes
    from postseal.mail.marks import AutoSubmitted, Priority
    from postseal.mail.message import Message, MissingText
    from postseal.mail.prepared import PreparedMessage
    from postseal.mail.reading.message import ReceivedMessage
    from postseal.mail.reading.parser import parse
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.mail.reading.message": ("ReceivedMessage",),
            "postseal.mail.reading.parser": ("parse",),
            "postseal.mail.prepared": ("PreparedMessage",),
            "postseal.mail.arguments": (
                "HeadersLike",
                "MailboxesLike",
                "MailboxLike",
            ),
            "postseal.mail.attachment": ("Attachment",),
            "postseal.mail.calendar": (
                "Calendar",
                "CalendarMethod",
            ),
            "postseal.mail.content": ("Content",),
            "postseal.mail.envelope": ("Envelope",),
            "postseal.mail.flowed": ("TextLayout",),
            "postseal.mail.headers": ("Header",),
            "postseal.mail.mailbox": (
                "Mailbox",
                "parse_mailboxes",
            ),
            "postseal.mail.marks": (
                "AutoSubmitted",
                "Priority",
            ),
            "postseal.mail.message": (
                "Message",
                "MissingText",
            ),
        },
    )

__all__ = [
    "Attachment",
    "AutoSubmitted",
    "Calendar",
    "CalendarMethod",
    "Content",
    "Envelope",
    "Header",
    "HeadersLike",
    "Mailbox",
    "MailboxLike",
    "MailboxesLike",
    "Message",
    "MissingText",
    "PreparedMessage",
    "Priority",
    "ReceivedMessage",
    "TextLayout",
    "parse",
    "parse_mailboxes",
]
