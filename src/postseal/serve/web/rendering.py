"""A stored message taken apart for a page: header fields, one text, one HTML part, attachments.

Mail is written by anybody, so whatever the octets, this gives a `Rendering` and never raises,
and both time and memory are bounded: only a window of the message is looked at, nothing nested
deeper than people nest is followed, and long values are cut. What was left out is said in
`notes`; the raw message always has all of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from dataclasses import dataclass
from typing import Final

from postseal.mail.reading.defects import DefectKind
from postseal.mail.reading.fields import HeaderSection
from postseal.mail.reading.limits import ReadingLimits
from postseal.mail.reading.parser import parse
from postseal.mail.reading.parts import Disposition, ReceivedPart
from postseal.serve.web.disposition import safe_filename
from postseal.serve.web.words import one_line

__all__ = ["WINDOW", "Attachment", "HeaderField", "Rendering", "Window", "read_window", "render"]

WINDOW: Final = 5 * 1024 * 1024
"""How many octets of a message are taken apart for a page."""

_MAX_HEADERS: Final = 200
_MAX_VALUE: Final = 4000
_MAX_TEXT: Final = 500_000
_MAX_ATTACHMENTS: Final = 100
_LIMITS: Final = ReadingLimits(max_field_octets=16 * 1024, max_content_octets=WINDOW)
_LEFT_OUT: Final = frozenset({DefectKind.TOO_DEEP, DefectKind.TOO_MANY_PARTS})
_MORE_PARTS: Final = "It has more parts in parts than are taken apart; the raw message has it all."
_BODIES: Final = ("text/plain", "text/html")


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


def render(window: Window) -> Rendering:
    """Take the message apart. It may take a tenth of a second of processor time: use a thread."""
    root = parse(window.octets, limits=_LIMITS).root
    notes: list[str] = []
    headers = _headers(root.header, notes)
    if not window.is_whole:
        notes.append(
            f"Only the first {len(window.octets):,} octets are taken apart here; "
            "the raw message has it all."
        )
    leaves = list(_leaves(root, notes))
    return _sort_parts(headers, leaves, notes, is_whole=window.is_whole)


def _headers(section: HeaderSection, notes: list[str]) -> tuple[HeaderField, ...]:
    if len(section) > _MAX_HEADERS:
        notes.append(f"Only the first {_MAX_HEADERS} header fields are shown.")
    return tuple(
        HeaderField(one_line(field.name, limit=200), one_line(field.value, limit=_MAX_VALUE))
        for field in section.fields[:_MAX_HEADERS]
    )


def _leaves(part: ReceivedPart, notes: list[str]) -> Iterator[ReceivedPart]:
    """Yield the parts that hold content, in order; a message within is content."""
    if not part.is_multipart:
        yield part
    if _MORE_PARTS not in notes and _is_cut_off(part):
        notes.append(_MORE_PARTS)
    for each in part.parts:
        yield from _leaves(each, notes)


def _is_cut_off(part: ReceivedPart) -> bool:
    # Asked of multiparts alone: those of others are found by decoding them.
    return part.media_type.startswith("multipart/") and not _LEFT_OUT.isdisjoint(
        defect.kind for defect in part.defects
    )


def _sort_parts(
    headers: tuple[HeaderField, ...],
    leaves: list[ReceivedPart],
    notes: list[str],
    *,
    is_whole: bool,
) -> Rendering:
    bodies: dict[str, str] = {}
    attachments: list[Attachment] = []
    for position, part in enumerate(leaves):
        # The last part of a message that was cut is cut as well.
        is_cut = not is_whole and position == len(leaves) - 1
        if part.media_type in _BODIES and part.media_type not in bodies and not _is_file(part):
            bodies[part.media_type] = _text(part, notes)
        elif len(attachments) < _MAX_ATTACHMENTS:
            attachments.append(_attachment(part, len(attachments) + 1, is_cut=is_cut))
        else:
            left = len(leaves) - position
            notes.append(f"Parts that are not listed here: {left:,}. The raw message has them.")
            break
    text, html = map(bodies.get, _BODIES)
    return Rendering(headers, text, html, tuple(attachments), tuple(notes))


def _is_file(part: ReceivedPart) -> bool:
    return part.disposition is Disposition.ATTACHMENT or bool(part.filename)


def _text(part: ReceivedPart, notes: list[str]) -> str:
    text = part.text.replace("\0", "\ufffd")
    if len(text) > _MAX_TEXT:
        notes.append(f"A text is cut after {_MAX_TEXT:,} characters; the raw message has it all.")
    # Some charsets of Python decode to surrogates, which no page can carry.
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode()


def _attachment(part: ReceivedPart, number: int, *, is_cut: bool) -> Attachment:
    content = part.content
    extension = ".eml" if part.media_type == "message/rfc822" else ""
    return Attachment(
        number=number,
        filename=safe_filename(part.filename or "", fallback=f"part-{number}{extension}"),
        content_type=part.media_type,
        size=len(content),
        content=None if is_cut else content,
    )
