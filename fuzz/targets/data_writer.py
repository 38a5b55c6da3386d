"""Whatever is written as a body, and in whatever pieces, what goes out holds exactly one end of
data, at its end, and no bare CR or LF, and a reader gets back the same lines.
"""

from __future__ import annotations

import re

from fuzz.chunks import cuts
from postseal.smtp.data import DataReader, DataWriter

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the cut."""
    choice, body = data[0] if data else 0, data[1:]
    # What RFC 5321 2.3.8 makes of any line ending, and of a last line without one.
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    if lines and not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    for pieces in cuts(choice, body):
        writer = DataWriter()
        written = b"".join([*map(writer.write, pieces), writer.finish()])
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n", written), "a bare CR or LF"
        # The line before the body ended with CRLF.
        ends = [found.end() for found in re.finditer(rb"\r\n\.(?=\r\n)", b"\r\n" + written)]
        assert ends == [len(written)], "not exactly one end of data"
        reader = DataReader()
        content, rest = reader.read(written)
        assert (content, rest, reader.finished) == (lines, b"", True)
