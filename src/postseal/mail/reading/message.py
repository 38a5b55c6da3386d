"""A message as it was received: its fields in their meaning, its texts and its attachments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property

from postseal.mail.mailbox import Mailbox
from postseal.mail.reading.addresses import AddressList, read_addresses
from postseal.mail.reading.attachments import ReceivedAttachment, attachments_of, body_parts
from postseal.mail.reading.dates import read_date
from postseal.mail.reading.defects import Defect, DefectKind
from postseal.mail.reading.fields import HeaderSection, ReceivedField
from postseal.mail.reading.identifiers import read_message_ids
from postseal.mail.reading.parts import ReceivedPart
from postseal.mail.reading.uuencode import split_uuencoded
from postseal.mail.reading.words import has_stray_octets, raw_text

__all__ = ["ReceivedMessage"]

_ADDRESS_FIELDS = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc")
# RFC 5322 3.6 and RFC 2045: at most one of each.
_SINGLE = (
    *_ADDRESS_FIELDS,
    *("Date", "Message-ID", "In-Reply-To", "References", "Subject", "MIME-Version"),
    *("Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID"),
)


class ReceivedMessage:
    """A message that somebody else wrote (RFC 5322, RFC 2045): read, never changed.

    `bytes(message)` gives the octets as they arrived. Nothing that they hold raises; `defects`
    lists what is wrong. Of a field that is there twice and may not be, the uppermost counts.
    """

    def __init__(self, root: ReceivedPart) -> None:
        self.root = root

    @property
    def header(self) -> HeaderSection:
        """All fields, in their order."""
        return self.root.header

    @property
    def subject(self) -> str | None:
        """The subject as a reader sees it."""
        return self.header.get("Subject")

    @property
    def from_(self) -> tuple[Mailbox, ...]:
        """The authors."""
        return self.addresses("From").mailboxes

    @property
    def sender(self) -> Mailbox | None:
        """Who sent it, where that is not the author."""
        return next(iter(self.addresses("Sender").mailboxes), None)

    @property
    def reply_to(self) -> tuple[Mailbox, ...]:
        """Where answers go, empty where they go to the authors."""
        return self.addresses("Reply-To").mailboxes

    @property
    def to(self) -> tuple[Mailbox, ...]:
        """The recipients, those of groups among them."""
        return self.addresses("To").mailboxes

    @property
    def cc(self) -> tuple[Mailbox, ...]:
        """Who gets a copy."""
        return self.addresses("Cc").mailboxes

    @property
    def bcc(self) -> tuple[Mailbox, ...]:
        """Who gets a copy unseen; a message that has travelled should not say."""
        return self.addresses("Bcc").mailboxes

    def addresses(self, name: str) -> AddressList:
        """Read the uppermost field of this name as an address list, empty without the field.

        Offsets of its defects count characters behind the colon.
        """
        field = self.header.first(name)
        return AddressList(()) if field is None else read_addresses(raw_text(field.octets))

    @property
    def date(self) -> datetime | None:
        """When it was written, with its offset; None where that cannot be read."""
        value = self.header.get("Date")
        return None if value is None else read_date(value)[0]

    @property
    def message_id(self) -> str | None:
        """The Message-ID with its angle brackets."""
        return next(iter(self._message_ids("Message-ID")), None)

    @property
    def in_reply_to(self) -> tuple[str, ...]:
        """The Message-IDs of what it answers."""
        return self._message_ids("In-Reply-To")

    @property
    def references(self) -> tuple[str, ...]:
        """The Message-IDs of its thread, the oldest first."""
        return self._message_ids("References")

    def _message_ids(self, name: str) -> tuple[str, ...]:
        field = self.header.first(name)
        return () if field is None else read_message_ids(field.octets)

    @cached_property
    def body_parts(self) -> tuple[ReceivedPart, ...]:
        """The texts that are the message, plain and HTML, in their order (RFC 8621 4.1.4)."""
        return tuple(body_parts(self.root))

    @cached_property
    def text(self) -> str | None:
        """The plain text, without uuencoded files; None if there is none."""
        return self._joined("text/plain")

    @cached_property
    def html(self) -> str | None:
        """The HTML text as the sender wrote it, None if there is none; do not show it unguarded."""
        return self._joined("text/html")

    def _joined(self, media_type: str) -> str | None:
        texts = [part.text for part in self.body_parts if part.media_type == media_type]
        if not texts:
            return None
        if media_type == "text/plain":
            texts = [split_uuencoded(text)[0] for text in texts]
        *before, last = texts
        return "".join(text if text.endswith("\n") else f"{text}\n" for text in before) + last

    @cached_property
    def attachments(self) -> tuple[ReceivedAttachment, ...]:
        """Everything that came with the texts, inline images and messages included, in order."""
        return tuple(attachments_of(self.root, self.body_parts))

    def walk(self) -> Iterator[ReceivedPart]:
        """Yield all parts from the first to the last, also those of messages within."""
        return self.root.walk()

    @cached_property
    def defects(self) -> tuple[Defect, ...]:
        """All that is wrong, by offset; finding that out decodes everything once.

        A message that is attached in an encoding has defects of its own, whose offsets count in
        what it is decoded to.
        """
        found = list(self._field_defects())
        for part in self.walk():
            if part.source is self.root.source:
                found += part.defects
                if part.message is not None and part.message.root.source is part.source:
                    found += part.message._field_defects()
        return tuple(sorted(found, key=lambda defect: defect.offset))

    def _field_defects(self) -> Iterator[Defect]:
        for name in _SINGLE:
            for field in self.header.all(name)[1:]:
                yield Defect(DefectKind.REPEATED_FIELD, field.offset, name)
        for field in self.header:
            if not field.octets.isascii() and has_stray_octets(raw_text(field.octets)):
                yield Defect(DefectKind.UNENCODED_HEADER, field.offset, field.name)
        for name in _ADDRESS_FIELDS:
            if addresses := self.header.first(name):
                yield from _address_defects(addresses)
        date = self.header.first("Date")
        if date and not read_date(date.value)[1]:
            yield Defect(DefectKind.INVALID_DATE, date.offset)

    def __bytes__(self) -> bytes:
        return bytes(self.root)

    def __repr__(self) -> str:
        # Subjects and texts do not belong in logs.
        return f"<ReceivedMessage {self.message_id or 'without Message-ID'}>"


def _address_defects(field: ReceivedField) -> Iterator[Defect]:
    text = raw_text(field.octets)
    position, offset = 0, field.value_offset
    for defect in sorted(read_addresses(text).defects, key=lambda each: each.offset):
        between = text[position : defect.offset]
        offset += len(between.encode("utf-8", "surrogateescape"))
        position = defect.offset
        yield Defect(defect.kind, offset, defect.detail or field.name)
