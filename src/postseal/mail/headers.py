"""Header fields of free text: a name, a value, and the line that they become."""

from __future__ import annotations

import re
from dataclasses import dataclass

from postseal.errors import InvalidHeader
from postseal.mail._field import (
    ENCODED_LINE_LENGTH,
    LINE_LENGTH,
    MAX_FIELD,
    MAX_WORD,
    FieldWriter,
    encoded_word,
)
from postseal.mail._text import excerpt, refuse_controls

__all__ = ["Header"]

_MAX_NAME = 76
# RFC 5322 2.2: printable US-ASCII but the colon.
_NOT_IN_NAME = re.compile(r"[^!-9;-~]")
# Longer whitespace is encoded: the line that it would fill must not look empty.
_MAX_SPACE = 60
_WORD = re.compile(rf"( {{0,{_MAX_SPACE}}})([^ ]+(?: {{{_MAX_SPACE + 1},}}[^ ]+)*)")
# To the first character that is not ASCII, and from there to the last one.
_FOREIGN = re.compile(r"([\x00-\x7f]*+).*[^\x00-\x7f]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Header:
    """A field name and an unstructured value (RFC 5322 3.6.5), both unable to leave their line.

    The value is what a reader sees, in Unicode; encoding and folding are done on writing.
    Raises `InvalidHeader` for a name that is not printable ASCII without colon, for any control
    character, and for a value that is too long to be written.
    """

    name: str
    value: str

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidHeader("a header has no name")
        if len(self.name) > _MAX_NAME:
            raise InvalidHeader(
                f"the header name {excerpt(self.name)} is longer than {_MAX_NAME} characters"
            )
        if found := _NOT_IN_NAME.search(self.name):
            raise InvalidHeader(
                f"the header name {excerpt(self.name)} holds U+{ord(found[0]):04X} "
                f"at position {found.start() + 1}",
                hint="A name is printable ASCII without spaces and colons (RFC 5322 2.2).",
            )
        if len(self.value) > MAX_FIELD:
            raise InvalidHeader(
                f"{self.name} has {len(self.value)} characters, more than {MAX_FIELD}",
                hint="Servers refuse or cut such headers.",
            )
        refuse_controls(self.value, self.name)

    def __bytes__(self) -> bytes:
        """Write the field in ASCII, folded, with CRLF.

        Lines are folded at 78 characters and only at spaces of the value. Words with non-ASCII
        characters, and those that a reader would take for encoded ones, become encoded words
        (RFC 2047).
        """
        plain = f"{self.name}: {self.value}\r\n"
        if len(plain) <= LINE_LENGTH + 2 and not _needs_encoding(self.value):
            return plain.encode("ascii")
        return (self._in_one_line() or self._folded()).encode("ascii")

    def _in_one_line(self) -> str | None:
        """Do what `_folded` does where there is nothing to fold, in a quarter of the time."""
        value = self.value
        if len(value) > ENCODED_LINE_LENGTH or "=?" in value or " " in (value[:1], value[-1:]):
            return None
        found = _FOREIGN.match(value)
        if not found:
            return None
        start = value.rfind(" ", 0, found.end(1)) + 1
        end = value.find(" ", found.end())
        if end < 0:
            end = len(value)
        line = f"{self.name}: {value[:start]}{encoded_word(value[start:end])}{value[end:]}\r\n"
        return line if len(line) <= ENCODED_LINE_LENGTH + 2 else None

    def _folded(self) -> str:
        writer = FieldWriter(self.name)
        words = _split(self.value)
        wanting = [number for number, (_, text) in enumerate(words) if _needs_encoding(text)]
        # From the first to the last that wants it in one go: space between two encoded words is
        # not shown (RFC 2047 6.2), and each of them costs more than the plain words between.
        first, last = (wanting[0], wanting[-1]) if wanting else (len(words), len(words))
        for space, text in words[:first]:
            writer.token(text, space=space)
        if wanting:
            space, text = words[first]
            rest = "".join(map("".join, words[first + 1 : last + 1]))
            writer.encoded(text + rest, space=space)
        for space, text in words[last + 1 :]:
            writer.token(text, space=space)
        return writer.line()


def _split(value: str) -> list[tuple[str, str]]:
    """Cut a value into words, each with the space before it; that at the ends belongs to the words.

    The space before the first one is the one behind the colon.
    """
    inner = value.strip(" ")
    if not inner:
        return [(" ", value)]
    words = [(found[1], found[2]) for found in _WORD.finditer(inner)]
    head = value[: len(value) - len(value.lstrip(" "))]
    tail = value[len(value.rstrip(" ")) :]
    words[0] = (" ", head + words[0][1])
    words[-1] = (words[-1][0], words[-1][1] + tail)
    return words


def _needs_encoding(text: str) -> bool:
    return (
        not text.isascii()
        or "=?" in text
        or len(text) > MAX_WORD
        or text[:1] == " "
        or text[-1:] == " "
        or " " * (_MAX_SPACE + 1) in text
    )
