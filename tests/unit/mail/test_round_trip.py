"""Whatever is composed is read back as the same by the standard library, and harms no line."""

from __future__ import annotations

import email.utils
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

from hypothesis import given

from postseal.mail import Attachment, Message
from tests.parts.compositions import MESSAGES, lines_of

# Newer releases refuse by default some quoted local parts that RFC 5322 allows.
LENIENT = {"strict": False} if hasattr(email.utils, "supports_strict_parsing") else {}


def read_mailboxes(message: EmailMessage, name: str) -> list[tuple[str, str]]:
    """Read an address header.

    The parser of the new policy shows a gap between the encoded words of a long name, so the
    older functions of the library, which do it as RFC 2047 6.2 says, take its place.
    """
    if name not in message:
        return []
    unfolded = dict(message.raw_items())[name].replace("\r\n", "")
    return [
        (str(make_header(decode_header(phrase))), address)
        for phrase, address in email.utils.getaddresses([unfolded], **LENIENT)
    ]


def read_text(message: EmailMessage, subtype: str) -> str | None:
    for part in message.walk():
        if part.get_content_type() == f"text/{subtype}" and not part.get_filename():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            return payload.decode("utf-8").replace("\r\n", "\n")
    return None


@given(MESSAGES)
def test_the_standard_library_reads_what_was_composed(message: Message) -> None:
    parsed = message_from_bytes(bytes(message), policy=policy.default)
    for name, mailboxes in (
        ("From", message.from_),
        ("Reply-To", message.reply_to),
        ("To", message.to),
        ("Cc", message.cc),
    ):
        assert [(each.name, each.address.to_ascii()) for each in mailboxes] == read_mailboxes(
            parsed, name
        )
    assert parsed["Subject"] == message.subject
    assert parsed["Message-ID"] == message.message_id
    assert parsed["Date"].datetime == message.date
    assert [(name, value) for name, value in parsed.items() if name in {"X-One", "List-ID"}] == [
        (each.name, each.value) for each in message.headers
    ]
    text = message.text
    if text is None and message.html is None and not message.attachments:
        text = ""
    assert read_text(parsed, "plain") == (None if text is None else lines_of(text))
    assert read_text(parsed, "html") == (None if message.html is None else lines_of(message.html))
    found = [part for part in parsed.walk() if part.get_content_disposition() == "attachment"]
    assert [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in found
    ] == [
        (each.filename, each.content_type.partition(";")[0], b"".join(each.content.read()))
        for each in message.attachments
    ]
    assert not any(part.defects for part in parsed.walk())


@given(MESSAGES)
def test_the_octets_are_fit_to_travel(message: Message) -> None:
    octets = bytes(message)
    assert octets.isascii()
    assert octets.endswith(b"\r\n")
    assert message.size == len(octets)
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n", octets)
    assert b"blind.example" not in octets
    head, _, _ = octets.partition(b"\r\n\r\n")
    names = re.findall(rb"^([^ :]+):", head, re.MULTILINE)
    # Nothing but what was asked for, whatever stands in names, subjects and file names.
    optional = {
        b"Reply-To": message.reply_to,
        b"Cc": message.cc,
        b"Subject": message.subject is not None,
    }
    single = {b"Content-Transfer-Encoding": b"multipart/" not in head}
    expected = [b"Date", b"From", b"To", b"Message-ID", b"MIME-Version", b"Content-Type"]
    expected += [name for name, there in (optional | single).items() if there]
    expected += [each.name.encode() for each in message.headers]
    assert sorted(names) == sorted(expected)


def test_many_compositions_in_one() -> None:
    # One message that has everything at once, so that the order of parts is seen as well.
    message = Message(
        from_=["Ada <ada@example.com>", '"Babbage, C." <cb@example.com>'],
        sender="Office <office@example.com>",
        to=[f"Person {n} <p{n}@example.com>" for n in range(200)],
        subject="Ünïcode " * 40,
        text="text\n" * 1000,
        html="<p>日本語</p>\n" * 1000,
        attachments=[
            Attachment.from_bytes(bytes(range(256)) * 500, filename=f"файл {n}.bin")
            for n in range(5)
        ],
        date=datetime(2026, 2, 28, 1, 2, 3, tzinfo=UTC),
    )
    parsed = message_from_bytes(bytes(message), policy=policy.default)
    assert [part.get_content_type() for part in parsed.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        *["application/octet-stream"] * 5,
    ]
    assert parsed["From"].addresses[1].display_name == "Babbage, C."
    assert parsed["Sender"].address.addr_spec == "office@example.com"
    assert len(parsed["To"].addresses) == 200
    assert parsed["Subject"] == "Ünïcode " * 40
    assert [part.get_filename() for part in parsed.iter_attachments()] == [
        f"файл {n}.bin" for n in range(5)
    ]
    assert all(part.get_content() == bytes(range(256)) * 500 for part in parsed.iter_attachments())
