"""What a caller may give for the fields of a message, brought into one checked form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import TypeAlias, TypeVar

from postseal.address import Address
from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail._text import excerpt, refuse_controls
from postseal.mail.envelope import MAX_RECIPIENTS
from postseal.mail.headers import Header
from postseal.mail.mailbox import Mailbox

__all__ = [
    "HeadersLike",
    "MailboxLike",
    "MailboxesLike",
    "authors_from",
    "checked_body",
    "checked_date",
    "checked_message_id",
    "is_foreign_id",
    "is_message_id",
    "labels_from",
    "mailbox_from",
    "mailboxes_from",
    "member_of",
    "message_ids_from",
    "metadata_from",
    "other_headers",
]

MailboxLike: TypeAlias = str | Mailbox | Address
"""One mailbox. A string holds exactly one, so no text of strangers can add recipients."""

MailboxesLike: TypeAlias = MailboxLike | Iterable[MailboxLike]
"""One mailbox or several."""

HeadersLike: TypeAlias = Mapping[str, str] | Iterable[Header | tuple[str, str]]
"""Extra header fields in the order of writing; only a sequence can repeat a name."""

_Kind = TypeVar("_Kind", bound=StrEnum)

_MINUTE = timedelta(minutes=1)
_MAX_MESSAGE_ID = 250
_MAX_LABELS = 1000
_MAX_LABEL = 10_000
_DOT_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++)*+"
# RFC 5322 3.6.4, without the obsolete forms.
_MESSAGE_ID = re.compile(rf"<{_DOT_ATOM}@(?:{_DOT_ATOM}|\[[!-Z^-~]*+\])>\Z")
# What others have made may be any of the obsolete forms, and is still the name of a message.
_FOREIGN_ID = re.compile(rf"<[!-;=?-~]{{1,{_MAX_MESSAGE_ID}}}>\Z")
_ARGUMENTS = {
    "bcc": "bcc",
    "cc": "cc",
    "date": "date",
    "from": "from_",
    "in-reply-to": "in_reply_to",
    "message-id": "message_id",
    "references": "references",
    "reply-to": "reply_to",
    "sender": "sender",
    "subject": "subject",
    "to": "to",
}
# Written by the message itself, or, as Bcc, to be seen by nobody.
_NOT_EXTRA = re.compile(r"content-|mime-version\Z|resent-bcc\Z", re.IGNORECASE)


def authors_from(given: MailboxesLike) -> tuple[Mailbox, ...]:
    """Read the mailboxes of the authors as `mailboxes_from` does."""
    return _author(given) if isinstance(given, str) else mailboxes_from(given)


@lru_cache(maxsize=64)
def _author(text: str) -> tuple[Mailbox, ...]:
    # A program writes as the same few authors each time; those it writes to differ.
    return (Mailbox.parse(text),)


def mailboxes_from(given: MailboxesLike) -> tuple[Mailbox, ...]:
    """Read one mailbox or several; raises `InvalidInput` for more than an envelope takes."""
    if isinstance(given, (str, Mailbox, Address)):
        return (mailbox_from(given),)
    # What most fields of most messages are; so it is below.
    if given == ():
        return ()
    found = tuple(map(mailbox_from, islice(given, MAX_RECIPIENTS + 1)))
    if len(found) > MAX_RECIPIENTS:
        raise InvalidInput(
            f"there are more mailboxes than the {MAX_RECIPIENTS} of one envelope",
            hint="Send several messages.",
        )
    return found


def mailbox_from(given: object) -> Mailbox:
    """Read one mailbox; raises `InvalidInput` for anything else."""
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


def member_of(kind: type[_Kind], given: str) -> _Kind:
    """Give the member itself or the one of that value; raises `ValueError` for anything else."""
    # Calling an enumeration costs six times as much.
    return given if isinstance(given, kind) else kind(given)


def other_headers(given: HeadersLike, *, written: frozenset[str]) -> tuple[Header, ...]:
    """Read header fields that are none of the message's own.

    `written` are the names, in lower case, that its other arguments have written already. Raises
    `InvalidHeader` for them, and for a name that an argument stands for.
    """
    if given == ():
        return ()
    pairs = given.items() if isinstance(given, Mapping) else given
    headers = tuple(each if isinstance(each, Header) else Header(*each) for each in pairs)
    for header in headers:
        name = header.name.lower()
        if argument := _ARGUMENTS.get(name):
            raise InvalidHeader(f"{header.name} is no extra header", hint=f"Give it in {argument}.")
        if _NOT_EXTRA.match(name):
            raise InvalidHeader(
                f"{header.name} is no extra header", hint="The message writes what it needs."
            )
        if name in written:
            raise InvalidHeader(
                f"{header.name} is given twice", hint="Give it as an argument or as a header."
            )
    return headers


def checked_body(text: object, what: str) -> str | None:
    """Give back a text or None; raises `InvalidInput` for anything else."""
    if text is None or isinstance(text, str):
        return text
    raise InvalidInput(
        f"{what} is made of text, not {type(text).__name__}",
        hint="Decode bytes first: data.decode()." if isinstance(text, bytes) else None,
    )


def checked_message_id(text: str) -> str:
    """Give back a Message-ID that can be written; raises `InvalidHeader` for another."""
    if len(text) > _MAX_MESSAGE_ID or not _MESSAGE_ID.match(text):
        raise InvalidHeader(
            f"{excerpt(text)} is no Message-ID",
            hint=f"Write <left@right> in ASCII, {_MAX_MESSAGE_ID} characters at most.",
        )
    return text


def is_message_id(text: str) -> bool:
    """Whether this is a Message-ID by the rules for writing one (RFC 5322 3.6.4)."""
    return len(text) <= _MAX_MESSAGE_ID and _MESSAGE_ID.match(text) is not None


def is_foreign_id(text: str) -> bool:
    """Whether this can be written as the Message-ID that somebody else has made."""
    return _FOREIGN_ID.match(text) is not None


def message_ids_from(given: str | Iterable[str], name: str) -> tuple[str, ...]:
    """Read Message-IDs that others have made, a string holding one.

    Raises `InvalidHeader` for what has no angle brackets, or a space or control between them.
    """
    identifiers = (given,) if isinstance(given, str) else tuple(given)
    for each in identifiers:
        if not is_foreign_id(each):
            raise InvalidHeader(
                f"{excerpt(each)} in {name} is no Message-ID",
                hint="Write each as <left@right>; give several as a list.",
            )
    return identifiers


def labels_from(given: Iterable[str], what: str) -> tuple[str, ...]:
    """Read words that are kept beside the message; raises `InvalidInput` for too many."""
    if given == ():
        return ()
    if isinstance(given, str):
        raise InvalidInput(f"{what} are a list, not a string")
    labels = tuple(islice(given, _MAX_LABELS + 1))
    if len(labels) > _MAX_LABELS:
        raise InvalidInput(f"there are more than {_MAX_LABELS} {what}")
    for label in labels:
        if len(label) > _MAX_LABEL:
            raise InvalidInput(f"one of the {what} has more than {_MAX_LABEL} characters")
        refuse_controls(label, f"one of the {what}")
    return labels


def metadata_from(
    given: Mapping[str, str] | Iterable[tuple[str, str]],
) -> tuple[tuple[str, str], ...]:
    """Read names with their values, each name once; raises `InvalidInput` for too many."""
    if given == ():
        return ()
    pairs = tuple(given.items() if isinstance(given, Mapping) else islice(given, _MAX_LABELS + 1))
    names = labels_from((name for name, _ in pairs), "names of metadata")
    labels_from((value for _, value in pairs), "values of metadata")
    if len(set(names)) < len(names):
        raise InvalidInput("a name stands twice in the metadata")
    return pairs


def checked_date(date: datetime) -> datetime:
    """Give a date as RFC 5322 3.3 can write it; raises `InvalidInput` if it cannot."""
    offset = date.utcoffset()
    if offset is None:
        raise InvalidInput(
            f"the date {date.isoformat()} has no offset from UTC",
            hint="Take datetime.now().astimezone().",
        )
    # RFC 5322 3.3 knows whole minutes of offset, whole seconds, and no year before 1900.
    if offset % _MINUTE:
        date = date.astimezone(UTC)
    if date.year < 1900:
        raise InvalidInput(f"the date {date.isoformat()} is before 1900")
    return date.replace(microsecond=0)
