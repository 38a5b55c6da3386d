"""Bounces that are only for people: recipients and reasons out of what servers like to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice

from postseal.mail.reading.message import ReceivedMessage

__all__ = ["Bounce", "status_in", "text_bounces"]

_MAX_TEXT = 64 * 1024
_MAX_REASON = 1000
_MAX_BOUNCES = 1000
# An enhanced code (RFC 3463), which is no part of an IP address or a version.
_ENHANCED = re.compile(r"(?<![0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9]|\.[0-9])")
_REPLY = re.compile(r"(?:\A|[\s:(])([45])[0-5][0-9](?=[\s-])")
_ADDRESS = r"[^\s<>()\[\]:;,\"@]{1,64}@[A-Za-z0-9.-]{1,255}"
# `<somebody@example.org>:` of qmail, the indented lines of Exim, `<...>... reason` of Sendmail.
_RECIPIENT = re.compile(
    rf"^[ \t]*+(?:<({_ADDRESS})>|({_ADDRESS}))(?=[ \t]*+(?::|$|\.\.\.|\())", re.MULTILINE
)
# Where the copy of the message begins.
_COPY = re.compile(
    r"^[ \t]*-+ ?(?:Below this line|(?:Enclosed|This) is a copy|The body of"
    r"|(?:Original|Undelivered|Returned) message)|^(?:Return-Path|Received|Message-ID):",
    re.MULTILINE | re.IGNORECASE,
)
_DAEMONS = frozenset(
    ("mailer-daemon", "mailerdaemon", "postmaster", "mail-daemon", "mailer_daemon")
)
_SUBJECTS = (
    *("undeliver", "returned mail", "failure notice", "delivery failure", "delivery failed"),
    *("mail delivery failed", "non-deliver", "delivery status notification", "returned to sender"),
    *("delivery delayed", "delivery problem", "message delayed", "undelivered mail"),
)
_DELAYS = (
    *("delayed", "will be retried", "will continue to try", "not yet been delivered"),
    *("no action is required", "still be retried", "warning message only"),
)


@dataclass(frozen=True, slots=True)
class Bounce:
    """A recipient, the status that the reason stands for, and the reason as it was written."""

    recipient: str
    status: str | None
    reason: str
    is_delay: bool


def text_bounces(message: ReceivedMessage) -> tuple[Bounce, ...]:
    """Read who did not get a message, and why, from a bounce without a delivery report.

    Nothing is found in a message that is not from a mail system: a quoted bounce is none.
    """
    if not _is_from_a_mail_system(message):
        return ()
    text = (message.text or "")[:_MAX_TEXT]
    if copy := _COPY.search(text):
        text = text[: copy.start()]
    is_delay = any(phrase in text.lower() for phrase in _DELAYS)
    named = dict(_reasons(text))
    # Exim and others say it in a field.
    failed = (message.header.get("X-Failed-Recipients") or "").replace(",", " ").split()
    for recipient in failed:
        named.setdefault(recipient, "")
    whole = _status(text)
    return tuple(
        Bounce(
            recipient,
            _status(reason) or whole,
            " ".join((reason or text)[:_MAX_REASON].split()),
            is_delay,
        )
        for recipient, reason in islice(named.items(), _MAX_BOUNCES)
    )


def status_in(text: str) -> str | None:
    """Find an enhanced status code in a reply, else the one that its code stands for."""
    if found := _ENHANCED.search(text):
        return found[1]
    if found := _REPLY.search(text):
        return f"{found[1]}.0.0"
    return None


def _is_from_a_mail_system(message: ReceivedMessage) -> bool:
    if "X-Failed-Recipients" in {field.name for field in message.header}:
        return True
    subject = (message.subject or "").lower()
    if not any(phrase in subject for phrase in _SUBJECTS):
        return False
    # RFC 3834 2, RFC 5321 4.5.5: the null reverse-path, or a word for it, or the usual authors.
    if (message.header.get("Return-Path") or "").strip() == "<>":
        return True
    return any(author.address.local.lower() in _DAEMONS for author in message.from_)


def _reasons(text: str) -> Iterator[tuple[str, str]]:
    found = list(_RECIPIENT.finditer(text))
    for number, each in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(text)
        yield each[1] or each[2], text[each.end() : end].lstrip(": \t\r\n.")


def _status(text: str) -> str | None:
    if status := status_in(text):
        return status
    lower = " ".join(text.lower().split())
    return next((status for phrase, status in _phrases() if phrase in lower), None)


@cache
def _phrases() -> tuple[tuple[str, str], ...]:
    lines = resources.files(__package__).joinpath("bounces.txt").read_text(encoding="ascii")
    return tuple(
        (phrase.strip(), status)
        for status, _, phrase in (line.partition(" ") for line in lines.splitlines())
        if status and status != "#"
    )
