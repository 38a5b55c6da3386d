"""Reading a message: all of an ordinary one, and the memory that a large one takes."""

from __future__ import annotations

import platform
from binascii import b2a_base64
from datetime import UTC, datetime

from bench.case import Case, Contender, Server
from bench.parts.alone import no_server, nothing_met, rate
from bench.parts.mail import RECIPIENT, SENDER
from bench.parts.processes import peak_growth
from bench.parts.programs import package_version

__all__ = ["BESIDE_COMPAT32", "BESIDE_DEFAULT_POLICY", "MEMORY"]

_TEXT = "Hello Bob, the invoice for the last month is attached. Thank you very much.\n" * 10
_HTML = "<p>Hello <b>Bob</b>, the invoice for the last month is attached.</p>\n" * 10
_FILE = bytes(range(256)) * 36
_NAME = "invoice.pdf"
_SUBJECT = "Your invoice"
_DATE = datetime(2026, 3, 1, 12, tzinfo=UTC)
# What both sides have to find, files last.
_EXPECTED = (SENDER, RECIPIENT, _DATE, _SUBJECT, _TEXT, _HTML, [(_NAME, _FILE)])


def _ordinary_message() -> bytes:
    from postseal import Attachment, Message

    return bytes(
        Message(
            from_=f"Ada Lovelace <{SENDER}>",
            to=[f"Bob <{RECIPIENT}>"],
            subject=_SUBJECT,
            date=_DATE,
            text=_TEXT,
            html=_HTML,
            attachments=[Attachment.from_bytes(_FILE, filename=_NAME)],
        )
    )


def measure_ours(server: Server, size: int) -> float:
    """Parse and read everything `size` times."""
    from postseal.mail.reading import parse

    octets = _ordinary_message()

    def read() -> None:
        message = parse(octets)
        found = (
            *(str(message.from_[0].address), str(message.to[0].address), message.date),
            *(message.subject, message.text, message.html),
            [(each.filename, each.content) for each in message.attachments],
        )
        _check(found)

    return rate(read, size)


def measure_default_policy(server: Server, size: int) -> float:
    """Do the same by the standard library as its documentation shows."""
    from email import policy
    from email.message import EmailMessage
    from email.parser import BytesParser

    octets = _ordinary_message()
    parser = BytesParser(policy=policy.default)

    def read() -> None:
        message = parser.parsebytes(octets)
        bodies = [
            body.get_content().replace("\r\n", "\n")
            for kind in ("plain", "html")
            if isinstance(body := message.get_body((kind,)), EmailMessage)
        ]
        found = (
            message["From"].addresses[0].addr_spec,
            message["To"].addresses[0].addr_spec,
            message["Date"].datetime,
            message["Subject"],
            *bodies,
            [(each.get_filename(), each.get_content()) for each in message.iter_attachments()],
        )
        _check(found)

    return rate(read, size)


def measure_compat32(server: Server, size: int) -> float:
    """Do the same by the standard library's older policy, which leaves more to the caller."""
    from email import message_from_bytes
    from email.header import decode_header, make_header
    from email.utils import getaddresses, parsedate_to_datetime

    octets = _ordinary_message()

    def read() -> None:
        message = message_from_bytes(octets)
        bodies: dict[str, str] = {}
        files = []
        for part in message.walk():
            content = part.get_payload(decode=True)
            if not isinstance(content, bytes):
                continue
            if filename := part.get_filename():
                files.append((filename, content))
                continue
            text = content.decode(part.get_content_charset("us-ascii"))
            bodies[part.get_content_type()] = text.replace("\r\n", "\n")
        addresses = getaddresses([message["From"], message["To"]])
        found = (
            *(addresses[0][1], addresses[1][1], parsedate_to_datetime(message["Date"])),
            str(make_header(decode_header(message["Subject"]))),
            *(bodies["text/plain"], bodies["text/html"], files),
        )
        _check(found)

    return rate(read, size)


def _check(found: tuple[object, ...]) -> None:
    if found != _EXPECTED:
        raise ValueError("the message was read wrongly")


_WHOLE = "text, HTML and an attachment of 9 KB, parsed and all of it read"
_OURS = Contender("postseal", lambda: package_version("postseal"), measure_ours, no_server)


def _whole(name: str, peer: Contender) -> Case:
    return Case(
        name=name,
        bench="message",
        title=f"{_WHOLE}, a second of CPU",
        unit="messages/s",
        size=300,
        ours=_OURS,
        peer=peer,
        met=nothing_met,
    )


BESIDE_DEFAULT_POLICY = _whole(
    "message-parse",
    Contender("email, policy.default", platform.python_version, measure_default_policy, no_server),
)
BESIDE_COMPAT32 = _whole(
    "message-parse-compat32",
    Contender("email, compat32", platform.python_version, measure_compat32, no_server),
)


def _large_message(megabytes: int) -> bytes:
    lines = b"".join(
        b2a_base64(bytes((n + shift) % 256 for n in range(57))) for shift in range(256)
    ).replace(b"\n", b"\r\n")
    head = (
        b"Subject: The film\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n--b\r\n"
        b"Content-Type: video/mp4\r\nContent-Disposition: attachment; filename=film.mp4\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return b"".join((head, *[lines] * (megabytes * 1_000_000 // len(lines)), b"--b--\r\n"))


def measure_our_memory(server: Server, size: int) -> float:
    """Hold, parse and read a message of `size` MB; return the growth of peak memory in MiB."""
    from postseal.mail.reading import parse

    def read() -> None:
        message = parse(_large_message(size))
        _check_large(message.text, message.attachments[0].content, size)

    return peak_growth(read)


def measure_memory_of_default_policy(server: Server, size: int) -> float:
    """Do the same by the standard library."""
    from email import message_from_bytes, policy

    def read() -> None:
        message = message_from_bytes(_large_message(size), policy=policy.default)
        text, film = message.iter_parts()
        _check_large(text.get_content(), film.get_content(), size)

    return peak_growth(read)


def _check_large(text: str | None, content: bytes, size: int) -> None:
    # 57 octets are 78 in lines of base64.
    if (text or "").strip() != "Here it is." or len(content) < size * 1_000_000 * 57 // 78 * 0.99:
        raise ValueError("the message was read wrongly")


MEMORY = Case(
    name="message-parse-memory",
    bench="message",
    title="an attachment in a message of 30 MB, held, parsed and decoded: growth of peak memory",
    unit="MiB",
    size=30,
    ours=Contender("postseal", lambda: package_version("postseal"), measure_our_memory, no_server),
    peer=Contender(
        "email, policy.default",
        platform.python_version,
        measure_memory_of_default_policy,
        no_server,
    ),
    met=nothing_met,
)
