"""What other programs read in a message, brought into one form: Python's, npm's and Rust's."""

from __future__ import annotations

import email.utils
import json
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

import fast_mail_parser

from postseal.address import ascii_domain
from tests.conftest import report_lack
from tests.parts.compositions import lines_of
from tests.parts.node import FOLDER, find_node

__all__ = ["Shown", "ShownFile", "read_by_fast_mail_parser", "read_by_stdlib", "running_mailparser"]

# Newer releases refuse by default some quoted local parts that RFC 5322 allows.
_LENIENT = {"strict": False} if hasattr(email.utils, "supports_strict_parsing") else {}


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A part that is no text of the message."""

    filename: str | None
    media_type: str
    content_id: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    r"""A message as a reader would show it.

    Texts have `\n` as line ends, and an empty one is none. Domains are A-labels.
    """

    from_: list[tuple[str, str]]
    sender: list[tuple[str, str]]
    reply_to: list[tuple[str, str]]
    to: list[tuple[str, str]]
    cc: list[tuple[str, str]]
    bcc: list[tuple[str, str]]
    subject: str | None
    date: datetime
    message_id: str
    in_reply_to: str | None
    references: list[str]
    text: str | None
    html: str | None
    files: list[ShownFile]


def read_by_stdlib(octets: bytes) -> Shown:
    """Read a message with `email`; its older functions read addresses as RFC 2047 6.2 says."""
    parsed = message_from_bytes(octets, policy=policy.default)
    assert not any(part.defects for part in parsed.walk())
    raw = {name: str(value) for name, value in parsed.raw_items()}

    def mailboxes(name: str) -> list[tuple[str, str]]:
        unfolded = raw.get(name, "").replace("\r\n", "")
        if not unfolded:
            return []
        return [
            (str(make_header(decode_header(phrase))), address)
            for phrase, address in email.utils.getaddresses([unfolded], **_LENIENT)
        ]

    texts: dict[str, str | None] = {"text/plain": None, "text/html": None}
    files = []
    for part in parsed.walk():
        if part.is_multipart():
            continue
        media_type = part.get_content_type()
        octets_of_part = part.get_payload(decode=True)
        assert isinstance(octets_of_part, bytes)
        if media_type in texts and part.get_content_disposition() is None:
            texts[media_type] = octets_of_part.decode("utf-8").replace("\r\n", "\n")
        else:
            files.append(_stdlib_file(part, octets_of_part))
    in_reply_to = parsed["In-Reply-To"]
    return Shown(
        from_=mailboxes("From"),
        sender=mailboxes("Sender"),
        reply_to=mailboxes("Reply-To"),
        to=mailboxes("To"),
        cc=mailboxes("Cc"),
        bcc=mailboxes("Bcc"),
        subject=parsed["Subject"],
        date=parsed["Date"].datetime.astimezone(UTC),
        message_id=parsed["Message-ID"],
        in_reply_to=in_reply_to and str(in_reply_to),
        references=str(parsed["References"] or "").split(),
        text=texts["text/plain"] or None,
        html=texts["text/html"] or None,
        files=files,
    )


def _stdlib_file(part: EmailMessage, content: bytes) -> ShownFile:
    content_id = part["Content-ID"]
    return ShownFile(
        part.get_filename(),
        part.get_content_type(),
        content_id and str(content_id).strip("<>"),
        content,
    )


def read_by_fast_mail_parser(octets: bytes) -> Shown:
    """Read a message with fast-mail-parser, which tells of one author and of no sender."""
    parsed = fast_mail_parser.parse_email(octets)
    return Shown(
        from_=_fast_mailboxes([parsed.from_] if parsed.from_ else []),
        sender=[],
        reply_to=_fast_mailboxes(parsed.reply_to),
        to=_fast_mailboxes(parsed.to),
        cc=_fast_mailboxes(parsed.cc),
        bcc=_fast_mailboxes(parsed.bcc),
        subject=parsed.subject if "Subject" in parsed.headers else None,
        date=email.utils.parsedate_to_datetime(parsed.date).astimezone(UTC),
        message_id=parsed.headers["Message-ID"][0],
        in_reply_to=parsed.headers.get("In-Reply-To", [None])[0],
        references=parsed.headers.get("References", [""])[0].split(),
        text=_only(parsed.text_plain) or None,
        html=_only(parsed.text_html) or None,
        files=[
            ShownFile(each.filename or None, each.mimetype, each.content_id, each.content)
            for each in parsed.attachments
        ],
    )


def _fast_mailboxes(given: Any) -> list[tuple[str, str]]:
    return [(each.display_name or "", each.address) for each in given]


def _only(texts: list[str]) -> str | None:
    assert len(texts) <= 1
    return texts[0].replace("\r\n", "\n") if texts else None


def _with_ascii_domain(address: str | None) -> str:
    # It gives none for a mailbox that it cannot read.
    local, at, domain = (address or "").rpartition("@")
    return f"{local}{at}{ascii_domain(domain)}"


class MailParser:
    """A running mailparser, which Nodemailer's makers keep."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def read(self, octets: bytes) -> Shown:
        """Read a message."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{b64encode(octets).decode()}\n")
        stdin.flush()
        told = json.loads(stdout.readline())
        assert "error" not in told, told["error"]
        boxes = {
            name: [(person, _with_ascii_domain(address)) for person, address in told[name]]
            for name in ("from", "sender", "reply_to", "to", "cc", "bcc")
        }
        return Shown(
            from_=boxes["from"],
            sender=boxes["sender"],
            reply_to=boxes["reply_to"],
            to=boxes["to"],
            cc=boxes["cc"],
            bcc=boxes["bcc"],
            subject=told["subject"],
            date=datetime.fromisoformat(told["date"]),
            message_id=told["message_id"],
            in_reply_to=told["in_reply_to"],
            references=told["references"],
            # It takes the line end off text that flows.
            text=lines_of(told["text"] or "") or None,
            html=told["html"] or None,
            files=[
                ShownFile(
                    each["filename"],
                    each["type"],
                    each["content_id"],
                    b64decode(each["content"]),
                )
                for each in told["files"]
            ],
        )


@contextmanager
def running_mailparser() -> Iterator[MailParser]:
    """Run npm's mailparser; without it skip, or fail where CI=true."""
    node = find_node()
    if not (FOLDER / "node_modules" / "mailparser").is_dir():
        report_lack("npm's mailparser is not installed (scripts/node-packages)")
    process = subprocess.Popen(
        [node, FOLDER / "mailparser.js"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    with process:
        try:
            yield MailParser(process)
        finally:
            process.kill()
