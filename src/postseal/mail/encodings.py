"""Transfer encodings: how a body becomes lines of ASCII, and which way is best for which text."""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Iterable, Iterator
from enum import StrEnum, unique
from struct import unpack

from postseal.mail._text import utf8_octets

__all__ = [
    "BOUNDARY_START",
    "TransferEncoding",
    "base64_chunks",
    "base64_lines",
    "base64_size",
    "encode_text",
    "quoted_printable",
]

BOUNDARY_START = b"=_"
"""What all boundaries begin with.

Neither base64 nor quoted-printable can write these two characters in a row, and text in which a
line begins with two hyphens and them is not sent as 7bit. So no boundary occurs in a body.
"""

# RFC 5322 2.1.1, without CRLF.
_MAX_LINE = 998
_BASE64_LINE = 76
_OCTETS_IN_LINE = _BASE64_LINE // 4 * 3
_OVERLONG = re.compile(rb"^(.{74,75})(=20|=09)$", re.MULTILINE)
_PLAIN = bytes((0x09, 0x0A, 0x0D, *range(0x20, 0x7F)))


@unique
class TransferEncoding(StrEnum):
    """The value of Content-Transfer-Encoding (RFC 2045 6.1)."""

    SEVEN_BIT = "7bit"
    QUOTED_PRINTABLE = "quoted-printable"
    BASE64 = "base64"


def encode_text(text: str) -> tuple[TransferEncoding, bytes]:
    """Encode text as UTF-8 in lines of ASCII that end in CRLF, in the shortest safe way.

    Line ends of any kind become CRLF, and one is added at the end of a text that has none there.
    Text stays as it is (7bit) if it is ASCII without controls but TAB, no line is longer than 998
    octets, and none begins with `From ` (which mailbox files change) or like a boundary.
    Raises `InvalidInput` for a lone surrogate, which no encoding can write.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text and not text.endswith("\n"):
        text += "\n"
    lines = utf8_octets(text, "the text")
    if _is_plain(lines):
        return TransferEncoding.SEVEN_BIT, lines.replace(b"\n", b"\r\n")
    quoted = quoted_printable(lines)
    if len(quoted) <= base64_size(len(lines) + lines.count(b"\n")):
        return TransferEncoding.QUOTED_PRINTABLE, quoted
    return TransferEncoding.BASE64, base64_lines(lines.replace(b"\n", b"\r\n"))


def base64_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Encode pieces of any size in base64 lines of 76 characters with CRLF, as they come."""
    rest = b""
    for piece in pieces:
        octets = rest + piece if rest else piece
        whole = len(octets) - len(octets) % _OCTETS_IN_LINE
        rest = octets[whole:]
        if whole:
            yield base64_lines(octets[:whole])
    if rest:
        yield base64_lines(rest)


def base64_size(octets: int) -> int:
    """Count the octets that `base64_chunks` makes out of so many."""
    characters = (octets + 2) // 3 * 4
    return characters + (characters + _BASE64_LINE - 1) // _BASE64_LINE * len(b"\r\n")


def _is_plain(lines: bytes) -> bool:
    return (
        lines.isascii()
        and not lines.translate(None, _PLAIN)
        and not lines.startswith((b"From ", b"--" + BOUNDARY_START))
        and b"\nFrom " not in lines
        and b"\n--" + BOUNDARY_START not in lines
        and (len(lines) <= _MAX_LINE or max(map(len, lines.split(b"\n"))) <= _MAX_LINE)
    )


def quoted_printable(lines: bytes) -> bytes:
    """Encode lines that end in LF as lines of at most 76 characters that end in CRLF."""
    encoded = b2a_qp(lines, istext=True)
    # A soft line break leaves no line that begins with "From ", and makes none longer.
    if encoded.startswith(b"From "):
        encoded = b"F=\n" + encoded[1:]
    encoded = encoded.replace(b"\nFrom ", b"\nF=\nrom ")
    # The encoder does not count what it appends for a blank at the end of a line.
    if b"=20\n" in encoded or (b"\t" in lines and b"=09\n" in encoded):
        encoded = _OVERLONG.sub(rb"\1=\n\2", encoded)
    return encoded.replace(b"\n", b"\r\n")


def base64_lines(octets: bytes) -> bytes:
    """Encode octets in lines of 76 characters, each with CRLF behind it."""
    encoded = b2a_base64(octets, newline=False)
    whole, rest = divmod(len(encoded), _BASE64_LINE)
    # All lines in one call, which takes a third of the time that slicing them does; the empty one
    # at the end brings the last CRLF.
    lines = f"{_BASE64_LINE}s" * whole + (f"{rest}s0s" if rest else "0s")
    return b"\r\n".join(unpack(lines, encoded))
