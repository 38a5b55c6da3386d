"""Messages converted for tests, and what must be true of whatever is converted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.message import Message

from postseal.mail.conversion import Conversion, ConversionPlan, ConversionScan, Converter

__all__ = ["check_same_message", "convert", "wire"]


def wire(text: str) -> bytes:
    """Write a message as it is on the wire; `text` has the line ends of Python."""
    return text.replace("\n", "\r\n").encode()


def convert(
    message: bytes | Iterable[bytes], conversion: Conversion = Conversion.UNLESS_SIGNED
) -> tuple[bytes, ConversionPlan]:
    """Read a message twice and give what comes out, and the plan."""
    pieces = [message] if isinstance(message, bytes) else list(message)
    scan = ConversionScan(conversion)
    for piece in pieces:
        scan.feed(piece)
    plan = scan.finish()
    converter = Converter(plan)
    written = b"".join([*map(converter.feed, pieces), converter.finish()])
    assert len(written) == plan.size
    return written, plan


def check_same_message(before: bytes, after: bytes) -> None:
    """Check that another reader finds the same structure and octets, now in 7 bits."""
    assert after.isascii()
    assert b"\0" not in after
    assert after.count(b"\r\n") == after.count(b"\r") == after.count(b"\n")
    assert max(map(len, after.split(b"\r\n"))) <= 998
    first, second = message_from_bytes(before), message_from_bytes(after)
    assert list(_outline(second)) == list(_outline(first))


def _outline(message: Message) -> Iterator[tuple[object, ...]]:
    for part in message.walk():
        fields = [
            (name.lower(), value)
            for name, value in part.items()
            if name.lower() not in ("content-transfer-encoding", "content-type", "mime-version")
        ]
        octets = None if part.is_multipart() else part.get_payload(decode=True)
        around = (part.preamble, part.epilogue) if part.is_multipart() else None
        yield part.get_content_type(), part.get_boundary(), fields, octets, around
