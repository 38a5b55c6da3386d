"""Content types and dispositions: a value with parameters, in any language (RFC 2045, RFC 2231)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

from postseal.errors import InvalidHeader
from postseal.mail._field import LINE_LENGTH, FieldWriter
from postseal.mail._text import excerpt, refuse_controls

__all__ = ["ContentType", "Parameters", "parameterized_field"]

Parameters: TypeAlias = Sequence[tuple[str, str]]
"""Names and values of parameters, in the order in which they are written."""

# RFC 2045 5.1: what a token is made of.
_CHARACTER = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]"
# The same without what RFC 2231 7 gives a meaning of its own, which some readers see everywhere.
_BARE = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]++\Z")
# RFC 6838 4.2: names of types and subtypes.
_TYPE = re.compile(
    r"\s*+([A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126})"
    r"[ \t]*+",
)
_PARAMETER = re.compile(
    rf'[ \t]*+;[ \t]*+({_CHARACTER}++)=(?:({_CHARACTER}++)|"((?:[^"\\]|\\.)*+)")[ \t]*+'
)
_ESCAPED = re.compile(r"\\(.)")
# Readers get escapes wrong, and decode what looks like an encoded word even inside quotes.
_MISREAD = re.compile(r'["\\]|=\?')
# RFC 2231 7: attribute-char.
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~")
_PERCENT = [chr(octet) if octet in _PLAIN else f"%{octet:02X}" for octet in range(256)]


@dataclass(frozen=True, slots=True)
class ContentType:
    """A media type in lower case, `text/plain`, and its parameters (RFC 2045 5.1)."""

    media_type: str
    parameters: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """Give the value of a parameter, named in lower case; of several, the first."""
        return next((value for each, value in self.parameters if each == name), None)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `type/subtype; name=value`; raises `InvalidHeader` for anything else."""
        refuse_controls(text, "a content type")
        found = _TYPE.match(text)
        if not found:
            raise InvalidHeader(
                f"{excerpt(text)} is no content type", hint="Write it as application/pdf."
            )
        media_type = found[1].lower()
        parameters: list[tuple[str, str]] = []
        end = found.end()
        while end < len(text):
            found = _PARAMETER.match(text, end)
            if not found:
                raise InvalidHeader(
                    f"no parameter of a content type at position {end + 1} of {excerpt(text, end)}",
                    hint='Write it as text/csv; charset=utf-8, with "..." around other values.',
                )
            value = found[2] if found[2] is not None else _ESCAPED.sub(r"\1", found[3])
            parameters.append((found[1].lower(), value))
            end = found.end()
        return cls(media_type, tuple(parameters))


def parameterized_field(name: str, value: str, parameters: Parameters) -> bytes:
    """Write a header field with parameters in ASCII, folded between them, with CRLF.

    A value that is not ASCII, too long for a line, or in need of an escape is percent-encoded and
    continued as RFC 2231 says; all others are written plainly or in quotes.
    """
    pieces = [value]
    for attribute, text in parameters:
        refuse_controls(text, f"{attribute} of {name}")
        pieces += _written(attribute, text)
    line = f"{name}: {'; '.join(pieces)}\r\n"
    if len(line) <= LINE_LENGTH + 2:
        return line.encode("ascii")
    writer = FieldWriter(name)
    for piece in pieces[:-1]:
        writer.token(f"{piece};")
    writer.token(pieces[-1])
    return writer.line().encode("ascii")


def _written(attribute: str, text: str) -> Iterator[str]:
    if text.isascii() and not _MISREAD.search(text):
        value = text if _BARE.match(text) else f'"{text}"'
        if len(attribute) + len(value) + len(" =;") <= LINE_LENGTH:
            yield f"{attribute}={value}"
            return
    encoded = [
        "".join(_PERCENT[octet] for octet in character.encode("utf-8")) for character in text
    ]
    whole = f"{attribute}*=utf-8''{''.join(encoded)}"
    if len(whole) + len(" ;") <= LINE_LENGTH:
        yield whole
        return
    yield from _continued(attribute, encoded)


def _continued(attribute: str, encoded: Sequence[str]) -> Iterator[str]:
    section = 0
    piece = f"{attribute}*0*=utf-8''"
    for character in encoded:
        if len(piece) + len(character) + len(" ;") > LINE_LENGTH:
            yield piece
            section += 1
            piece = f"{attribute}*{section}*="
        piece += character
    yield piece
