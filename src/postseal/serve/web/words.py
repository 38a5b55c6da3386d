"""Text from mail made fit to show: encoded words and charsets decoded, controls made harmless.

Nothing here raises, whatever the input, and every step is linear in its length; the standard
library's decoder of encoded words is neither.
"""

from __future__ import annotations

import binascii
import codecs
import re
from typing import Final

__all__ = ["decode_charset", "decode_words", "one_line"]

# RFC 2047 section 2: encoded-text holds neither "?" nor space; RFC 2231 section 5 adds a language.
_WORD: Final = re.compile(
    r"=\?(?P<charset>[^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?(?P<encoding>[bBqQ])\?(?P<text>[^?\s]*)\?="
)
# RFC 2047 section 6.2: white space between two encoded words is not part of the text.
_BETWEEN_WORDS: Final = re.compile(r"(?<=\?=)[ \t\r\n]+(?==\?)")

# Codecs that are no charsets of mail: they raise whatever the error handler, warn, or are slow.
_NO_CHARSET: Final = frozenset(
    {"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
)

# C0 and C1 controls, line and paragraph separators, the marks that turn the direction of what
# follows (a file name can read `exe.pdf` by them), and surrogates that no UTF-8 can hold.
_UNSHOWABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def one_line(text: str, *, limit: int = 1000) -> str:
    """Make `text` one line of at most `limit` characters: no controls, nothing that turns text."""
    shown = _UNSHOWABLE.sub(" ", text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def decode_charset(octets: bytes, charset: str | None) -> str:
    """Decode `octets`, marking what is no text; UTF-8 where the charset is missing or unknown."""
    try:
        name = codecs.lookup(charset or "utf-8").name.replace("_", "-")
        return octets.decode("utf-8" if name in _NO_CHARSET else name, "replace")
    except (LookupError, ValueError):
        return octets.decode("utf-8", "replace")


def decode_words(value: str) -> str:
    """Decode the encoded words of an unfolded header value (RFC 2047); raw 8-bit is read as UTF-8.

    `value` may hold surrogates that stand for octets, as `email` makes them.
    """
    octets = value.encode("utf-8", "surrogateescape" if _is_escaped(value) else "replace")
    text = _BETWEEN_WORDS.sub("", octets.decode("utf-8", "replace"))
    pieces: list[str] = []
    pending, pending_charset = b"", ""
    end = 0
    for word in _WORD.finditer(text):
        decoded = _decode_word(word["encoding"], word["text"])
        between = text[end : word.start()]
        charset = word["charset"].lower()
        # Writers split words inside of characters, so octets of neighbours are decoded together.
        if between or charset != pending_charset:
            pieces += [decode_charset(pending, pending_charset or None), between]
            pending = b""
        pending, pending_charset = pending + decoded, charset
        end = word.end()
    pieces += [decode_charset(pending, pending_charset or None), text[end:]]
    return "".join(pieces)


def _is_escaped(value: str) -> bool:
    return all("\udc80" <= letter <= "\udcff" for letter in value if "\ud800" <= letter <= "\udfff")


def _decode_word(encoding: str, text: str) -> bytes:
    octets = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(octets, header=True)
    try:
        return binascii.a2b_base64(octets + b"==")
    except binascii.Error:
        return octets
