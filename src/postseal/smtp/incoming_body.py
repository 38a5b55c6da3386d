"""The body of one message as it comes in: framed by DATA or BDAT, measured, checked, handed on.

Either framing is read to its end whatever is wrong with the content, so that the session stays in
step with the client: octets of a refused message are never taken for commands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from postseal.smtp.data import DataReader
from postseal.smtp.line_endings import LineEndings, LineEndingsFilter
from postseal.smtp.lines import LineBuffer
from postseal.smtp.reply import Reply

__all__ = ["ChunkedBody", "DataBody", "IncomingBody"]


class IncomingBody(ABC):
    """A body of at most `max_size` octets under a policy for its line endings."""

    def __init__(self, *, max_size: int, line_endings: LineEndings) -> None:
        self._max_size = max_size
        self._filter = LineEndingsFilter(line_endings)
        self._refusal: Reply | None = None
        self.size = 0

    @property
    @abstractmethod
    def is_framed(self) -> bool:
        """True when the client has said all of the body, or of the chunk, that it began."""

    @property
    @abstractmethod
    def is_complete(self) -> bool:
        """True when nothing of the body is to follow."""

    @abstractmethod
    def _take(self, lines: LineBuffer) -> bytes:
        """Take what is there of the body off the wire."""

    def read(self, lines: LineBuffer) -> bytes:
        """Take what is there of the body; return what of it is to be handed on."""
        data = self._take(lines)
        self.size += len(data)
        if data:
            data = self._filter.take(data)
        # What was refused is read to its end, to stay in step, but not handed on.
        return b"" if self.fault else data

    def finish(self) -> bytes:
        """Return what was held back of a complete body."""
        data = self._filter.finish()
        return b"" if self.fault else data

    def refuse(self, reply: Reply) -> None:
        """Have the body answered with `reply`, unless a fault of its own is worse."""
        self._refusal = reply

    @property
    def fault(self) -> Reply | None:
        """The reply that refuses the body; None while nothing is wrong with it."""
        if self.size > self._max_size:
            return Reply(552, ("the message is too large",), "5.3.4")
        if self._filter.fault is not None:
            return Reply(550, (f"the message holds {self._filter.fault}",), "5.6.0")
        return self._refusal

    @property
    def is_far_too_large(self) -> bool:
        """True when it is not worth reading to its end."""
        return self.size > 2 * self._max_size


class DataBody(IncomingBody):
    """A body that CRLF.CRLF ends (RFC 5321 4.5.2)."""

    def __init__(self, *, max_size: int, line_endings: LineEndings) -> None:
        super().__init__(max_size=max_size, line_endings=line_endings)
        self._reader = DataReader()

    @property
    def is_framed(self) -> bool:
        return self._reader.finished

    @property
    def is_complete(self) -> bool:
        return self._reader.finished

    def _take(self, lines: LineBuffer) -> bytes:
        decoded, rest = self._reader.read(lines.take_all())
        lines.feed(rest)
        return decoded


class ChunkedBody(IncomingBody):
    """A body in chunks, each of a length said before it (RFC 3030 2); nothing in it is an end."""

    def __init__(self, *, max_size: int, line_endings: LineEndings) -> None:
        super().__init__(max_size=max_size, line_endings=line_endings)
        self._missing = 0
        self._is_last = False
        self.chunk_size = 0

    def expect(self, size: int, *, is_last: bool) -> None:
        """Begin the next chunk."""
        self._missing = self.chunk_size = size
        self._is_last = is_last
        if self.size + size > self._max_size:
            # Certain before the chunk has come, so none of it is handed on.
            self.refuse(Reply(552, ("the message is too large",), "5.3.4"))

    @property
    def is_far_too_large(self) -> bool:
        return self.size + self._missing > 2 * self._max_size

    @property
    def is_framed(self) -> bool:
        return not self._missing

    @property
    def is_complete(self) -> bool:
        return self._is_last and not self._missing

    def _take(self, lines: LineBuffer) -> bytes:
        data = lines.take(self._missing)
        self._missing -= len(data)
        return data
