"""Text whose paragraphs a reader may wrap to its own width: `format=flowed` (RFC 3676)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum, unique

__all__ = ["TextLayout", "flowed"]

# RFC 3676 4.2: lines of at most 78 characters, with the space that makes them flow.
_WIDTH = 78
_LINE = re.compile(r"(>*)(.*)")
_SIGNATURE = "-- "


@unique
class TextLayout(StrEnum):
    """Whether the lines of a text are lines, or where its paragraphs may be broken."""

    FIXED = "fixed"
    FLOWED = "flowed"


def flowed(text: str) -> str:
    r"""Break long lines at spaces so that a reader can join them again.

    A line of `text` is a paragraph; `>` at its start makes it a quotation, and `-- ` alone is the
    line above a signature. The result has `\n` as line ends. A word longer than a line stays whole.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line for each in text.split("\n") for line in _broken(each))


def _broken(line: str) -> Iterator[str]:
    if line == _SIGNATURE:
        yield line
        return
    found = _LINE.fullmatch(line)
    quotes, rest = (found[1], found[2]) if found else ("", line)
    if quotes:
        rest = rest.removeprefix(" ")
    # A space at the end would make the line flow into the next one.
    rest = rest.rstrip(" ")
    # The space behind the quotes, and that before what could be taken for something else
    # (RFC 3676 4.4).
    width = _WIDTH - len(quotes) - 1
    while len(rest) > width:
        at = rest.rfind(" ", 1, width)
        if at < 0:
            at = rest.find(" ", width)
        # What flows must not look like the line above a signature.
        if at < 0 or rest[: at + 1] == _SIGNATURE:
            break
        yield _stuffed(quotes, rest[: at + 1])
        rest = rest[at + 1 :]
    yield _stuffed(quotes, rest)


def _stuffed(quotes: str, rest: str) -> str:
    if quotes:
        return f"{quotes} {rest}" if rest else quotes
    return f" {rest}" if rest.startswith((" ", ">", "From ")) else rest
