"""Other programs read in a composed message all that was put in, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from itertools import chain

import pytest
from hypothesis import HealthCheck, assume, given, settings

from postseal.mail import Attachment, Mailbox, Message, MissingText
from postseal.mail.text_from_html import text_from_html
from tests.parts.composed import COMPOSED
from tests.parts.compositions import MESSAGES, lines_of
from tests.parts.mail_readers import (
    MailParser,
    Shown,
    ShownFile,
    read_by_fast_mail_parser,
    read_by_stdlib,
    running_mailparser,
)


@pytest.fixture(scope="module")
def mailparser() -> Iterator[MailParser]:
    with running_mailparser() as running:
        yield running


def meant(message: Message, written: Shown) -> Shown:
    """Say what a reader should show; Content-IDs are random, so they are those of `written`."""
    text, html = message.text, message.html
    if text is None and html is not None and message.missing_text is MissingText.FROM_HTML:
        text = text_from_html(html) or None
    for number, image in enumerate(message.inline_images, start=1):
        (content_id,) = {
            file.content_id
            for file in written.files
            if file.filename == image.filename
            and (file.content_id or "").endswith(f".{number}@inline")
        }
        html = re.sub(rf"(?:cid:)?{re.escape(image.filename)}", f"cid:{content_id}", html or "")
    return Shown(
        from_=[shown(each) for each in message.from_],
        sender=[shown(message.sender)] if message.sender else [],
        reply_to=[shown(each) for each in message.reply_to],
        to=[shown(each) for each in message.to],
        cc=[shown(each) for each in message.cc],
        bcc=[],
        subject=message.subject,
        date=message.date.astimezone(UTC),
        message_id=message.message_id,
        in_reply_to=" ".join(message.in_reply_to) or None,
        references=list(message.references),
        text=lines_of(text or "") or None,
        html=lines_of(html or "") or None,
        files=list(files_of(message, written)),
    )


def files_of(message: Message, written: Shown) -> Iterator[ShownFile]:
    if message.amp is not None:
        yield ShownFile(None, "text/x-amp-html", None, crlf(message.amp))
    if message.calendar is not None:
        yield ShownFile(None, "text/calendar", None, message.calendar.to_octets())
    ids = [file.content_id for file in written.files if file.content_id]
    for image, content_id in zip(message.inline_images, ids, strict=True):
        yield replace(shown_file(image), content_id=content_id)
    files = map(shown_file, message.attachments)
    invitation = [message.calendar.as_attachment()] if message.calendar else []
    yield from chain(files, map(shown_file, invitation))


def shown_file(file: Attachment) -> ShownFile:
    media_type = file.content_type.partition(";")[0]
    return ShownFile(file.filename, media_type, None, b"".join(file.pieces()))


def shown(mailbox: Mailbox) -> tuple[str, str]:
    return mailbox.name, mailbox.address.to_ascii()


def crlf(text: str) -> bytes:
    return lines_of(text).replace("\n", "\r\n").encode()


def test_there_are_enough_compositions() -> None:
    assert len(COMPOSED) >= 40


@pytest.mark.parametrize("name", COMPOSED)
def test_the_standard_library_reads_it(name: str) -> None:
    read = read_by_stdlib(bytes(COMPOSED[name]))
    assert read == meant(COMPOSED[name], read)


@pytest.mark.parametrize("name", COMPOSED)
def test_mailparser_reads_it(name: str, mailparser: MailParser) -> None:
    read = mailparser.read(bytes(COMPOSED[name]))
    assert read == meant(COMPOSED[name], read)


# It knows no quoted local parts (RFC 5322 3.4.1).
@pytest.mark.parametrize("name", [name for name in COMPOSED if name != "a quoted local part"])
def test_fast_mail_parser_reads_it(name: str) -> None:
    message = COMPOSED[name]
    read = read_by_fast_mail_parser(bytes(message))
    expected = meant(message, read)
    assert read == replace(expected, from_=expected.from_[:1], sender=[])


@given(MESSAGES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mailparser_reads_any_bodies(mailparser: MailParser, message: Message) -> None:
    # It shows a line end for an empty text in a multipart.
    assume("" not in {message.text, message.html})
    read = mailparser.read(bytes(message))
    expected = meant(message, read)
    assert (read.text, read.html) == (expected.text, expected.html)
    assert [each.content for each in read.files] == [each.content for each in expected.files]


@given(MESSAGES)
@settings(max_examples=60)
def test_fast_mail_parser_reads_any_bodies(message: Message) -> None:
    read = read_by_fast_mail_parser(bytes(message))
    expected = meant(message, read)
    assert (read.text, read.html) == (expected.text, expected.html)
    assert [each.content for each in read.files] == [each.content for each in expected.files]
