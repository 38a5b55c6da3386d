"""The body on the wire: dot-stuffing, line endings and the one end of data (RFC 5321 4.5.2).

Both directions work on whatever pieces arrive and keep at most four octets between them.
"""

from __future__ import annotations

from typing import Final

from postseal.crlf import has_only_crlf, to_crlf

__all__ = ["END_OF_DATA", "DataReader", "DataWriter"]

END_OF_DATA: Final = b".\r\n"


class DataWriter:
    """Turns any octets into a body that holds exactly one end of data, at its end.

    A bare CR or a bare LF becomes CRLF, so no peer can take either for a line ending of its own.
    """

    __slots__ = ("_at_line_start", "_held_cr")

    def __init__(self) -> None:
        self._at_line_start = True
        self._held_cr = False

    def write(self, data: bytes) -> bytes:
        """Encode the next piece."""
        if self._held_cr:
            data = b"\r" + data
            self._held_cr = False
        if not has_only_crlf(data):
            if data.endswith(b"\r"):
                data = data[:-1]
                self._held_cr = True
            data = to_crlf(data)
        if not data:
            return b""
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        if self._at_line_start and data[0] == 0x2E:
            stuffed = b"." + stuffed
        self._at_line_start = data.endswith(b"\r\n")
        return stuffed

    def finish(self) -> bytes:
        """Encode the end of data, closing an unfinished line before it."""
        if self._held_cr or not self._at_line_start:
            return b"\r\n" + END_OF_DATA
        return END_OF_DATA


class DataReader:
    """Takes a body off the wire: finds CRLF.CRLF, and nothing else, and removes the stuffing.

    Other octets come out as they went in, bare CR and LF included; `LineEndingsFilter` judges
    them. A dot is taken off behind CRLF only, so what comes out hides no bare CR or LF.
    """

    __slots__ = ("_carry", "_skip", "finished")

    def __init__(self) -> None:
        # The line before the body ended with CRLF: a first line of "." is an end of data.
        self._carry = b"\r\n"
        self._skip = 2
        self.finished = False

    def read(self, data: bytes) -> tuple[bytes, bytes]:
        """Decode a piece; return the decoded octets and those behind the end of data."""
        buffer = self._carry + data
        # Lines that begin with a dot are rare: most pieces hold one at their end, or none.
        dot = buffer.find(b"\r\n.")
        end = buffer.find(b"\r\n.\r\n", dot) if dot >= 0 else -1
        if end >= 0:
            self.finished = True
            content, rest = buffer[: end + 2], buffer[end + 5 :]
        else:
            kept = _unfinished_end(buffer)
            content, rest = buffer[: len(buffer) - kept], b""
            self._carry = buffer[len(buffer) - kept :]
        if not content:
            return b"", rest
        decoded = content if dot == end else content.replace(b"\r\n.", b"\r\n")
        if self._skip:
            decoded = decoded[self._skip :]
            self._skip = 0
        return decoded, rest


def _unfinished_end(buffer: bytes) -> int:
    """Count the octets at the end that may be the beginning of CRLF.CRLF."""
    for length in (4, 3, 2, 1):
        if buffer.endswith(b"\r\n.\r"[:length]):
            return length
    return 0
