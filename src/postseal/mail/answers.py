"""Answering a message and passing it on, so that the thread of the conversation holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum, unique
from html import escape

from postseal.address import Address, ascii_domain
from postseal.defaults import Clock, RandomSource, local_now, random_octets
from postseal.errors import InvalidInput
from postseal.mail.arguments import MailboxesLike, is_foreign_id, mailboxes_from
from postseal.mail.attachment import Attachment
from postseal.mail.contents import Contents, contents_of
from postseal.mail.mailbox import Mailbox
from postseal.mail.message import Message, written_date
from postseal.mail.reading.message import ReceivedMessage

__all__ = ["Quote", "ReplyTo", "forward", "reply"]

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_REPLIED = re.compile(r"re(?:\[\d+\])?\s*:", re.IGNORECASE)
_FORWARDED = re.compile(r"fwd?\s*:", re.IGNORECASE)
# Of what a stranger wrote: so much of the subject, and so much of the thread.
_MAX_SUBJECT = 2000
_MAX_REFERENCES = 50


@unique
class ReplyTo(StrEnum):
    """Whom an answer goes to."""

    AUTHOR = "author"
    ALL = "all"


@unique
class Quote(StrEnum):
    """What an answer repeats of the message that it answers."""

    BELOW = "below"
    NOTHING = "nothing"


def reply(
    original: Message | ReceivedMessage,
    *,
    from_: MailboxesLike,
    text: str,
    html: str | None = None,
    to: ReplyTo = ReplyTo.AUTHOR,
    quote: Quote = Quote.BELOW,
    clock: Clock = local_now,
    random: RandomSource = random_octets,
) -> Message:
    """Answer a message (RFC 5322 3.6.2 to 3.6.4).

    It goes where Reply-To says, else to the authors; with `ReplyTo.ALL` also to the other
    recipients, but never to who answers. Who answers a message of their own writes to its
    recipients. The subject gets one `Re:`, In-Reply-To and References make the thread. The
    original's text is quoted below in the text, and in the HTML as text, since HTML of strangers
    may do anything there. Raises `InvalidInput` if nobody is left to answer.
    """
    authors = mailboxes_from(from_)
    recipients, copies = _recipients(original, authors, to)
    if quote is Quote.BELOW:
        lines = _lines(contents_of(original).readable)
        about = _attribution(original)
        text = f"{text.rstrip()}\n\n{about}\n{_quoted(lines)}"
        if html is not None:
            shown = "<br>\n".join(map(escape, lines))
            html = f'{html}\n<p>{escape(about)}</p>\n<blockquote type="cite">{shown}</blockquote>\n'
    return Message(
        from_=authors,
        to=recipients,
        cc=copies,
        sender=authors[0] if len(authors) > 1 else None,
        subject=_subject(original, "Re", _REPLIED),
        text=text,
        html=html,
        in_reply_to=_writable([original.message_id]),
        references=_thread(original),
        clock=clock,
        random=random,
    )


def forward(
    original: Message | ReceivedMessage,
    *,
    from_: MailboxesLike,
    to: MailboxesLike,
    text: str = "",
    clock: Clock = local_now,
    random: RandomSource = random_octets,
) -> Message:
    """Pass a message on, with its files, below a text of one's own.

    What stood in its header comes above it; the subject gets one `Fwd:`, and References keep it in
    its thread. Bcc is left out. HTML comes along as it is. Raises `InvalidInput` for a received
    message that is signed or encrypted as a whole.
    """
    authors = mailboxes_from(from_)
    contents = contents_of(original)
    head = ["---------- Forwarded message ----------", *_head(original)]
    own = f"{text.rstrip()}\n\n" if text.strip() else ""
    return Message(
        from_=authors,
        to=to,
        sender=authors[0] if len(authors) > 1 else None,
        subject=_subject(original, "Fwd", _FORWARDED),
        text="\n".join((f"{own}{head[0]}", *head[1:], "", contents.readable)),
        html=_forwarded_html(text, head, contents),
        inline_images=contents.inline_images,
        attachments=_files(contents),
        references=_thread(original),
        clock=clock,
        random=random,
    )


def _files(contents: Contents) -> tuple[Attachment, ...]:
    # An invitation is for those whom it names: others get it as a file.
    if contents.calendar is None:
        return contents.attachments
    return (*contents.attachments, contents.calendar.as_attachment())


def _forwarded_html(text: str, head: list[str], contents: Contents) -> str | None:
    if contents.html is None:
        return None
    own = "".join(f"<p>{escape(line)}</p>\n" for line in _lines(text) if line)
    return f"{own}<p>{'<br>'.join(map(escape, head))}</p>\n{contents.html}"


def _recipients(
    original: Message | ReceivedMessage, authors: tuple[Mailbox, ...], to: ReplyTo
) -> tuple[tuple[Mailbox, ...], tuple[Mailbox, ...]]:
    seen = {_key(each.address) for each in authors}
    recipients = tuple(_unseen(original.reply_to or original.from_, seen))
    if not recipients:
        recipients = tuple(_unseen(original.to, seen))
    copies: tuple[Mailbox, ...] = ()
    if to is ReplyTo.ALL:
        copies = tuple(_unseen((*original.to, *original.cc), seen))
    if not recipients:
        recipients, copies = copies, ()
    if not recipients:
        raise InvalidInput("the message names nobody to answer", hint="Write a message of its own.")
    return recipients, copies


def _unseen(mailboxes: Iterable[Mailbox], seen: set[tuple[str, str]]) -> Iterator[Mailbox]:
    for mailbox in mailboxes:
        key = _key(mailbox.address)
        if key not in seen:
            seen.add(key)
            yield mailbox


def _key(address: Address) -> tuple[str, str]:
    # Local parts could differ in case alone, but nobody answers to oneself in another case.
    return address.local.lower(), ascii_domain(address.domain)


def _subject(original: Message | ReceivedMessage, mark: str, marked: re.Pattern[str]) -> str:
    subject = _CONTROLS.sub(" ", original.subject or "").strip()[:_MAX_SUBJECT]
    return subject if marked.match(subject) else f"{mark}: {subject}".rstrip()


def _thread(original: Message | ReceivedMessage) -> tuple[str, ...]:
    """Give the identifiers of the thread, the oldest first (RFC 5322 3.6.4)."""
    before = original.references
    if not before and len(original.in_reply_to) == 1:
        before = original.in_reply_to
    thread = _writable([*before, original.message_id])
    if len(thread) > _MAX_REFERENCES:
        # Threads are found by their first message and by their last ones.
        thread = (thread[0], *thread[1 - _MAX_REFERENCES :])
    return thread


def _writable(identifiers: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in identifiers if each and is_foreign_id(each)))


def _attribution(original: Message | ReceivedMessage) -> str:
    who = ", ".join(each.name or str(each.address) for each in original.from_) or "somebody"
    when = f"On {written_date(original.date)}, " if original.date else ""
    return f"{when}{who} wrote:"


def _head(original: Message | ReceivedMessage) -> Iterator[str]:
    yield f"From: {', '.join(map(str, original.from_))}"
    if original.date:
        yield f"Date: {written_date(original.date)}"
    yield f"Subject: {_CONTROLS.sub(' ', original.subject or '').strip()[:_MAX_SUBJECT]}"
    for name, mailboxes in (("To", original.to), ("Cc", original.cc)):
        if mailboxes:
            yield f"{name}: {', '.join(map(str, mailboxes))}"


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def _quoted(lines: list[str]) -> str:
    # Deeper quotations stand close, so that a reader of RFC 3676 counts them right.
    marks = (">" if not line or line.startswith(">") else "> " for line in lines)
    return "".join(f"{mark}{line}\n" for mark, line in zip(marks, lines, strict=True))
