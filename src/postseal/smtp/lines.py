"""A byte stream cut into lines: CRLF only, and never more kept than a line may have."""

from __future__ import annotations

__all__ = ["BareLineEnding", "LineBuffer", "LineTooLong"]


class LineTooLong(Exception):
    """A line exceeds the limit; the session layer turns this into its own error."""


class BareLineEnding(Exception):
    """A CR without LF or a LF without CR (RFC 5321 2.3.8 forbids both)."""


class LineBuffer:
    """Collects octets and gives whole lines, without their CRLF.

    `limit` is the longest line in octets, CRLF included.
    """

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add what was read."""
        self._buffer += data

    def next_line(self) -> bytes | None:
        """Take the next whole line; None until it is complete.

        Raises `LineTooLong` and `BareLineEnding` as soon as either is certain.
        """
        buffer = self._buffer
        if not buffer:
            return None
        end = buffer.find(b"\r\n", 0, self._limit)
        if end < 0:
            self._check_unfinished()
            return None
        line = bytes(buffer[:end])
        if b"\n" in line or b"\r" in line:
            raise BareLineEnding
        del buffer[: end + 2]
        return line

    def take(self, size: int) -> bytes:
        """Take up to `size` octets, lines or not."""
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def take_all(self) -> bytes:
        """Take everything that is buffered, lines or not."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def _check_unfinished(self) -> None:
        head = self._buffer[: self._limit]
        if b"\n" in head or b"\r" in head[:-1]:
            raise BareLineEnding
        if len(self._buffer) >= self._limit:
            raise LineTooLong
