"""Mail that is kept somewhere: mailboxes on servers by IMAP and POP3, and in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.retrieve.criteria import Criteria
    from postseal.retrieve.errors import (
        MailboxCorrupt,
        MailboxFileError,
        MailboxLocked,
        MailboxMissing,
        MailboxUnusable,
        MessageTooLarge,
        RetrievalRefused,
    )
    from postseal.retrieve.kept import Flag, KeptMessage
    from postseal.retrieve.maildir import MaildirFolder
    from postseal.retrieve.mbox import MboxFile, Quoting
    from postseal.retrieve.place import MailboxProtocol, MailboxURL
    from postseal.retrieve.retriever import Retriever
    from postseal.retrieve.session import Afterwards
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.retrieve.criteria": ("Criteria",),
            "postseal.retrieve.errors": (
                "MailboxCorrupt",
                "MailboxFileError",
                "MailboxLocked",
                "MailboxMissing",
                "MailboxUnusable",
                "MessageTooLarge",
                "RetrievalRefused",
            ),
            "postseal.retrieve.kept": ("Flag", "KeptMessage"),
            "postseal.retrieve.maildir": ("MaildirFolder",),
            "postseal.retrieve.mbox": ("MboxFile", "Quoting"),
            "postseal.retrieve.place": ("MailboxProtocol", "MailboxURL"),
            "postseal.retrieve.retriever": ("Retriever",),
            "postseal.retrieve.session": ("Afterwards",),
        },
    )

__all__ = [
    "Afterwards",
    "Criteria",
    "Flag",
    "KeptMessage",
    "MailboxCorrupt",
    "MailboxFileError",
    "MailboxLocked",
    "MailboxMissing",
    "MailboxProtocol",
    "MailboxURL",
    "MailboxUnusable",
    "MaildirFolder",
    "MboxFile",
    "MessageTooLarge",
    "Quoting",
    "RetrievalRefused",
    "Retriever",
]
