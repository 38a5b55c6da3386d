"""Line endings inside a body: CRLF and no other CR or LF (RFC 5321 2.3.8), or what becomes of them.

What one server takes for a line ending and the next does not is how a second message is smuggled
into a first; so a body either has none of it, or none is left.
"""

from __future__ import annotations

from enum import Enum, unique

from postseal.crlf import has_only_crlf, to_crlf

__all__ = ["LineEndings", "LineEndingsFilter"]


@unique
class LineEndings(Enum):
    """What a server does with a bare CR or a bare LF in a body."""

    REJECT = "reject"
    """The message is refused."""
    NORMALIZE = "normalize"
    """Each becomes CRLF; it ends a line of the message, never the message."""
    KEEP = "keep"
    """Octets are octets: for BODY=BINARYMIME alone (RFC 3030 3)."""


class LineEndingsFilter:
    """Applies a policy to a body that comes in pieces.

    `fault` says what made the body unacceptable, once that is certain: a bare CR or LF where the
    policy rejects it, or a NUL, which only a binary body may hold. Keeps one octet between pieces.
    """

    __slots__ = ("_held_cr", "_policy", "fault")

    def __init__(self, policy: LineEndings) -> None:
        self._policy = policy
        self._held_cr = False
        self.fault: str | None = None

    def take(self, data: bytes) -> bytes:
        """Filter the next piece."""
        if self._policy is LineEndings.KEEP:
            return data
        if self._held_cr:
            data = b"\r" + data
            self._held_cr = False
        if data.endswith(b"\r"):
            data = data[:-1]
            self._held_cr = True
        return self._filtered(data)

    def finish(self) -> bytes:
        """Filter what was held, now that nothing follows it."""
        if not self._held_cr:
            return b""
        self._held_cr = False
        return self._filtered(b"\r")

    def _filtered(self, data: bytes) -> bytes:
        # The worse of the two is told, in whatever pieces they come.
        if self.fault is None and b"\x00" in data:
            self.fault = "a NUL"
        if has_only_crlf(data):
            return data
        if self._policy is LineEndings.REJECT:
            self.fault = "a bare CR or LF"
            return data
        return to_crlf(data)
