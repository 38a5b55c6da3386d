"""What an encrypted message still says outside, field by field (RFC 9788 3)."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum, unique

from postseal.mail.authentication.raw_message import RawField
from postseal.mail.mailbox import Mailbox, mailbox_field
from postseal.mail.message import written_date
from postseal.mail.reading.addresses import read_addresses
from postseal.mail.reading.dates import read_date
from postseal.mail.reading.words import decode_field, raw_text

__all__ = ["HeaderConfidentiality"]

_OBSCURED_SUBJECT = b"Subject: [...]\r\n"
_REMOVED = frozenset({"comments", "keywords"})
_NAMING = frozenset({"from", "sender", "reply-to", "to", "cc"})


@unique
class HeaderConfidentiality(StrEnum):
    """A header confidentiality policy, under the name that it is registered by."""

    BASELINE = "hcp_baseline"
    """The subject is `[...]`, and there are no comments and keywords (RFC 9788 3.2.1)."""
    SHY = "hcp_shy"
    """Besides, nobody's display name is told, nor the author's time zone (RFC 9788 3.2.2).

    Names go from Sender and Reply-To as well, which RFC 9788 leaves; what cannot be read stays.
    """

    @property
    def hidden(self) -> frozenset[str]:
        """The names, in lower case, of fields that may not be the same outside."""
        names = _REMOVED | {"subject"}
        return names if self is HeaderConfidentiality.BASELINE else names | _NAMING | {"date"}

    def outside(self, field: RawField) -> bytes | None:
        """Give the field, CRLF at its end, as it stands outside; None where it does not."""
        if field.name == "subject":
            return _OBSCURED_SUBJECT
        if field.name in _REMOVED:
            return None
        if self is HeaderConfidentiality.SHY:
            if field.name in _NAMING:
                return _without_names(field)
            if field.name == "date":
                return _in_utc(field)
        return field.octets


def _without_names(field: RawField) -> bytes:
    found = read_addresses(raw_text(field.value))
    if found.defects or not found.mailboxes:
        return field.octets
    nameless = (Mailbox("", each.address) for each in found.mailboxes)
    return mailbox_field(field.name.title(), nameless)


def _in_utc(field: RawField) -> bytes:
    date, _ = read_date(decode_field(field.value))
    if date is None:
        return field.octets
    return f"Date: {written_date(date.astimezone(UTC))}\r\n".encode("ascii")
