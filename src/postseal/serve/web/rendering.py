"""A stored message taken apart for a page: header fields, one text, one HTML part, attachments.

Mail is written by anybody, so whatever the octets, this gives a `Rendering` and never raises,
and both time and memory are bounded: only a window of the message is looked at, nothing nested
deeper than people nest is followed, and long values are cut. What was left out is said in
`notes`; the raw message always has all of it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterator
from dataclasses import dataclass
from email.errors import MessageError
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import Compat32, compat32
from typing import Final

from typing_extensions import override

from postseal.serve.web.disposition import safe_filename
from postseal.serve.web.words import decode_charset, decode_words, one_line

__all__ = ["WINDOW", "Attachment", "HeaderField", "Rendering", "Window", "read_window", "render"]

WINDOW: Final = 5 * 1024 * 1024
"""How many octets of a message are taken apart for a page."""

_MAX_LINES: Final = 150_000
# Lines times boundaries: the parser compares each line with each multipart that is open.
_MAX_COMPARISONS: Final = 3_000_000
# The parser's reading of parameters takes quadratic time.
_MAX_PARAMETERS: Final = 32
_MAX_FIELD: Final = 1000
_MAX_HEADER_OCTETS: Final = 256 * 1024
_MAX_HEADERS: Final = 200
_MAX_VALUE: Final = 4000
_MAX_TEXT: Final = 500_000
_MAX_ATTACHMENTS: Final = 100

_TEXT: Final = "text/plain"
_HTML: Final = "text/html"
_BODIES: Final = (_TEXT, _HTML)

# What the standard library's parser raises for mail that nobody would write.
_GARBAGE: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MessageError,
    RecursionError,
    TypeError,
    ValueError,
)
_CONTENT_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}\Z")
_END_OF_HEADER: Final = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One line of the header section, its value unfolded and decoded."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is offered for download: `number` counts from 1, `size` is of the content.

    `content` is None where the part goes on behind the window, or cannot be decoded.
    """

    number: int
    filename: str
    content_type: str
    size: int
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a page can show of a message; `text` and `html` are None where there is no such part."""

    headers: tuple[HeaderField, ...] = ()
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """The beginning of a message, and whether there is more behind it."""

    octets: bytes
    is_whole: bool


async def read_window(content: AsyncIterable[bytes], *, limit: int = WINDOW) -> Window:
    """Collect the first `limit` octets of a message that comes in pieces."""
    collected = bytearray()
    async for piece in content:
        collected += piece
        if len(collected) > limit:
            return Window(bytes(collected[:limit]), is_whole=False)
    return Window(bytes(collected), is_whole=True)


class _BoundedParameters(Compat32):
    """The classic policy, with the fields that have parameters cut where no honest writer goes."""

    @override
    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        if name.lower().startswith("content-"):
            value = ";".join(value[:_MAX_FIELD].split(";")[:_MAX_PARAMETERS])
        return name, value


class _Part(Message):
    """A part whose enclosed message is content, octet for octet, and not structure."""

    @override
    def get_content_type(self) -> str:
        declared = super().get_content_type()
        return "application/octet-stream" if declared.startswith("message/") else declared

    @property
    def declared_type(self) -> str:
        """The type as the part has it."""
        return super().get_content_type()


def render(window: Window) -> Rendering:
    """Take the message apart. It may take a second of processor time: call it in a thread."""
    octets, is_whole = _bound_lines(window)
    headers, notes = _read_headers(octets)
    if octets.count(b"\n") * octets.lower().count(b"boundary") > _MAX_COMPARISONS:
        notes.append("It has more parts in parts than are taken apart; the raw message has it all.")
        return Rendering(headers, notes=tuple(notes))
    if not is_whole:
        notes.append(
            f"Only the first {len(octets):,} octets are taken apart here; "
            "the raw message has it all."
        )
    try:
        parser = BytesParser(_Part, policy=_BoundedParameters())
        leaves = list(_leaves(parser.parsebytes(octets)))
    except _GARBAGE:
        notes.append("Its structure cannot be read; the raw message shows what was sent.")
        return Rendering(headers, notes=tuple(notes))
    return _sort_parts(headers, leaves, notes, is_whole=is_whole)


def _bound_lines(window: Window) -> tuple[bytes, bool]:
    # The parser works line by line: five million empty lines are as costly as they look.
    if window.octets.count(b"\n") <= _MAX_LINES:
        return window.octets, window.is_whole
    lines = window.octets.split(b"\n", _MAX_LINES)
    return b"\n".join(lines[:_MAX_LINES]) + b"\n", False


def _read_headers(octets: bytes) -> tuple[tuple[HeaderField, ...], list[str]]:
    end = _END_OF_HEADER.search(octets, 0, _MAX_HEADER_OCTETS)
    section = octets[: end.end() if end else _MAX_HEADER_OCTETS]
    try:
        fields = list(BytesHeaderParser(policy=compat32).parsebytes(section).raw_items())
    except _GARBAGE:
        return (), ["Its header section cannot be read."]
    notes = []
    if len(fields) > _MAX_HEADERS or (end is None and len(octets) > _MAX_HEADER_OCTETS):
        notes.append(f"Only the first {min(len(fields), _MAX_HEADERS)} header fields are shown.")
    return tuple(
        HeaderField(one_line(name, limit=200), _header_text(value))
        for name, value in fields[:_MAX_HEADERS]
    ), notes


def _header_text(value: object) -> str:
    return one_line(decode_words(str(value)[: 2 * _MAX_VALUE]), limit=_MAX_VALUE)


def _leaves(message: Message) -> Iterator[_Part]:
    """Yield the parts that hold content, in order."""
    waiting: list[object] = [message]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, _Part):
            continue
        inner = part.get_payload() if part.is_multipart() else None
        if isinstance(inner, list):
            waiting += reversed(inner)
        else:
            yield part


def _sort_parts(
    headers: tuple[HeaderField, ...], leaves: list[_Part], notes: list[str], *, is_whole: bool
) -> Rendering:
    bodies: dict[str, str] = {}
    attachments: list[Attachment] = []
    for position, part in enumerate(leaves):
        content_type = _content_type(part)
        # The last part of a message that was cut is cut as well.
        is_cut = not is_whole and position == len(leaves) - 1
        content = _content(part)
        if content_type in _BODIES and content_type not in bodies and not _is_attachment(part):
            bodies[content_type] = _text(part, content or b"", notes)
        elif len(attachments) < _MAX_ATTACHMENTS:
            number = len(attachments) + 1
            attachments.append(
                Attachment(
                    number=number,
                    filename=_filename(part, content_type, number),
                    content_type=content_type,
                    size=len(content or b""),
                    content=None if is_cut else content,
                )
            )
        else:
            left = len(leaves) - position
            notes.append(f"Parts that are not listed here: {left:,}. The raw message has them.")
            break
    return Rendering(
        headers, bodies.get(_TEXT), bodies.get(_HTML), tuple(attachments), tuple(notes)
    )


def _content_type(part: _Part) -> str:
    try:
        content_type = part.declared_type
    except _GARBAGE:
        return "application/octet-stream"
    return content_type if _CONTENT_TYPE.match(content_type) else "application/octet-stream"


def _is_attachment(part: _Part) -> bool:
    try:
        return part.get_content_disposition() == "attachment" or bool(part.get_filename())
    except _GARBAGE:
        return True


def _text(part: _Part, content: bytes, notes: list[str]) -> str:
    try:
        charset = part.get_content_charset()
    except _GARBAGE:
        charset = None
    text = decode_charset(content, charset).replace("\r\n", "\n").replace("\0", "\ufffd")
    if len(text) > _MAX_TEXT:
        notes.append(f"A text is cut after {_MAX_TEXT:,} characters; the raw message has it all.")
    # Some charsets of Python decode to surrogates, which no page can carry.
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode()


def _filename(part: _Part, content_type: str, number: int) -> str:
    try:
        name = decode_words(part.get_filename() or "")
    except _GARBAGE:
        name = ""
    extension = ".eml" if content_type == "message/rfc822" else ""
    return safe_filename(name, fallback=f"part-{number}{extension}")


def _content(part: _Part) -> bytes | None:
    """Undo the transfer encoding; None if that cannot be done."""
    try:
        decoded = part.get_payload(decode=True)
    except _GARBAGE:
        return None
    return decoded if isinstance(decoded, bytes) else None
