"""What nodemailer composes reads as what it was given."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode, b64encode
from datetime import datetime

import pytest

from postseal.mail.reading import ReceivedMessage, parse
from tests.parts.node import FOLDER, find_node

LONG = "Überlange Betreffzeile mit vielen Wörtern, damit sie gefaltet und zerlegt wird; " * 3
OCTETS = bytes(range(256)) * 20
SUBJECTS = (
    *("Hello", "Grüße aus Köln", "日本語の件名", LONG.strip(), "📬 Post", "a  b"),
    *("Ж" * 60, "x" * 200, "100 % & <b>"),
)
FILENAMES = (
    *("report.pdf", "Übung 1.pdf", "日本語.txt", 'a "quoted" name.txt', "semi;colon.csv"),
    *("it's 100%.txt", "x" * 120 + ".bin", "день победы " * 6 + ".doc"),
)
TEXTS = (
    *("Hello\n", "Grüße\n" * 50, "日本語の本文です。\n" * 20, "x" * 2000 + "\n", "a = b \n.\n..\n"),
    *("From here\n>From there\n", "trailing \t \n\n\n"),
)
NAMES = ("Ada Lovelace", "Doe, John", "Ünïcode", 'The "Boss"', "日本 太郎", "a@b", "Ж" * 40, "")


def compose(*messages: dict[str, object]) -> list[ReceivedMessage]:
    common = {"from": "ada@example.com", "to": "bob@example.org", "date": "2026-03-01T12:00:00Z"}
    done = subprocess.run(
        [find_node(), FOLDER / "compose.js"],
        input=json.dumps([common | message for message in messages]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    received = [parse(b64decode(octets)) for octets in json.loads(done.stdout)]
    for message in received:
        assert message.defects == ()
        assert message.date == datetime.fromisoformat("2026-03-01T12:00:00Z")
        assert message.message_id is not None
    return received


def test_subjects_and_texts() -> None:
    given: list[dict[str, object]] = [
        {"subject": subject, "text": text, "html": f"<pre>{text}</pre>"}
        for subject, text in zip(SUBJECTS, TEXTS * 2, strict=False)
    ]
    for message, fields in zip(compose(*given), given, strict=True):
        assert message.subject == fields["subject"]
        assert message.text == fields["text"]
        assert message.html == fields["html"]
        assert message.attachments == ()


def test_names_and_groups() -> None:
    mailboxes = [
        {"name": name, "address": f"p{number}@example.org"} for number, name in enumerate(NAMES)
    ]
    group = 'A Team: Ada <a@example.org>, "Doe, John" <d@example.org>;'
    plain, grouped = compose({"to": mailboxes, "cc": mailboxes[0]}, {"to": [group, mailboxes[3]]})
    assert [(each.name, str(each.address)) for each in plain.to] == [
        (each["name"], each["address"]) for each in mailboxes
    ]
    assert [each.name for each in plain.cc] == ["Ada Lovelace"]
    assert [entry.name for entry in grouped.addresses("To").entries] == ["A Team", 'The "Boss"']
    assert len(grouped.to) == 3


def test_threads() -> None:
    references = [f"<{number}@example.com>" for number in range(40)]
    (message,) = compose({"inReplyTo": references[-1], "references": references})
    assert message.in_reply_to == (references[-1],)
    assert message.references == tuple(references)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_attachments(encoding: str) -> None:
    attachments = [
        {
            "filename": name,
            "content": b64encode(OCTETS).decode(),
            "encoding": "base64",
            "contentType": "application/x-thing",
            "contentTransferEncoding": encoding,
        }
        for name in FILENAMES
    ]
    image = {"filename": "i.png", "content": "x", "cid": "i@x", "contentDisposition": "inline"}
    html = '<img src="cid:i@x">'
    files, inline = compose(
        {"text": "See.\n", "attachments": attachments},
        {"text": "See.\n", "html": html, "attachments": [image]},
    )
    assert files.text == "See.\n"
    assert [each.filename for each in files.attachments] == list(FILENAMES)
    assert {each.media_type for each in files.attachments} == {"application/x-thing"}
    assert all(each.content == OCTETS for each in files.attachments)
    assert (inline.text, inline.html) == ("See.\n", html)
    assert [(each.content_id, each.is_inline) for each in inline.attachments] == [("i@x", True)]
