"""What can go wrong with mail that is kept somewhere, besides what can go wrong on the way to it.

::

    MailError
    ├── RetrievalRefused        the server said no to a request of the mailbox
    ├── MessageTooLarge         a message is larger than the caller takes; nothing of it was kept
    └── MailboxFileError        a mailbox on this machine; the text names its path
        ├── MailboxMissing
        ├── MailboxCorrupt      what is there is no mailbox of the kind
        ├── MailboxLocked       another program has it
        └── MailboxUnusable     the system does not let us read or write it
"""

from __future__ import annotations

from postseal.errors import MailError

__all__ = [
    "MailboxCorrupt",
    "MailboxFileError",
    "MailboxLocked",
    "MailboxMissing",
    "MailboxUnusable",
    "MessageTooLarge",
    "RetrievalRefused",
]


class RetrievalRefused(MailError):
    """The server understood and said no: a folder is missing, read-only, or not the user's."""


class MessageTooLarge(MailError):
    """A message has more octets than the caller is ready to take."""


class MailboxFileError(MailError):
    """A mailbox in the file system cannot be used as asked."""


class MailboxMissing(MailboxFileError):
    """There is no mailbox at the path."""


class MailboxCorrupt(MailboxFileError):
    """There is something at the path that is no mailbox of its kind."""


class MailboxLocked(MailboxFileError):
    """Another program kept its lock on the mailbox until our deadline."""

    _may_pass = True


class MailboxUnusable(MailboxFileError):
    """The operating system refused: no permission, a full disk, a broken medium."""
