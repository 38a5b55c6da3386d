"""One header field, written token by token and folded where whitespace stands between tokens.

Octets, not characters, are what the limits of RFC 5322 2.1.1 count; the only non-ASCII characters
that get here unencoded are those of internationalised addresses (RFC 6532), far from the limit.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterator

from postseal.errors import InvalidHeader

__all__ = [
    "ENCODED_LINE_LENGTH",
    "LINE_LENGTH",
    "MAX_FIELD",
    "MAX_WORD",
    "FieldWriter",
    "encoded_word",
]

LINE_LENGTH = 78
"""Where a line is folded, in characters without CRLF (RFC 5322 2.1.1)."""

ENCODED_LINE_LENGTH = 76
"""The same for a line with an encoded word, which itself has 75 at most (RFC 2047 2)."""

MAX_WORD = 900
"""The longest token that surely fits in a line of 998 octets beside the name of the field."""

MAX_FIELD = 102_400
"""The longest field that is written, in characters; common servers cut longer ones apart."""

# RFC 5322 2.1.1, without CRLF.
_MAX_LINE = 998
_ENCODED_WORD_LENGTH = 75
_Q_OPENING = "=?utf-8?q?"
_B_OPENING = "=?utf-8?b?"
_CLOSING = "?="
_OVERHEAD = len(_Q_OPENING) + len(_CLOSING)
# Room for the longest character of UTF-8 in the Q encoding, `=F0=9F=93=AC`.
_LEAST_ROOM = _OVERHEAD + 12

# RFC 2047 5 (3): what may stand for itself even in the display name of a mailbox.
_PLAIN_IN_Q = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = [chr(octet) if octet in _PLAIN_IN_Q else f"={octet:02X}" for octet in range(256)]
_Q[0x20] = "_"
# How many characters each octet takes in it.
_Q_LENGTHS = bytes(map(len, _Q))


class FieldWriter:
    """Collects the tokens of one header field and breaks lines between them."""

    __slots__ = ("_column", "_fresh", "_length", "_limit", "_name", "_pieces")

    def __init__(self, name: str) -> None:
        self._name = name
        self._pieces = [name, ":"]
        self._column = self._length = len(name) + 1
        self._fresh = True
        self._limit = LINE_LENGTH

    def token(self, text: str, *, space: str = " ") -> None:
        """Add a token that cannot be broken, with the whitespace before it.

        Raises `InvalidHeader` for a token that fits on no line.
        """
        if len(text) > MAX_WORD:
            raise InvalidHeader(
                f"{self._name} has a part of {len(text)} characters without a space to fold at",
                hint=f"At most {MAX_WORD} fit on a line (RFC 5322 2.1.1).",
            )
        # A plain first token stays beside the name: some readers stop at an empty first line.
        self._add(space, text, limit=_MAX_LINE if self._fresh else self._limit)

    def encoded(self, text: str, *, space: str = " ") -> None:
        """Add text as RFC 2047 encoded words, split between characters only."""
        on_new_line = min(_ENCODED_WORD_LENGTH, ENCODED_LINE_LENGTH - len(space))
        room = ENCODED_LINE_LENGTH - self._column - len(space)
        if room < _LEAST_ROOM:
            room = on_new_line
        words = list(_encoded_words(text, min(room, on_new_line)))
        if len(words) == 2 and not self._fresh:
            # Some readers show a gap between encoded words: one on a new line is better than two.
            words = list(_encoded_words(text, on_new_line))
        for word in words:
            self._add(space, word, limit=ENCODED_LINE_LENGTH)
            self._limit = ENCODED_LINE_LENGTH
            space = " "

    def line(self) -> str:
        """Give the whole field with the CRLF at its end."""
        return "".join((*self._pieces, "\r\n"))

    def _add(self, space: str, text: str, *, limit: int) -> None:
        width = len(space) + len(text)
        if self._column + width > limit:
            self._pieces.append("\r\n")
            self._column = 0
            self._limit = LINE_LENGTH
        self._pieces += (space, text)
        self._column += width
        self._fresh = False
        self._length += width
        if self._length > MAX_FIELD:
            raise InvalidHeader(
                f"{self._name} takes more than {MAX_FIELD} characters",
                hint="Servers refuse or cut such headers; write less, or send several messages.",
            )


def encoded_word(text: str) -> str:
    """Write a text as one encoded word, however long, in the shorter of the two encodings."""
    data = text.encode("utf-8")
    length_in_q, length_in_b = _encoded_lengths(data)
    return _encoded_word(data, in_q=length_in_q <= length_in_b)


def _encoded_words(text: str, first_room: int) -> Iterator[str]:
    data = text.encode("utf-8")
    length_in_q, length_in_b = _encoded_lengths(data)
    in_q = length_in_q <= length_in_b
    room = first_room - _OVERHEAD
    if text and min(length_in_q, length_in_b) <= room:
        yield _encoded_word(data, in_q=in_q)
        return
    word = b""
    used = 0
    for character in text:
        octets = character.encode("utf-8")
        cost = sum(octets.translate(_Q_LENGTHS)) if in_q else len(octets)
        if used + cost > (room if in_q else room // 4 * 3):
            yield _encoded_word(word, in_q=in_q)
            room = _ENCODED_WORD_LENGTH - _OVERHEAD
            word = b""
            used = 0
        word += octets
        used += cost
    if word:
        yield _encoded_word(word, in_q=in_q)


def _encoded_lengths(data: bytes) -> tuple[int, int]:
    return sum(data.translate(_Q_LENGTHS)), (len(data) + 2) // 3 * 4


def _encoded_word(data: bytes, *, in_q: bool) -> str:
    if in_q:
        return f"{_Q_OPENING}{''.join([_Q[octet] for octet in data])}{_CLOSING}"
    return f"{_B_OPENING}{b2a_base64(data, newline=False).decode('ascii')}{_CLOSING}"
