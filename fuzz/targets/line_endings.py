"""Whatever a body holds, and in whatever pieces it comes, a filter that rejects is at fault exactly
where there is a bare CR or LF or a NUL, and one that normalizes leaves lines that end in CRLF.
"""

from __future__ import annotations

import re
from typing import Final

from fuzz.chunks import cuts
from postseal.smtp.line_endings import LineEndings, LineEndingsFilter

__all__ = ["run"]

_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the cut."""
    choice, body = data[0] if data else 0, data[1:]
    has_nul = b"\x00" in body
    for pieces in cuts(choice, body):
        fault, content = _filtered(LineEndings.REJECT, pieces)
        if _BARE.search(body):
            assert fault == "a bare CR or LF"
        else:
            assert (fault, content) == ("a NUL" if has_nul else None, body)
        fault, content = _filtered(LineEndings.NORMALIZE, pieces)
        assert content == re.sub(rb"\r\n|\r|\n", b"\r\n", body)
        assert fault == ("a NUL" if has_nul else None)
        assert _filtered(LineEndings.KEEP, pieces) == (None, body)


def _filtered(policy: LineEndings, pieces: list[bytes]) -> tuple[str | None, bytes]:
    each = LineEndingsFilter(policy)
    content = b"".join([*map(each.take, pieces), each.finish()])
    return each.fault, content
