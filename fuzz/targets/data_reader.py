"""Whatever comes as a body, and in whatever pieces, it ends at the first CRLF.CRLF and nowhere
else, and loses its stuffing and nothing else.
"""

from __future__ import annotations

from fuzz.chunks import cuts
from postseal.smtp.data import DataReader

__all__ = ["run"]

# CRLF, the dot and CR: what may yet become an end of data.
_MOST_HELD = 4


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the cut."""
    choice, stream = data[0] if data else 0, data[1:]
    expected, rest = _read_by_lines(stream)
    for pieces in cuts(choice, stream):
        reader = DataReader()
        content = b""
        behind = b""
        for piece in pieces:
            if reader.finished:
                behind += piece
                continue
            decoded, left = reader.read(piece)
            content += decoded
            behind += left
        assert reader.finished == (rest is not None)
        if rest is None:
            assert expected.startswith(content)
            assert len(expected) - len(content) <= _MOST_HELD
        else:
            assert (content, behind) == (expected, rest)


def _read_by_lines(stream: bytes) -> tuple[bytes, bytes | None]:
    """Read a body as RFC 5321 4.5.2 says it: line by line; None where the end is missing."""
    content: list[bytes] = []
    while True:
        line, ending, stream = stream.partition(b"\r\n")
        if line == b"." and ending:
            return b"".join(content), stream
        content.append(line.removeprefix(b".") + ending)
        if not ending:
            return b"".join(content), None
