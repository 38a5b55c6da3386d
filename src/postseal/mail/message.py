"""A message as its author thinks of it, and the octets that it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import TYPE_CHECKING

from postseal.address import ascii_domain
from postseal.defaults import Clock, RandomSource, local_now, random_octets
from postseal.errors import InvalidInput
from postseal.mail._field import FieldWriter
from postseal.mail.arguments import (
    HeadersLike,
    MailboxesLike,
    MailboxLike,
    authors_from,
    checked_body,
    checked_date,
    checked_message_id,
    labels_from,
    mailbox_from,
    mailboxes_from,
    member_of,
    message_ids_from,
    metadata_from,
    other_headers,
)
from postseal.mail.envelope import Envelope
from postseal.mail.flowed import TextLayout
from postseal.mail.headers import Header
from postseal.mail.mailbox import Mailbox, mailbox_field
from postseal.mail.marks import PRIORITY_FIELDS, AutoSubmitted, Priority
from postseal.mail.mime import Segment, joined
from postseal.mail.tree import body_of, check_report_type
from postseal.mail.unsubscribing import unsubscribe_fields, unsubscribe_uris

if TYPE_CHECKING:
    from email.message import EmailMessage

    from postseal.mail.answers import Quote, ReplyTo
    from postseal.mail.attachment import Attachment
    from postseal.mail.calendar import Calendar

__all__ = ["Message", "MissingText", "written_date"]

# 128 bits, more than anybody guesses or draws twice.
_TOKEN_OCTETS = 16
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@unique
class MissingText(StrEnum):
    """What stands for the text where only HTML is given."""

    FROM_HTML = "from-html"
    LEFT_OUT = "left-out"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Message:
    """A mail message to be sent, whole and unchangeable (RFC 5322, RFC 2045).

    Everything is checked when it is made, so that what exists can be written: `InvalidAddress`
    for what is no mailbox, `InvalidHeader` for what no header can hold, and `InvalidInput`
    without author, without recipient, without sender for several authors, and for a date without
    offset. Message-ID, date and boundaries are fixed then as well: each writing gives the same
    octets.

    The body is `text`, `amp`, `html` and `calendar` as alternatives, as far as they are given, and
    `attachments` behind them in their order. HTML without a text gets one that is made of it,
    unless `missing_text` says otherwise. HTML refers to `inline_images` by their file names. A
    text always ends with a line end; `TextLayout.FLOWED` lets readers wrap it. With
    `report_type`, the whole is a multipart/report of that type (RFC 6522): the text is for people,
    and the one attachment the report for programs.

    `bcc` is part of the envelope and never written. `list_unsubscribe` are URIs, an `https:` one
    for one click (RFC 8058). `tags` and `metadata` are no headers: transports that speak to a mail
    service hand them on. Strings stand for mailboxes everywhere, one in each.
    """

    from_: tuple[Mailbox, ...]
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    bcc: tuple[Mailbox, ...]
    sender: Mailbox | None
    reply_to: tuple[Mailbox, ...]
    subject: str | None
    text: str | None
    text_layout: TextLayout
    missing_text: MissingText
    amp: str | None
    html: str | None
    calendar: Calendar | None
    inline_images: tuple[Attachment, ...]
    attachments: tuple[Attachment, ...]
    report_type: str | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    list_unsubscribe: tuple[str, ...]
    auto_submitted: AutoSubmitted | None
    priority: Priority | None
    headers: tuple[Header, ...]
    tags: tuple[str, ...]
    metadata: tuple[tuple[str, str], ...]
    date: datetime
    message_id: str
    envelope: Envelope = field(init=False, compare=False)
    _segments: tuple[Segment, ...] = field(init=False, compare=False)

    def __init__(
        self,
        *,
        from_: MailboxesLike,
        to: MailboxesLike = (),
        cc: MailboxesLike = (),
        bcc: MailboxesLike = (),
        sender: MailboxLike | None = None,
        reply_to: MailboxesLike = (),
        subject: str | None = None,
        text: str | None = None,
        text_layout: TextLayout = TextLayout.FIXED,
        missing_text: MissingText = MissingText.FROM_HTML,
        amp: str | None = None,
        html: str | None = None,
        calendar: Calendar | None = None,
        inline_images: Iterable[Attachment] = (),
        attachments: Iterable[Attachment] = (),
        report_type: str | None = None,
        in_reply_to: str | Iterable[str] = (),
        references: str | Iterable[str] = (),
        list_unsubscribe: str | Iterable[str] = (),
        auto_submitted: AutoSubmitted | None = None,
        priority: Priority | None = None,
        headers: HeadersLike = (),
        tags: Iterable[str] = (),
        metadata: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        date: datetime | None = None,
        message_id: str | None = None,
        clock: Clock = local_now,
        random: RandomSource = random_octets,
    ) -> None:
        """Take the parts of a message; `clock` and `random` make what is not given.

        A Message-ID is made of random letters and the domain of the first author.
        """
        authors = authors_from(from_)
        if not authors:
            raise InvalidInput("the message has no author", hint="Give one in from_.")
        if sender is None and len(authors) > 1:
            raise InvalidInput(
                "the message has several authors and no sender",
                hint="Say in sender who sends it (RFC 5322 3.6.2).",
            )
        put = object.__setattr__
        put(self, "from_", authors)
        put(self, "to", mailboxes_from(to))
        put(self, "cc", mailboxes_from(cc))
        put(self, "bcc", mailboxes_from(bcc))
        put(self, "sender", None if sender is None else mailbox_from(sender))
        put(self, "reply_to", mailboxes_from(reply_to))
        put(self, "subject", subject)
        put(self, "text", checked_body(text, "text"))
        put(self, "text_layout", member_of(TextLayout, text_layout))
        put(self, "missing_text", member_of(MissingText, missing_text))
        put(self, "amp", checked_body(amp, "amp"))
        put(self, "html", checked_body(html, "html"))
        put(self, "calendar", calendar)
        put(self, "inline_images", tuple(inline_images))
        put(self, "attachments", tuple(attachments))
        if report_type is not None:
            check_report_type(report_type)
        put(self, "report_type", report_type)
        put(self, "in_reply_to", message_ids_from(in_reply_to, "in_reply_to"))
        put(self, "references", message_ids_from(references, "references"))
        put(self, "list_unsubscribe", unsubscribe_uris(list_unsubscribe))
        put(self, "auto_submitted", auto_submitted and member_of(AutoSubmitted, auto_submitted))
        put(self, "priority", priority and member_of(Priority, priority))
        put(self, "headers", other_headers(headers, written=self._names_of_arguments()))
        put(self, "tags", labels_from(tags, "tags"))
        put(self, "metadata", metadata_from(metadata))
        put(self, "date", checked_date(clock() if date is None else date))
        if message_id is None:
            domain = ascii_domain(authors[0].address.domain)
            message_id = f"<{random(_TOKEN_OCTETS).hex()}@{domain}>"
        put(self, "message_id", checked_message_id(message_id))
        put(self, "envelope", self._make_envelope())
        root = body_of(self, text=self._make_text(), token=random(_TOKEN_OCTETS).hex())
        put(self, "_segments", joined((self._make_header(), root.fields, b"\r\n", *root.body)))

    @classmethod
    def from_email(
        cls,
        email: EmailMessage,
        *,
        tags: Iterable[str] = (),
        metadata: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        clock: Clock = local_now,
        random: RandomSource = random_octets,
    ) -> Message:
        """Take over a message that was composed with the standard library.

        It is written anew: texts, HTML, images, files and all header fields come along, and the
        encodings are chosen afresh. Fields of its way and signatures over it do not (`Received`,
        `Return-Path`, `DKIM-Signature`, `ARC-`...). Raises `InvalidInput` for one that has no
        author or recipient, that the library cannot write, or that is signed or encrypted as a
        whole.
        """
        from postseal.mail.email_message import message_from_email

        return message_from_email(email, tags=tags, metadata=metadata, clock=clock, random=random)

    @classmethod
    def from_json(cls, text: str | bytes, *, max_octets: int = 64 * 1024 * 1024) -> Message:
        """Read what `to_json` gave; the result equals the message that it was made of.

        Raises `InvalidInput`, which names the place, for anything else, and for more than
        `max_octets` characters or octets.
        """
        from postseal.mail.as_json import message_from_json

        return message_from_json(text, max_octets=max_octets)

    @property
    def size(self) -> int | None:
        """The octets that are written, None with an attachment whose size is unknown."""
        total = 0
        for segment in self._segments:
            size = len(segment) if isinstance(segment, bytes) else segment.encoded_size
            if size is None:
                return None
            total += size
        return total

    @property
    def needs_smtputf8(self) -> bool:
        """Whether a header holds an address that is not ASCII (RFC 6532).

        All else is written in ASCII. The envelope may need SMTPUTF8 where the headers do not.
        """
        return any(
            mailbox.address.is_internationalized
            for mailbox in (*self.from_, *self.to, *self.cc, *self.reply_to, *self._written_sender)
        )

    def chunks(self) -> Iterator[bytes]:
        """Write the message in pieces of bounded size, all lines ending in CRLF.

        Raises `InvalidInput` at once if an attachment can be seen to be unreadable, and in the
        middle if that shows only then: what was written must be thrown away.
        """
        for file in (*self.inline_images, *self.attachments):
            file.content.check()
        return self._written()

    def reply(
        self,
        *,
        from_: MailboxesLike,
        text: str,
        html: str | None = None,
        to: ReplyTo | None = None,
        quote: Quote | None = None,
        clock: Clock = local_now,
        random: RandomSource = random_octets,
    ) -> Message:
        """Answer the message; see `postseal.mail.answers.reply`."""
        from postseal.mail import answers

        return answers.reply(
            self,
            from_=from_,
            text=text,
            html=html,
            to=to or answers.ReplyTo.AUTHOR,
            quote=quote or answers.Quote.BELOW,
            clock=clock,
            random=random,
        )

    def forward(
        self,
        *,
        from_: MailboxesLike,
        to: MailboxesLike,
        text: str = "",
        clock: Clock = local_now,
        random: RandomSource = random_octets,
    ) -> Message:
        """Pass the message on; see `postseal.mail.answers.forward`."""
        from postseal.mail.answers import forward

        return forward(self, from_=from_, to=to, text=text, clock=clock, random=random)

    def to_email(self) -> EmailMessage:
        """Give the message as the standard library has it, without Bcc, as it is written.

        Attachments are read into memory; raises `InvalidInput` as `chunks` does.
        """
        from postseal.mail.email_message import email_from_message

        return email_from_message(self)

    def to_json(self, *, max_octets: int = 64 * 1024 * 1024) -> str:
        """Give the message as one JSON object, with Bcc and the content of its attachments.

        Raises `InvalidInput` for attachments of more than `max_octets` together, and as `chunks`
        does.
        """
        from postseal.mail.as_json import message_to_json

        return message_to_json(self, max_octets=max_octets)

    def __bytes__(self) -> bytes:
        return b"".join(self.chunks())

    def __repr__(self) -> str:
        # Bodies and subjects hold what does not belong in logs: codes, links, names.
        return (
            f"<Message {self.message_id} from {', '.join(str(each.address) for each in self.from_)}"
            f" to {len(self.envelope.recipients)} recipients>"
        )

    @property
    def _written_sender(self) -> tuple[Mailbox, ...]:
        # RFC 5322 3.6.2: not to be written if it says what From says.
        if self.sender is None or self.from_ == (self.sender,):
            return ()
        return (self.sender,)

    def _written(self) -> Iterator[bytes]:
        for segment in self._segments:
            if isinstance(segment, bytes):
                yield segment
            else:
                yield from segment.encoded()

    def _names_of_arguments(self) -> frozenset[str]:
        names: set[str] = set()
        if self.list_unsubscribe:
            names |= {"list-unsubscribe", "list-unsubscribe-post"}
        if self.auto_submitted:
            names.add("auto-submitted")
        if self.priority:
            names |= {"importance", "priority", "x-priority"}
        return frozenset(names)

    def _make_envelope(self) -> Envelope:
        return Envelope(
            (self.sender or self.from_[0]).address,
            tuple(mailbox.address for mailbox in (*self.to, *self.cc, *self.bcc)),
        )

    def _make_text(self) -> str | None:
        if self.text is not None or self.html is None:
            return self.text
        if self.missing_text is MissingText.LEFT_OUT:
            return None
        from postseal.mail.text_from_html import text_from_html

        # HTML that says nothing without its pictures needs no empty text beside it.
        return text_from_html(self.html) or None

    def _make_header(self) -> bytes:
        fields = [f"Date: {written_date(self.date)}\r\n".encode("ascii")]
        fields += [
            mailbox_field(name, mailboxes)
            for name, mailboxes in (
                ("From", self.from_),
                ("Sender", self._written_sender),
                ("Reply-To", self.reply_to),
                ("To", self.to),
                ("Cc", self.cc),
            )
            if mailboxes
        ]
        if self.subject is not None:
            fields.append(bytes(Header("Subject", self.subject)))
        fields.append(f"Message-ID: {self.message_id}\r\n".encode("ascii"))
        if self.in_reply_to:
            fields.append(_message_ids_field("In-Reply-To", self.in_reply_to))
        if self.references:
            fields.append(_message_ids_field("References", self.references))
        if self.auto_submitted:
            fields.append(f"Auto-Submitted: {self.auto_submitted}\r\n".encode("ascii"))
        if self.priority:
            fields.append(PRIORITY_FIELDS[self.priority])
        fields.append(unsubscribe_fields(self.list_unsubscribe))
        fields += [bytes(header) for header in self.headers]
        fields.append(b"MIME-Version: 1.0\r\n")
        return b"".join(fields)


def _message_ids_field(name: str, identifiers: tuple[str, ...]) -> bytes:
    writer = FieldWriter(name)
    for each in identifiers:
        writer.token(each)
    return writer.line().encode("ascii")


def written_date(date: datetime) -> str:
    """Write a date with its offset from UTC (RFC 5322 3.3)."""
    # The numbers are those of ISO 8601, and `strftime` would ask the locale for the names.
    iso = date.isoformat()
    day, month = _DAYS[date.weekday()], _MONTHS[date.month - 1]
    return f"{day}, {iso[8:10]} {month} {iso[:4]} {iso[11:19]} {iso[19:22]}{iso[23:]}"
