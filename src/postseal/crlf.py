"""The line ending of mail, CRLF (RFC 5321 2.3.8), and the octets that only look like one."""

from __future__ import annotations

from io import IncrementalNewlineDecoder
from typing import Final

__all__ = ["has_only_crlf", "to_crlf"]

_CLEAN: Final = (None, "\r\n")


def has_only_crlf(octets: bytes) -> bool:
    """Tell whether each CR stands before a LF and each LF behind a CR."""
    # What Python reads text files by knows after one pass which line endings there were. To count
    # CR, LF and CRLF takes three, and four times as long.
    reader = IncrementalNewlineDecoder(None, translate=False)
    reader.decode(octets.decode("latin-1"), final=True)
    return reader.newlines in _CLEAN


def to_crlf(octets: bytes) -> bytes:
    """Write each bare CR and each bare LF as CRLF."""
    return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
