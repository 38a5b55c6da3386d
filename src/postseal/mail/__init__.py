"""Messages: what a person writes, and the octets and the envelope that it travels as."""

from __future__ import annotations

from postseal.mail.attachment import Attachment
from postseal.mail.content import Content
from postseal.mail.envelope import Envelope
from postseal.mail.headers import Header
from postseal.mail.mailbox import Mailbox, parse_mailboxes
from postseal.mail.message import Message

__all__ = [
    "Attachment",
    "Content",
    "Envelope",
    "Header",
    "Mailbox",
    "Message",
    "parse_mailboxes",
]
