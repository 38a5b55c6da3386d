"""Messages: what a person writes, and the octets and the envelope that it travels as."""

from __future__ import annotations

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
    "Priority",
    "TextLayout",
    "parse_mailboxes",
]
