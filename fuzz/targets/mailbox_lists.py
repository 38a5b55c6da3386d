"""Any text is refused as InvalidAddress or InvalidHeader, or is a list of mailboxes that is read
back as the same from what people see, and that becomes one well-formed header field.
"""

from __future__ import annotations

from fuzz.chunks import text_of
from fuzz.fields import check_field
from postseal.errors import InvalidAddress, InvalidHeader
from postseal.mail.mailbox import Mailbox, mailbox_field, parse_mailboxes

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    text = text_of(data)
    try:
        mailboxes = parse_mailboxes(text)
    except (InvalidAddress, InvalidHeader) as error:
        assert str(error).isprintable()
        return
    for mailbox in mailboxes:
        assert Mailbox.parse(str(mailbox)) == mailbox
    assert parse_mailboxes(", ".join(map(str, mailboxes))) == mailboxes
    try:
        field = mailbox_field("To", mailboxes)
    except InvalidHeader as error:
        assert str(error).isprintable()
        return
    check_field("To", field)
