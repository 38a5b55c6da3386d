"""Replies: the value, how it is written, and how it is read from the wire."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from postseal.crlf import has_only_crlf
from postseal.errors import LocalProtocolError, RemoteProtocolError
from postseal.smtp.grammar import REPLY_LINE, STATUS_CODE
from postseal.smtp.lines import BareLineEnding, LineBuffer, LineTooLong

__all__ = ["Reply", "ReplyParser"]

# RFC 5321 4.5.3.1.5 allows 512 octets a line; real servers write more, nobody writes this much.
_MAX_LINE: Final = 2048
_MAX_LINES: Final = 128


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: `code`, the `lines` of text behind it, and the enhanced code if it has one.

    The enhanced status code (RFC 3463) is kept apart from the text, written `"5.7.1"`.
    The text holds no control characters: what a server sends can be printed as it is, and what
    we send is the lines it is meant to be. Raises `LocalProtocolError` for any other text.
    """

    code: int
    lines: tuple[str, ...] = ("",)
    enhanced_code: str | None = None

    def __post_init__(self) -> None:
        if not self.lines or not all(line.isprintable() for line in self.lines):
            raise LocalProtocolError(f"{self.lines!a} cannot be the text of a reply")

    @property
    def text(self) -> str:
        """The whole text in one line."""
        return " ".join(line for line in self.lines if line)

    @property
    def is_positive(self) -> bool:
        """2yz: done."""
        return 200 <= self.code < 300

    @property
    def is_temporary(self) -> bool:
        """4yz: not now."""
        return 400 <= self.code < 500

    def encode(self) -> bytes:
        """Write the reply for the wire, each line with its code (RFC 5321 4.2.1)."""
        status = f"{self.enhanced_code} " if self.enhanced_code else ""
        *others, last = self.lines
        head = "".join(f"{self.code}-{status}{line}\r\n" for line in others) if others else ""
        return f"{head}{self.code} {status}{last}\r\n".encode()

    def __str__(self) -> str:
        parts = (str(self.code), self.enhanced_code, self.text)
        return " ".join(part for part in parts if part)


class ReplyParser:
    """Reads replies from the octets a server sends, whole or in pieces.

    Anything that is no reply is a `RemoteProtocolError`: a line without a code, different codes
    in one reply, a bare CR or LF, more or longer lines than a reply can honestly have.
    """

    __slots__ = ("_code", "_lines", "_texts", "_whole_lines")

    def __init__(self) -> None:
        self._whole_lines: deque[bytes] = deque()
        self._lines = LineBuffer(_MAX_LINE)
        self._code: bytes | None = None
        self._texts: list[bytes] = []

    @property
    def is_empty(self) -> bool:
        """True when nothing is buffered: every octet so far belonged to a finished reply."""
        return not (self._whole_lines or self._lines or self._texts)

    def feed(self, data: bytes) -> None:
        """Add what was read."""
        is_whole = data.endswith(b"\r\n") and len(data) <= _MAX_LINE and not self._lines
        if is_whole and has_only_crlf(data):
            # Nearly always: lines that are all there, none of which can be too long.
            self._whole_lines.extend(data[:-2].split(b"\r\n"))
        else:
            self._lines.feed(data)

    def next_reply(self) -> Reply | None:
        """Take the next whole reply; None until it is complete."""
        while (line := self._next_line()) is not None:
            if self._code is None and (reply := _whole_reply(line)) is not None:
                return reply
            match = REPLY_LINE.match(line)
            if match is None:
                raise RemoteProtocolError(f"{_shown(line)} is no SMTP reply")
            code, separator, text = match.groups()
            if self._code is None:
                self._code = code
            elif code != self._code:
                raise RemoteProtocolError(
                    f"a reply mixes the codes {self._code.decode()} and {code.decode()}"
                )
            self._texts.append(text or b"")
            if separator != b"-":
                return self._finish(int(code))
            if len(self._texts) >= _MAX_LINES:
                raise RemoteProtocolError(f"a reply has more than {_MAX_LINES} lines")
        return None

    def _next_line(self) -> bytes | None:
        if self._whole_lines:
            return self._whole_lines.popleft()
        try:
            return self._lines.next_line()
        except LineTooLong:
            raise RemoteProtocolError(f"a reply line is longer than {_MAX_LINE} octets") from None
        except BareLineEnding:
            raise RemoteProtocolError("a reply line holds a bare CR or LF") from None

    def _finish(self, code: int) -> Reply:
        texts = tuple(self._texts)
        self._code = None
        self._texts.clear()
        return _reply(code, texts)


@lru_cache(maxsize=512)
def _whole_reply(line: bytes) -> Reply | None:
    """Read a reply of one line; None for any other line.

    Cached, since servers say the same few things over and over: reading them is a third of a
    client's work otherwise.
    """
    match = REPLY_LINE.match(line)
    if match is None or match[2] == b"-":
        return None
    return _reply(int(match[1]), (match[3] or b"",))


def _reply(code: int, texts: tuple[bytes, ...]) -> Reply:
    lines = tuple(_printable(text) for text in texts)
    # RFC 2034 4: each line of the reply carries the same enhanced code.
    match = STATUS_CODE.match(lines[0])
    if match is None or int(match[1]) != code // 100:
        return Reply(code, lines)
    status = match[0]
    return Reply(code, tuple(_without(status, line) for line in lines), status)


def _without(status: str, line: str) -> str:
    # Some servers strip the space from a line that has no more than the status.
    return "" if line == status else line.removeprefix(f"{status} ")


def _printable(text: bytes) -> str:
    decoded = text.decode("utf-8", "backslashreplace")
    if decoded.isprintable():
        return decoded
    return "".join(
        c if c.isprintable() else " " if c == "\t" else f"\\x{ord(c):02x}" for c in decoded
    )


def _shown(line: bytes) -> str:
    return ascii(line[:80].decode("latin-1"))
