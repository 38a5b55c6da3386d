"""Building and writing a message, beside the standard library's email package; no server is met."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.case import Case, Contender, Server
from bench.parts.programs import package_version

__all__ = ["CASE"]

_TEXT = "Hello Bob,\n\nthe invoice is attached. Grüße aus Köln.\n" * 20
_HTML = "<p>Hello <b>Bob</b>, the invoice is attached. Grüße aus Köln.</p>\n" * 20
_FILE = bytes(range(256)) * 36


@contextmanager
def no_server() -> Iterator[Server]:
    """Give the place of a server where there is none."""
    yield Server(port=0, pid=0)


def measure_ours(_: Server, size: int) -> float:
    """Build and write `size` messages; return messages per second of the processor's time."""
    from postseal import Attachment, Message

    started = time.process_time()
    for _number in range(size):
        message = Message(
            from_="Ada Lovelace <ada@example.com>",
            to=["Bob <bob@example.org>"],
            subject="Your invoice für März",
            text=_TEXT,
            html=_HTML,
            attachments=[Attachment.from_bytes(_FILE, filename="invoice.pdf")],
        )
        _check(bytes(message))
    return size / (time.process_time() - started)


def measure_email(_: Server, size: int) -> float:
    """Do the same with `EmailMessage`, with the date and Message-ID that ours has as well."""
    from datetime import UTC, datetime
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import make_msgid

    started = time.process_time()
    for _number in range(size):
        message = EmailMessage(policy=SMTP)
        message["Date"] = datetime.now(UTC).astimezone()
        message["From"] = "Ada Lovelace <ada@example.com>"
        message["To"] = "Bob <bob@example.org>"
        message["Subject"] = "Your invoice für März"
        message["Message-ID"] = make_msgid(domain="example.com")
        message.set_content(_TEXT)
        message.add_alternative(_HTML, subtype="html")
        message.add_attachment(_FILE, maintype="application", subtype="pdf", filename="invoice.pdf")
        _check(message.as_bytes())
    return size / (time.process_time() - started)


def _check(octets: bytes) -> None:
    if len(octets) < 4 * len(_FILE) // 3:
        raise RuntimeError(f"only {len(octets)} octets were written")


CASE = Case(
    name="message-build",
    bench="mail",
    title="build and write text, HTML and a 9 KiB file, processor time",
    unit="messages/s",
    size=500,
    ours=Contender("postseal", lambda: package_version("postseal"), measure_ours, no_server),
    peer=Contender("email", platform.python_version, measure_email, no_server),
    met=lambda: "no server",
)
