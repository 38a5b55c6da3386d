"""Transfer encodings of a body that comes in pieces: the same lines, however it was cut."""

from __future__ import annotations

import re
from binascii import b2a_base64
from enum import Enum, unique
from typing import Final, Protocol

from postseal.mail.encodings import TransferEncoding, base64_lines, quoted_printable

__all__ = ["Encoder", "Encoding", "encoder"]

_MAX_LINE: Final = 76
_DIGIT_LINE: Final = 57
_WHITE_SPACE: Final = b"\r\n\t "
# A line without end is not kept: after so many octets it is broken softly.
_LONGEST_RUN: Final = 4096
_LONG_RUN: Final = re.compile(rb"[^\n]{%d}(?=[^\n])" % _LONGEST_RUN)


@unique
class Encoding(Enum):
    """What is done to a body."""

    QUOTED_PRINTABLE = "quoted-printable"
    BASE64 = "base64"
    BASE64_IN_LINES = "base64 in lines"
    """It is base64 already, in lines that are too long."""

    @property
    def label(self) -> TransferEncoding | None:
        """What Content-Transfer-Encoding says afterwards, None where it says so already."""
        return None if self is Encoding.BASE64_IN_LINES else TransferEncoding(self.value)


class Encoder(Protocol):
    """Encodes one body."""

    def feed(self, octets: bytes) -> bytes:
        """Encode a piece, which ends within no CRLF."""

    def finish(self, *, ends_message: bool) -> bytes:
        """Give the rest; without the last line's CRLF, unless nothing comes behind to bring it."""


def encoder(encoding: Encoding) -> Encoder:
    """Make the encoder for one body."""
    match encoding:
        case Encoding.QUOTED_PRINTABLE:
            return _QuotedPrintable()
        case Encoding.BASE64:
            return _Base64()
        case Encoding.BASE64_IN_LINES:
            return _DigitsInLines()


class _QuotedPrintable:
    """RFC 2045 6.7, for text whose lines end in CRLF."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        text = self._rest + octets.replace(b"\r\n", b"\n")
        pieces = []
        start = 0
        # The search is slow where there is nothing to find.
        if len(text) > _LONGEST_RUN and max(map(len, text.split(b"\n"))) > _LONGEST_RUN:
            for run in _LONG_RUN.finditer(text):
                pieces.append(_broken_softly(text[start : run.end()]))
                start = run.end()
        end = max(start, text.rfind(b"\n") + 1)
        self._rest = text[end:]
        pieces.append(quoted_printable(text[start:end]))
        return b"".join(pieces)

    def finish(self, *, ends_message: bool) -> bytes:
        if not self._rest:
            return b""
        # The end that the wire gives to the last line would be one of the text's.
        return _broken_softly(self._rest) if ends_message else _without_end(self._rest)


def _without_end(text: bytes) -> bytes:
    # As a line, so that a blank at its end is encoded and counted.
    return quoted_printable(text + b"\n").removesuffix(b"\r\n")


def _broken_softly(text: bytes) -> bytes:
    encoded = _without_end(text)
    if len(encoded) - (encoded.rfind(b"\n") + 1) == _MAX_LINE:
        last = 3 if encoded[-3:-2] == b"=" else 1
        encoded = encoded[:-last] + b"=\r\n" + encoded[-last:]
    return encoded + b"=\r\n"


class _DigitsInLines:
    """Base64 that is there already, in lines of 76 (RFC 2045 6.8)."""

    __slots__ = ("_has_line", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._has_line = False

    def feed(self, octets: bytes) -> bytes:
        digits = self._rest + octets.translate(None, _WHITE_SPACE)
        whole = len(digits) - len(digits) % _MAX_LINE
        self._rest = digits[whole:]
        return self._behind(
            b"\r\n".join(digits[at : at + _MAX_LINE] for at in range(0, whole, _MAX_LINE))
        )

    def finish(self, *, ends_message: bool) -> bytes:
        rest = self._behind(self._rest)
        return rest + b"\r\n" if ends_message and self._has_line else rest

    def _behind(self, lines: bytes) -> bytes:
        # A line's end is written with the next line: the last one may not be ours to write.
        if not lines:
            return b""
        lines = b"\r\n" + lines if self._has_line else lines
        self._has_line = True
        return lines


class _Base64(_DigitsInLines):
    """RFC 2045 6.8, for any octets."""

    __slots__ = ()

    def feed(self, octets: bytes) -> bytes:
        octets = self._rest + octets
        whole = len(octets) - len(octets) % _DIGIT_LINE
        self._rest = octets[whole:]
        return self._behind(base64_lines(octets[:whole]).removesuffix(b"\r\n"))

    def finish(self, *, ends_message: bool) -> bytes:
        self._rest = b2a_base64(self._rest, newline=False)
        return super().finish(ends_message=ends_message)
