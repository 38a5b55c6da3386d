"""The forms in which header fields and bodies are hashed, simple and relaxed (RFC 6376 3.4)."""

from __future__ import annotations

import hashlib
from enum import StrEnum, unique
from typing import Final

__all__ = ["BodyHash", "Canonicalization", "canonical_field"]

_LINE_END = b"\r\n"
_MANY_LINE_ENDS: Final = _LINE_END * 32_768


@unique
class Canonicalization(StrEnum):
    """How much a relay may change before a signature breaks."""

    SIMPLE = "simple"
    RELAXED = "relaxed"


def canonical_field(octets: bytes, form: Canonicalization) -> bytes:
    """Give one header field, with its CRLF, in the form that is hashed (RFC 6376 3.4.1, 3.4.2)."""
    if form is Canonicalization.SIMPLE:
        return octets
    name, _, value = octets.partition(b":")
    unfolded = _single_spaced(value.replace(_LINE_END, b""))
    return b"%b:%b\r\n" % (name.rstrip(b" \t").lower(), unfolded.strip(b" "))


def _single_spaced(octets: bytes) -> bytes:
    # Each pass halves the longest run, and each is one sweep of C code.
    if b"\t" in octets:
        octets = octets.replace(b"\t", b" ")
    while b"  " in octets:
        octets = octets.replace(b"  ", b" ")
    return octets


class BodyHash:
    """The SHA-256 of a body in one form, taken piece by piece in memory that does not grow.

    With `length` only so many octets of the canonical body are hashed, as l= asks (RFC 6376 3.5);
    `canonical_length` counts them all.
    """

    __slots__ = ("_cr", "_form", "_hash", "_line_ends", "_space", "_to_hash", "canonical_length")

    def __init__(self, form: Canonicalization, *, length: int | None = None) -> None:
        self._form = form
        self._hash = hashlib.sha256()
        self._to_hash = length
        # What is held back: white space that may end a line, a CR that may belong to a CRLF, and
        # line ends that may be the last ones. They stand in the order line ends, space, CR.
        self._line_ends = 0
        self._space = False
        self._cr = False
        self.canonical_length = 0

    def feed(self, piece: bytes) -> None:
        """Take the next octets of the body."""
        held = b" " * self._space + b"\r" * self._cr
        octets = held + piece if held else piece
        self._space = self._cr = False
        if octets.endswith(b"\r"):
            self._cr = True
            octets = octets[:-1]
        if self._form is Canonicalization.RELAXED:
            if octets.endswith((b" ", b"\t")):
                self._space = True
                octets = octets.rstrip(b" \t")
            octets = _single_spaced(octets).replace(b" \r\n", _LINE_END)
        content, line_ends = _split_line_ends(octets)
        if content:
            self._take_line_ends()
            self._take(content)
        self._line_ends += line_ends

    def digest(self) -> bytes:
        """End the body and give its hash; to be called once."""
        # A CR at the very end is no line end, so the space before it ends no line.
        if self._cr:
            self._take_line_ends()
            self._take(b" \r" if self._space else b"\r")
        # RFC 6376 3.4.3, 3.4.4: one CRLF at the end, which an empty body has in the simple form.
        if self.canonical_length or self._form is Canonicalization.SIMPLE:
            self._take(_LINE_END)
        return self._hash.digest()

    def _take_line_ends(self) -> None:
        while self._line_ends:
            count = min(self._line_ends, 32_768)
            self._take(_MANY_LINE_ENDS[: 2 * count])
            self._line_ends -= count

    def _take(self, octets: bytes) -> None:
        self.canonical_length += len(octets)
        if self._to_hash is not None:
            octets = octets[: self._to_hash]
            self._to_hash -= len(octets)
        self._hash.update(octets)


def _split_line_ends(octets: bytes) -> tuple[bytes, int]:
    """Cut the CRLFs off the end of octets that do not end with CR; say how many there were."""
    if not octets.endswith(_LINE_END):
        return octets, 0
    content = len(octets.rstrip(_LINE_END))
    # Among the line ends there may be bare ones, which are content and no CRLF.
    start = max(octets.rfind(b"\n\n", content), octets.rfind(b"\r\r", content)) + 1
    start = max(start, content)
    if octets[start] == ord("\n"):
        start += 1
    return octets[:start], (len(octets) - start) // 2
