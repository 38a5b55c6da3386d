"""Fields with parameters as they arrive: media types, dispositions, file names (RFC 2045, 2231)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postseal.mail.reading.charsets import decode
from postseal.mail.reading.comments import skip_space
from postseal.mail.reading.words import decode_words, printable, raw_text, unfold

__all__ = ["ParameterizedValue", "read_parameterized"]

# What nearly all are: one token for a value, without comments and continuations.
_PLAIN = re.compile(
    rb"""
    [ \t]*+ ([A-Za-z0-9!#$&^_.+/-]++)
    (?: [ \t]*+ ; (?:\r?\n)? [ \t]*+ ([A-Za-z0-9-]++) =
        (?: ([A-Za-z0-9!#$&+.^_`{|}~/:-]++) | "([A-Za-z0-9!#$&+.^_`{|}~/:;,@=()'*%\ -]*+)" )
    )?+
    [ \t]*+ ;? [ \t\r\n]*+ \Z
    """,
    re.VERBOSE,
)
_VALUE = re.compile(r"[^;\s()\"]*+")
_NAME = re.compile(r"[ \t]*+([^\s=;()\"<>@,:\\]++)[ \t]*+=[ \t]*+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_TOKEN = re.compile(r"[^;\s\"(]*+")
_REST = re.compile(r"[^;]*+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# RFC 2231 3, 4.1: a number of the section, and a mark that says that it is percent-encoded.
_SECTION = re.compile(r"([^*]++)(?:\*([0-9]{1,4}))?+(\*)?\Z")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_FREE_TEXT = ("filename", "name")


@dataclass(frozen=True, slots=True)
class ParameterizedValue:
    """A value in lower case, its parameters by name, and whether all of it could be read."""

    value: str
    parameters: tuple[tuple[str, str], ...]
    is_regular: bool

    def get(self, name: str) -> str | None:
        """Give the value of a parameter; of several, the first."""
        return next((value for each, value in self.parameters if each == name), None)


def read_parameterized(octets: bytes) -> ParameterizedValue:
    """Read `value; name=value; ...`, in whatever state it is.

    Parameters are percent-decoded, joined from their sections, and encoded words in them are
    decoded: RFC 2047 5 does not allow those, and senders write them. Of a plain and an encoded
    parameter of one name the encoded one counts.
    """
    if plain := _PLAIN.match(octets):
        value, name, token, quoted = plain.groups()
        if name is None:
            return ParameterizedValue(value.decode("ascii").lower(), (), is_regular=True)
        content = (quoted if token is None else token).decode("ascii")
        pair = (name.decode("ascii").lower(), content)
        return ParameterizedValue(value.decode("ascii").lower(), (pair,), is_regular=True)
    scan = _Scan(unfold(raw_text(octets)).strip(" \t\r\n"))
    value = scan.value()
    sections = list(scan.parameters())
    parameters, is_joined = _joined(sections)
    return ParameterizedValue(value, parameters, scan.is_regular and is_joined)


class _Scan:
    """One pass over the text of a field."""

    __slots__ = ("_position", "_text", "is_regular")

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self.is_regular = True

    def value(self) -> str:
        """Read what stands before the parameters."""
        self._position = skip_space(self._text, 0)
        value = self._take(_VALUE)
        self._finish()
        return decode_words(value).lower()

    def parameters(self) -> Iterator[tuple[str, str]]:
        """Read names, in lower case, and values as they stand, without quotes."""
        text = self._text
        while self._position < len(text):
            self._position = skip_space(text, self._position + (text[self._position] == ";"))
            found = _NAME.match(text, self._position)
            if not found:
                self._finish()
                continue
            self._position = found.end()
            yield found[1].lower(), self._parameter_value(found[1].lower())

    def _parameter_value(self, name: str) -> str:
        if quoted := _QUOTED.match(self._text, self._position):
            self._position = quoted.end()
            self._finish()
            return _ESCAPED.sub(r"\1", quoted[1]) if "\\" in quoted[1] else quoted[1]
        if self._text.startswith('"', self._position):
            # A quote that is never closed.
            self.is_regular = False
            return self._take(_REST)[1:].strip(" \t")
        start = self._position
        token = self._take(_TOKEN)
        is_free = name.partition("*")[0] in _FREE_TEXT
        if not (is_free and self._text.startswith("(", self._position)) and self._at_end():
            self._finish()
            return token
        # A name with spaces, written without quotes.
        self.is_regular = False
        self._position = start
        return self._take(_REST).strip(" \t")

    def _at_end(self) -> bool:
        behind = skip_space(self._text, self._position)
        return (
            behind == len(self._text)
            or self._text[behind] == ";"
            or _NAME.match(self._text, behind) is not None
        )

    def _finish(self) -> None:
        """Go on to the next semicolon, or to a name that lacks one before it."""
        self._position = skip_space(self._text, self._position)
        if self._position == len(self._text) or self._text[self._position] == ";":
            return
        self.is_regular = False
        if not _NAME.match(self._text, self._position):
            self._take(_REST)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._position)
        if found is None:
            return ""
        self._position = found.end()
        return found[0]


def _joined(sections: list[tuple[str, str]]) -> tuple[tuple[tuple[str, str], ...], bool]:
    plain: dict[str, str] = {}
    extended: dict[str, dict[int, tuple[str, bool]]] = {}
    is_regular = True
    for name, value in sections:
        found = _SECTION.match(name)
        if found is None or (found[2] is None and found[3] is None):
            is_regular = is_regular and name not in plain and found is not None
            plain.setdefault(name, decode_words(value))
            continue
        # A whole value counts before one in sections.
        number = -1 if found[2] is None else int(found[2])
        numbered = extended.setdefault(found[1], {})
        is_regular = is_regular and number not in numbered
        numbered.setdefault(number, (value, found[3] is not None))
    for name, numbered in extended.items():
        if -1 in numbered:
            plain[name] = _decoded([numbered[-1]])
            continue
        # RFC 2231 3: numbers from 0 on, in any order of writing.
        whole: list[tuple[str, bool]] = []
        while (section := numbered.get(len(whole))) is not None:
            whole.append(section)
        is_regular = is_regular and len(whole) == len(numbered)
        if whole:
            plain[name] = _decoded(whole)
    return tuple(plain.items()), is_regular


def _decoded(sections: list[tuple[str, bool]]) -> str:
    first, is_encoded = sections[0]
    if not any(encoded for _, encoded in sections):
        return decode_words("".join(text for text, _ in sections))
    charset = ""
    if is_encoded and first.count("'") >= 2:
        charset, _, first = first.split("'", 2)
        sections = [(first, True), *sections[1:]]
    # A character may be cut in two by the end of a section.
    octets = b"".join(
        _PERCENT.sub(_octet, raw) if encoded else raw
        for raw, encoded in (
            (text.encode("utf-8", "surrogateescape"), encoded) for text, encoded in sections
        )
    )
    return printable(decode(octets, charset)[0])


def _octet(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode("ascii"))
