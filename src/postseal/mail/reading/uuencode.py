"""Files that stand in the text of a message itself, as before MIME: uuencode."""

from __future__ import annotations

import re
from dataclasses import dataclass

from postseal.mail.reading.transfer import decode_uuencoded
from postseal.mail.reading.words import printable

__all__ = ["UuencodedFile", "split_uuencoded"]

_MARK = re.compile(r"^(?:begin [0-7]{3,4} (?P<name>[^\n]{1,255})|end[ \t]*)(?:\n|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class UuencodedFile:
    """A file name, as a stranger wrote it, and the octets."""

    filename: str
    content: bytes


def split_uuencoded(text: str) -> tuple[str, tuple[UuencodedFile, ...]]:
    """Take out of a text the files between `begin` and `end` lines that decode without fault."""
    if "begin " not in text:
        return text, ()
    files = []
    pieces = []
    start = 0
    begin: re.Match[str] | None = None
    for mark in _MARK.finditer(text):
        if mark["name"] is not None:
            begin = mark
        elif begin is not None:
            lines = text[begin.end() : mark.end()].encode("ascii", "replace")
            content, is_regular = decode_uuencoded(lines)
            if is_regular:
                files.append(UuencodedFile(printable(begin["name"].strip()), content))
                pieces.append(text[start : begin.start()])
                start = mark.end()
            begin = None
    pieces.append(text[start:])
    return "".join(pieces), tuple(files)
