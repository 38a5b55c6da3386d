"""To and from the standard library's `email.message.EmailMessage`."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterable, Mapping
from email.message import EmailMessage

from postseal.defaults import Clock, RandomSource
from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail.arguments import HeadersLike, is_foreign_id, is_message_id
from postseal.mail.contents import contents_of
from postseal.mail.headers import Header
from postseal.mail.message import Message, MissingText
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parser import parse

__all__ = ["email_from_message", "message_from_email"]

# What the message has arguments for, and what would be untrue of one that is written anew.
_NOT_KEPT = frozenset(
    {
        *("from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id"),
        *("in-reply-to", "references", "mime-version", "resent-bcc"),
        *("received", "return-path", "delivered-to", "x-original-to"),
        *("dkim-signature", "arc-seal", "arc-message-signature", "arc-authentication-results"),
        *("authentication-results", "received-spf"),
    }
)


def message_from_email(
    email: EmailMessage,
    *,
    tags: Iterable[str],
    metadata: Mapping[str, str] | Iterable[tuple[str, str]],
    clock: Clock,
    random: RandomSource,
) -> Message:
    """Compose a message of what another holds; `Message.from_email` has the contract."""
    received = _read(email)
    contents = contents_of(received)
    sender = received.sender
    if sender is None and len(received.from_) > 1:
        sender = received.from_[0]
    return Message(
        from_=received.from_,
        to=received.to,
        cc=received.cc,
        bcc=received.bcc,
        sender=sender,
        reply_to=received.reply_to,
        subject=received.subject,
        text=contents.text,
        missing_text=MissingText.LEFT_OUT,
        amp=contents.amp,
        html=contents.html,
        calendar=contents.calendar,
        inline_images=contents.inline_images,
        attachments=contents.attachments,
        in_reply_to=filter(is_foreign_id, received.in_reply_to),
        references=filter(is_foreign_id, received.references),
        headers=_other_headers(received),
        tags=tags,
        metadata=metadata,
        date=received.date,
        message_id=_own_id(received),
        clock=clock,
        random=random,
    )


def email_from_message(message: Message) -> EmailMessage:
    """Read what a message is written as; `Message.to_email` has the contract."""
    return email.message_from_bytes(bytes(message), policy=email.policy.SMTP)


def _read(email_message: EmailMessage) -> ReceivedMessage:
    if not isinstance(email_message, EmailMessage):
        raise InvalidInput(
            f"{type(email_message).__name__} is no EmailMessage",
            hint="Read it with policy=email.policy.default.",
        )
    try:
        return parse(email_message.as_bytes(policy=email.policy.SMTP))
    except Exception as error:
        # The library's generator raises whatever its parts stumble over.
        raise InvalidInput(f"the standard library cannot write the message: {error!a}") from error


def _own_id(received: ReceivedMessage) -> str | None:
    identity = received.message_id
    return identity if identity and is_message_id(identity) else None


def _other_headers(received: ReceivedMessage) -> HeadersLike:
    headers: list[Header] = []
    for field in received.header:
        name = field.name.lower()
        if name in _NOT_KEPT or name.startswith("content-"):
            continue
        try:
            headers.append(Header(field.name, field.value))
        except InvalidHeader as error:
            raise InvalidInput(f"{field.name} cannot be written: {error}") from error
    return headers
