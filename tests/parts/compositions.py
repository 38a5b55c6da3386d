"""Strategies for messages that can be composed, with what is special more often than by chance."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from postseal.address import Address
from postseal.mail import Attachment, Header, Mailbox, Message, MissingText

__all__ = ["BODIES", "LINES", "MAILBOXES", "MESSAGES", "lines_of"]

# Everything that a header can hold, with what is special in one more often than by chance.
LETTERS = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
SPECIALS = st.sampled_from("\"\\(),:;<>@[]=?_. '%*/ÄéЖ日📬")
LINES = st.text(LETTERS | SPECIALS, max_size=120)
ATOMS = st.from_regex(r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,20}", fullmatch=True)
LOCAL_PARTS = ATOMS | st.text("ab .\"\\@,;:<>()[]'", min_size=1, max_size=20)
DOMAINS = st.sampled_from(["example.com", "a-b.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"])
MAILBOXES = st.builds(Mailbox, LINES, st.builds(Address, LOCAL_PARTS, DOMAINS))
BODIES = st.text(st.characters(exclude_categories=["Cs"]) | SPECIALS | st.sampled_from("\r\n\t\0"))
FILENAMES = (
    st.text(LETTERS | SPECIALS, max_size=255)
    .map(lambda name: re.sub("[/\\\\\u202a-\u202e\u2066-\u2069]", "", name).strip())
    .filter(lambda name: name not in {"", ".", ".."})
)
ATTACHMENTS = st.builds(
    lambda data, filename, content_type: Attachment.from_bytes(
        data, filename=filename, content_type=content_type
    ),
    st.binary(max_size=300),
    FILENAMES,
    st.sampled_from([None, "application/pdf", "text/csv; charset=utf-8", 'a/b; x="y z"']),
)
DATES = st.datetimes(
    min_value=datetime(1901, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda each: timezone(timedelta(minutes=each))),
)
MESSAGES = st.builds(
    Message,
    from_=MAILBOXES,
    to=st.lists(MAILBOXES, min_size=1, max_size=4),
    cc=st.lists(MAILBOXES, max_size=2),
    bcc=st.lists(st.builds(Address, st.just("hidden"), st.just("blind.example")), max_size=1),
    reply_to=st.lists(MAILBOXES, max_size=1),
    subject=st.none() | LINES,
    text=st.none() | BODIES,
    html=st.none() | BODIES,
    missing_text=st.just(MissingText.LEFT_OUT),
    attachments=st.lists(ATTACHMENTS, max_size=3),
    headers=st.lists(st.builds(Header, st.sampled_from(["X-One", "List-ID"]), LINES), max_size=3),
    date=DATES,
)


def lines_of(text: str) -> str:
    """Give a body as it is read: line feeds, one at the end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if not text or text.endswith("\n") else f"{text}\n"
