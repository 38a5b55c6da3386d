"""What the platform reads of a message: the fields that lists show, and those that instruct it."""

from __future__ import annotations

from email.errors import HeaderParseError, MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import HeaderParser
from typing import Final

from postseal.serve.storage import Summary

__all__ = ["HEAD_LIMIT", "field_values", "header_section", "summarize"]

HEAD_LIMIT: Final = 64 * 1024
"""How many octets of a message are looked at for its header section."""

_FIELD_LIMIT: Final = 500


def header_section(beginning: bytes) -> bytes:
    """Cut the header section out of the first octets of a message."""
    if beginning.startswith(b"\r\n"):
        return b""
    end = beginning.find(b"\r\n\r\n")
    return beginning[: end + 2] if end >= 0 else beginning


def summarize(head: bytes) -> Summary:
    """Read a header section. Garbage gives poor text, never an error."""
    message = _parsed(head)
    return Summary(
        subject=_text(message["Subject"]),
        header_from=_text(message["From"]),
        header_to=_text(message["To"]),
        header_message_id=_text(message["Message-ID"]),
    )


def field_values(head: bytes, name: str) -> tuple[str, ...]:
    """Give the values of all fields of a name in a header section, as they are written."""
    return tuple(str(value) for value in _parsed(head).get_all(name, ()))


def _parsed(head: bytes) -> Message:
    # RFC 6532 3.2: header fields may be UTF-8 as they are.
    return HeaderParser().parsestr(head.decode("utf-8", "replace"))


def _text(value: object) -> str:
    if value is None:
        return ""
    raw = str(value)[: 4 * _FIELD_LIMIT]
    try:
        text = str(make_header(decode_header(raw)))
    except (HeaderParseError, MessageError, LookupError, ValueError):
        text = raw
    text = text.encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_FIELD_LIMIT]
