"""Hidden fields at the top of the texts, for readers that decrypt but know no header protection.

They are put there when a message is composed (RFC 9788 5.2.2, 5.2.3), and taken away again by
readers that know better (RFC 9788 4.5.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Final

from postseal.mail.encodings import encode_text
from postseal.mail.parameters import parameterized_field
from postseal.mail.reading.defects import DefectKind
from postseal.mail.reading.parser import parse
from postseal.mail.reading.parts import Disposition, ReceivedPart

__all__ = ["with_legacy_display", "without_legacy_display"]

_MARK: Final = "hp-legacy-display"
_CLASS: Final = "header-protection-legacy-display"
_PLAIN: Final = "text/plain"
_HTML: Final = "text/html"
# What else may be said of a text that is written anew in UTF-8.
_KEPT: Final = ("format", "delsp", "hp")
_REWRITTEN: Final = ("content-type", "content-transfer-encoding")
_BLANK_LINE: Final = re.compile(r"^[ \t]*+\n", re.MULTILINE)
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ATTRIBUTES: Final = r"(?:[^>\"']++|\"[^\"]*+\"|'[^']*+'|[\"'])*+"
# Behind the first of these that there is, the content begins.
_OPENINGS: Final = tuple(
    re.compile(opening, re.IGNORECASE)
    for opening in (
        rf"<body(?=[\s/>]){_ATTRIBUTES}>",
        r"</head\s*+>",
        rf"<html(?=[\s/>]){_ATTRIBUTES}>",
        r"<!doctype[^>]*+>",
    )
)
_DIVISION: Final = re.compile(r"<(/?)div(?=[\s/>])([^>]*+)>", re.IGNORECASE)
_CLASSES: Final = re.compile(r"\bclass\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|(\S++))", re.IGNORECASE)


def with_legacy_display(payload: bytes, lines: Sequence[str]) -> bytes:
    """Put `lines` at the top of the main texts of a MIME entity, and mark those.

    A text that cannot be read without doubt stays as it is. Without lines nothing changes.
    """
    if not lines:
        return payload
    texts = [
        part
        for part in _main_texts(parse(payload).root)
        if not part.defects and (part.charset or part.content.isascii())
    ]
    above = {
        _PLAIN: lambda text: "".join(f"{line}\n" for line in (*lines, "")) + text,
        _HTML: lambda text: _with_division(text, lines),
    }
    return _edited(payload, texts, above, marked=True)


def without_legacy_display(payload: bytes) -> bytes:
    """Take away what `with_legacy_display`, ours or another's, put into the marked texts.

    Nothing that the octets hold raises.
    """
    texts = [
        part
        for part in _leaves(parse(payload).root)
        if part.content_type.get(_MARK) == "1"
        and all(each.kind is not DefectKind.CONTENT_TOO_LARGE for each in part.defects)
    ]
    return _edited(payload, texts, {_PLAIN: _behind_blank, _HTML: _without_division}, marked=False)


def _edited(
    payload: bytes,
    parts: Iterable[ReceivedPart],
    edits: dict[str, Callable[[str], str]],
    *,
    marked: bool,
) -> bytes:
    pieces: list[bytes] = []
    end = 0
    for part in parts:
        if edit := edits.get(part.media_type):
            pieces += (payload[end : part.offset], _rewritten(part, edit(part.text), marked=marked))
            end = part.body_offset + len(part.raw_body)
    pieces.append(payload[end:])
    return b"".join(pieces)


def _rewritten(part: ReceivedPart, text: str, *, marked: bool) -> bytes:
    encoding, body = encode_text(text)
    parameters = [pair for pair in part.content_type.parameters if pair[0] in _KEPT]
    parameters.append(("charset", "utf-8"))
    if marked:
        parameters.append((_MARK, "1"))
    return b"".join(
        (
            parameterized_field("Content-Type", part.media_type, parameters),
            f"Content-Transfer-Encoding: {encoding}\r\n".encode("ascii"),
            *(
                b"%s:%s\r\n" % (field.name.encode("ascii"), field.octets)
                for field in part.header
                if field.name.lower() not in _REWRITTEN
            ),
            b"\r\n",
            body,
        )
    )


def _main_texts(part: ReceivedPart) -> Iterator[ReceivedPart]:
    """Yield what is shown as the message itself (RFC 9787 7.1)."""
    if part.media_type == "multipart/alternative":
        for each in part.parts:
            yield from _main_texts(each)
    elif part.is_multipart:
        if part.media_type not in ("multipart/signed", "multipart/encrypted"):
            yield from _main_texts(part.parts[0])
    elif part.disposition is not Disposition.ATTACHMENT:
        yield part


def _leaves(part: ReceivedPart) -> Iterator[ReceivedPart]:
    if not part.is_multipart:
        yield part
    for each in part.parts:
        yield from _leaves(each)


def _behind_blank(text: str) -> str:
    blank = _BLANK_LINE.search(text)
    return text[blank.end() :] if blank else text


def _with_division(html: str, lines: Sequence[str]) -> str:
    shown = escape("\n".join(lines), quote=False)
    at = _start_of_body(html)
    return f'{html[:at]}\n<div class="{_CLASS}">\n<pre>{shown}</pre></div>\n{html[at:]}'


def _start_of_body(html: str) -> int:
    """Count the characters before the content of an HTML document."""
    seen = _COMMENT.sub(lambda found: " " * len(found[0]), html)
    for opening in _OPENINGS:
        if found := opening.search(seen, 0, seen.rfind(">") + 1):
            return found.end()
    return 0


def _without_division(html: str) -> str:
    kept: list[str] = []
    start = end = depth = 0
    # A tag that is not closed would be searched for its end from each start anew.
    for tag in _DIVISION.finditer(html, 0, html.rfind(">") + 1):
        if depth:
            depth += -1 if tag[1] else 1
            if not depth:
                kept.append(html[end:start])
                end = tag.end()
        elif not tag[1] and _CLASS in _classes(tag[2]):
            start, depth = tag.start(), 1
    # An element that is not closed would take the rest of the message with it.
    return "".join((*kept, html[end:]))


def _classes(attributes: str) -> list[str]:
    found = _CLASSES.search(attributes)
    return "".join(filter(None, found.groups())).split() if found else []
