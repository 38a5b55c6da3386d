"""Any text is an address list whose mailboxes are written and read back as the same by the strict
reader, and whose defects lie within it.
"""

from __future__ import annotations

from fuzz.chunks import text_of
from postseal.mail.mailbox import Mailbox
from postseal.mail.reading import Group, read_addresses

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    text = text_of(data)
    read = read_addresses(text)
    for mailbox in read.mailboxes:
        assert Mailbox.parse(str(mailbox)) == mailbox
    assert sum(
        len(entry.mailboxes) if isinstance(entry, Group) else 1 for entry in read.entries
    ) == len(read.mailboxes)
    assert all(0 <= defect.offset <= len(text) for defect in read.defects)
