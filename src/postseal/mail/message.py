"""A message as its author thinks of it, and the octets that it becomes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail._text import excerpt
from postseal.mail.attachment import Attachment
from postseal.mail.defaults import Clock, RandomSource, local_now, random_octets
from postseal.mail.envelope import Envelope
from postseal.mail.headers import Header
from postseal.mail.mailbox import Mailbox, mailbox_field
from postseal.mail.mime import Part, Segment, attachment_part, joined, multipart, text_part

__all__ = ["HeadersLike", "MailboxLike", "MailboxesLike", "Message"]

MailboxLike: TypeAlias = str | Mailbox | Address
"""One mailbox. A string holds exactly one, so no text of strangers can add recipients."""

MailboxesLike: TypeAlias = MailboxLike | Iterable[MailboxLike]
"""One mailbox or several."""

HeadersLike: TypeAlias = Mapping[str, str] | Iterable[Header | tuple[str, str]]
"""Extra header fields in the order of writing; only a sequence can repeat a name."""

# 128 bits, more than anybody guesses or draws twice.
_TOKEN_OCTETS = 16
_MAX_MESSAGE_ID = 250
_DOT_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++)*+"
# RFC 5322 3.6.4, without the obsolete forms.
_MESSAGE_ID = re.compile(rf"<{_DOT_ATOM}@(?:{_DOT_ATOM}|\[[!-Z^-~]*+\])>\Z")
_REPORT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,31}\Z")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ARGUMENTS = {
    "bcc": "bcc",
    "cc": "cc",
    "date": "date",
    "from": "from_",
    "message-id": "message_id",
    "reply-to": "reply_to",
    "sender": "sender",
    "subject": "subject",
    "to": "to",
}
# Written by the message itself, or, as Bcc, to be seen by nobody.
_NOT_EXTRA = re.compile(r"content-|mime-version\Z|resent-bcc\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Message:
    """A mail message to be sent, whole and unchangeable (RFC 5322, RFC 2045).

    Everything is checked when it is made, so that what exists can be written: `InvalidAddress`
    for what is no mailbox, `InvalidHeader` for what no header can hold, and `InvalidInput`
    without author, without recipient, without sender for several authors, and for a date without
    offset. Message-ID, date and boundaries are fixed then as well: each writing gives the same
    octets.

    The body is `text`, or `html`, or both as alternatives, and `attachments` behind them in their
    order. A text always ends with a line end. `bcc` is part of the envelope and never written.
    With `report_type`, the whole is a multipart/report of that type (RFC 6522): the text is for
    people, and the one attachment the report for programs.
    Strings stand for mailboxes everywhere, one in each.
    """

    from_: tuple[Mailbox, ...]
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    bcc: tuple[Mailbox, ...]
    sender: Mailbox | None
    reply_to: tuple[Mailbox, ...]
    subject: str | None
    text: str | None
    html: str | None
    attachments: tuple[Attachment, ...]
    report_type: str | None
    headers: tuple[Header, ...]
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
        html: str | None = None,
        attachments: Iterable[Attachment] = (),
        report_type: str | None = None,
        headers: HeadersLike = (),
        date: datetime | None = None,
        message_id: str | None = None,
        clock: Clock = local_now,
        random: RandomSource = random_octets,
    ) -> None:
        """Take the parts of a message; `clock` and `random` make what is not given.

        A Message-ID is made of random letters and the domain of the first author.
        """
        authors = _mailboxes(from_)
        if not authors:
            raise InvalidInput("the message has no author", hint="Give one in from_.")
        if sender is None and len(authors) > 1:
            raise InvalidInput(
                "the message has several authors and no sender",
                hint="Say in sender who sends it (RFC 5322 3.6.2).",
            )
        put = object.__setattr__
        put(self, "from_", authors)
        put(self, "to", _mailboxes(to))
        put(self, "cc", _mailboxes(cc))
        put(self, "bcc", _mailboxes(bcc))
        put(self, "sender", None if sender is None else _mailbox(sender))
        put(self, "reply_to", _mailboxes(reply_to))
        put(self, "subject", subject)
        put(self, "text", text)
        put(self, "html", html)
        put(self, "attachments", tuple(attachments))
        put(self, "report_type", report_type)
        self._check_report()
        put(self, "headers", _extra_headers(headers))
        put(self, "date", _checked_date(clock() if date is None else date))
        if message_id is None:
            domain = ascii_domain(authors[0].address.domain)
            message_id = f"<{random(_TOKEN_OCTETS).hex()}@{domain}>"
        put(self, "message_id", _checked_message_id(message_id))
        put(self, "envelope", self._make_envelope())
        token = random(_TOKEN_OCTETS).hex()
        root = _tree(self.text, self.html, self.attachments, self.report_type, token)
        put(self, "_segments", joined((self._make_header(), root.fields, b"\r\n", *root.body)))

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
        for attachment in self.attachments:
            attachment.content.check()
        return self._written()

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

    def _check_report(self) -> None:
        if self.report_type is None:
            return
        if not _REPORT_TYPE.match(self.report_type):
            raise InvalidHeader(
                f"{excerpt(self.report_type)} is no report type", hint="Write it as tlsrpt."
            )
        # RFC 6522 3: a part for people, then one for programs.
        if (self.text is None and self.html is None) or len(self.attachments) != 1:
            raise InvalidInput(
                "a report has a text and one attachment",
                hint="Give the text for people, and the report as the attachment.",
            )

    def _make_envelope(self) -> Envelope:
        return Envelope(
            (self.sender or self.from_[0]).address,
            tuple(mailbox.address for mailbox in (*self.to, *self.cc, *self.bcc)),
        )

    def _make_header(self) -> bytes:
        fields = [f"Date: {_written_date(self.date)}\r\n".encode("ascii")]
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
        fields += [bytes(header) for header in self.headers]
        fields.append(b"MIME-Version: 1.0\r\n")
        return b"".join(fields)


def _mailboxes(given: MailboxesLike) -> tuple[Mailbox, ...]:
    if isinstance(given, (str, Mailbox, Address)):
        return (_mailbox(given),)
    return tuple(map(_mailbox, given))


def _mailbox(given: object) -> Mailbox:
    if isinstance(given, str):
        return Mailbox.parse(given)
    if isinstance(given, Mailbox):
        return given
    if isinstance(given, Address):
        return Mailbox("", given)
    raise InvalidInput(
        f"{excerpt(repr(given))} is no mailbox",
        hint="Give a string, a Mailbox or an Address, or a list of them.",
    )


def _extra_headers(given: HeadersLike) -> tuple[Header, ...]:
    pairs = given.items() if isinstance(given, Mapping) else given
    headers = tuple(each if isinstance(each, Header) else Header(*each) for each in pairs)
    for header in headers:
        if argument := _ARGUMENTS.get(header.name.lower()):
            raise InvalidHeader(f"{header.name} is no extra header", hint=f"Give it in {argument}.")
        if _NOT_EXTRA.match(header.name):
            raise InvalidHeader(
                f"{header.name} is no extra header", hint="The message writes what it needs."
            )
    return headers


def _checked_message_id(text: str) -> str:
    if len(text) > _MAX_MESSAGE_ID or not _MESSAGE_ID.match(text):
        raise InvalidHeader(
            f"{excerpt(text)} is no Message-ID",
            hint=f"Write <left@right> in ASCII, {_MAX_MESSAGE_ID} characters at most.",
        )
    return text


def _checked_date(date: datetime) -> datetime:
    offset = date.utcoffset()
    if offset is None:
        raise InvalidInput(
            f"the date {date.isoformat()} has no offset from UTC",
            hint="Take datetime.now().astimezone().",
        )
    # RFC 5322 3.3 knows whole minutes of offset, whole seconds, and no year before 1900.
    if offset % timedelta(minutes=1):
        date = date.astimezone(UTC)
    if date.year < 1900:
        raise InvalidInput(f"the date {date.isoformat()} is before 1900")
    return date.replace(microsecond=0)


def _written_date(date: datetime) -> str:
    # The numbers are those of ISO 8601, and `strftime` would ask the locale for the names.
    year, _, time = date.isoformat().partition("-")
    clock, sign, offset = time[6:14], time[14], time[15:].replace(":", "")
    day, month = _DAYS[date.weekday()], _MONTHS[date.month - 1]
    return f"{day}, {date.day:02} {month} {year} {clock} {sign}{offset}"


def _tree(
    text: str | None,
    html: str | None,
    attachments: tuple[Attachment, ...],
    report_type: str | None,
    token: str,
) -> Part:
    parts: list[Part] = []
    if text is not None or (html is None and not attachments):
        parts.append(text_part("plain", text or ""))
    if html is not None:
        parts.append(text_part("html", html))
    if len(parts) > 1:
        parts = [multipart("alternative", parts, token=token)]
    if attachments:
        parts += map(attachment_part, attachments)
        if report_type is None:
            parts = [multipart("mixed", parts, token=token)]
        else:
            parameters = (("report-type", report_type),)
            parts = [multipart("report", parts, token=token, parameters=parameters)]
    return parts[0]
