"""A message where it is kept: what it says, and what the mailbox says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from typing import Final, TypeAlias

from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.mail.reading.message import ReceivedMessage

__all__ = ["MAX_MESSAGE_OCTETS", "Content", "Flag", "KeptMessage"]

MAX_MESSAGE_OCTETS: Final = 64 * 1024 * 1024
"""The largest message that is taken into memory, unless told otherwise."""

Content: TypeAlias = Message | PreparedMessage | ReceivedMessage | bytes
"""What can be put into a mailbox; octets are taken for a message as they are."""


@unique
class Flag(Enum):
    """What a mailbox remembers of a message (RFC 9051 2.3.2)."""

    SEEN = "seen"
    ANSWERED = "answered"
    FLAGGED = "flagged"
    DELETED = "deleted"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message out of a mailbox, and by which `key` the mailbox knows it.

    A key of IMAP holds for as long as the folder has the same UIDVALIDITY, one of POP3 with UIDL
    for good, one of an mbox until the file is changed, one of a Maildir for good. `received` is
    when the mailbox got it, where it tells.
    """

    key: str
    message: ReceivedMessage
    flags: frozenset[Flag] = frozenset()
    received: datetime | None = None
