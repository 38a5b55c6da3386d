"""Mbox files: one message after the other, in the `mboxrd` form that loses nothing (RFC 4155).

The standard library's `mailbox` takes any line that begins with `From` for a new message, quotes
such lines in a way that cannot be undone, and takes the first line of a message that begins so for
the envelope; so the format is read and written here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, unique
from pathlib import Path
from typing import BinaryIO, Final

from postseal.defaults import Clock, local_now
from postseal.errors import InvalidInput
from postseal.mail.reading.dates import read_date
from postseal.mail.reading.parser import parse
from postseal.retrieve.errors import MailboxCorrupt, MessageTooLarge
from postseal.retrieve.files import (
    keeping_cr,
    open_regular,
    sync_folder,
    usable,
    with_crlf,
    with_lf,
    write_through,
)
from postseal.retrieve.kept import MAX_MESSAGE_OCTETS, Content, Flag, KeptMessage
from postseal.retrieve.locks import LockKind, locked

__all__ = ["MboxFile", "Quoting"]

_FROM: Final = b"From "
_LINE_OF_FROM: Final = b"\nFrom "
# What stands behind the line before a separator.
_BLANK_LINES: Final = (b"\n\n", b"\n\r\n")
# A date has a time and a year; the rest of its form is nowhere the same (RFC 4155 A).
_MAX_SEPARATOR: Final = 1000
_TIME: Final = re.compile(rb"\d:\d\d")
_YEAR: Final = re.compile(rb"\b\d{4}\b")
_NEEDS_QUOTE: Final = re.compile(rb"^(?=>*From )", re.MULTILINE)
_SENDER: Final = re.compile(r"[!-~]{1,320}\Z")
_PIECE: Final = 256 * 1024
_LETTERS: Final = {
    "R": Flag.SEEN,
    "A": Flag.ANSWERED,
    "F": Flag.FLAGGED,
    "D": Flag.DELETED,
    "T": Flag.DRAFT,
}
# What programs keep in the message itself; a message that brings its own would speak for them.
_STATE_FIELDS: Final = re.compile(
    rb"^(?:Status|X-Status|Content-Length)[ \t]*:.*\n(?:[ \t].*\n)*", re.IGNORECASE | re.MULTILINE
)


@unique
class Quoting(Enum):
    """How a line of a message that looks like a separator was written; the value is what to undo.

    Both begin such a line with `>`. Only `mboxrd` does so as well with one that has a `>` already.
    """

    MBOXRD = re.compile(rb"^>(?=>*From )", re.MULTILINE)
    MBOXO = re.compile(rb"^>(?=From )", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MboxFile:
    """An mbox at `path`; one message of at most `max_message_octets` is in memory at a time.

    `quoting` is how it was written by others; what is added is quoted as `mboxrd`. Every call waits
    `lock_seconds` at most for other programs. Raises `MailboxMissing`, `MailboxCorrupt`,
    `MailboxLocked` and `MailboxUnusable`.
    """

    path: Path
    quoting: Quoting = Quoting.MBOXRD
    max_message_octets: int = MAX_MESSAGE_OCTETS
    lock_seconds: float = 10.0

    def messages(self) -> Iterator[KeptMessage]:
        """Give all messages in their order, with CRLF behind each line.

        Programs that write to the file are locked out until the iterator ends or is closed. Raises
        `MessageTooLarge`.
        """
        with (
            usable(self.path),
            open_regular(self.path, os.O_RDONLY) as file,
            locked(file, self.path, LockKind.READING, self.lock_seconds),
        ):
            for found in self._found(file):
                yield self._kept(*found)

    def add(
        self,
        content: Content,
        *,
        sender: str = "MAILER-DAEMON",
        flags: frozenset[Flag] = frozenset(),
        clock: Clock = local_now,
    ) -> None:
        """Append a message and bring it to the disk; the file is made where it is missing.

        `sender` is the reverse-path for the separator (RFC 4155), without spaces. What cannot be
        written whole is not there at all. Fields that hold a mailbox's own state (`Status`,
        `X-Status`, `Content-Length`) are written by `flags` and not taken from the message.
        """
        if not _SENDER.match(sender):
            raise InvalidInput(f"the sender {sender!a} is not printable ASCII without spaces")
        entry = _entry(bytes(content), sender, flags, clock().astimezone(UTC))
        with (
            usable(self.path),
            open_regular(self.path, os.O_RDWR | os.O_CREAT) as file,
            locked(file, self.path, LockKind.WRITING, self.lock_seconds),
        ):
            _check(file, self.path)
            size = file.seek(0, os.SEEK_END)
            try:
                write_through(file.fileno(), _missing_end(file, size) + entry, size)
            except BaseException:
                os.ftruncate(file.fileno(), size)
                raise
            if not size:
                sync_folder(self.path.parent)

    def _found(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Yield each message's offset, and what the file has from its separator to the next."""
        _check(file, self.path)
        start = searched = 0
        window = bytearray(file.read(_PIECE))
        is_all = False
        while window:
            if end := _next_separator(window, searched, is_all=is_all):
                self._check_size(start, end)
                yield start, bytes(window[:end])
                del window[:end]
                start += end
                searched = 0
            elif is_all:
                self._check_size(start, len(window))
                yield start, bytes(window)
                return
            else:
                self._check_size(start, len(window) - _MAX_SEPARATOR)
                # A separator may be there in part.
                searched = max(0, len(window) - _MAX_SEPARATOR)
                piece = file.read(_PIECE)
                window += piece
                is_all = not piece

    def _check_size(self, start: int, size: int) -> None:
        if size > self.max_message_octets:
            raise MessageTooLarge(
                f"the message at octet {start} of {self.path} has more than the "
                f"{self.max_message_octets} octets that are taken",
                hint="Take more with max_message_octets=.",
            )

    def _kept(self, offset: int, entry: bytes) -> KeptMessage:
        separator, _, octets = entry.partition(b"\n")
        text = self.quoting.value.sub(b"", with_lf(octets))
        # The empty line before a separator belongs to the separator.
        message = parse(with_crlf(text[:-1] if text.endswith(b"\n\n") else text))
        letters = (message.header.get(name) or "" for name in ("Status", "X-Status"))
        date = separator.removeprefix(_FROM).strip().partition(b" ")[2]
        return KeptMessage(
            key=str(offset),
            message=message,
            flags=frozenset(_LETTERS[one] for one in "".join(letters) if one in _LETTERS),
            received=read_date(date.strip().decode("latin-1"))[0],
        )


def _next_separator(window: bytearray, begin: int, *, is_all: bool) -> int:
    """Find where the next message begins; 0 where that cannot be said or, with `is_all`, none."""
    while line := window.find(_LINE_OF_FROM, begin) + 1:
        end = window.find(b"\n", line, line + _MAX_SEPARATOR)
        if end < 0 and not is_all and len(window) - line < _MAX_SEPARATOR:
            return 0
        candidate = bytes(window[line : end if end >= 0 else line + _MAX_SEPARATOR])
        if window.endswith(_BLANK_LINES, 0, line) and _is_separator(candidate):
            return line
        begin = line
    return 0


def _is_separator(line: bytes) -> bool:
    """Tell a separator from a line of text that begins with the same word."""
    return (
        line.startswith(_FROM) and _TIME.search(line) is not None and _YEAR.search(line) is not None
    )


def _check(file: BinaryIO, path: Path) -> None:
    first = file.readline(_MAX_SEPARATOR)
    file.seek(0)
    if first and not _is_separator(first):
        raise MailboxCorrupt(f"{path} is no mbox: it does not begin with a line of From")


def _entry(octets: bytes, sender: str, flags: frozenset[Flag], now: datetime) -> bytes:
    header, end, body = with_lf(octets).partition(b"\n\n")
    header = _STATE_FIELDS.sub(b"", header + b"\n").removesuffix(b"\n")
    letters = "".join(letter for letter, flag in _LETTERS.items() if flag in flags)
    state = f"Status: {'R' if Flag.SEEN in flags else ''}O\nX-Status: {letters.lstrip('R')}\n"
    message = (state.encode() if flags else b"") + header + end + body
    if not message.endswith(b"\n"):
        message += b"\n"
    separator = f"From {sender} {now.ctime()}\n".encode()
    return separator + keeping_cr(_NEEDS_QUOTE.sub(b">", message)) + b"\n"


def _missing_end(file: BinaryIO, size: int) -> bytes:
    """Give what the file lacks of an empty line at its end."""
    if not size:
        return b""
    file.seek(-min(3, size), os.SEEK_END)
    last = file.read()
    if last.endswith((b"\n\n", b"\n\r\n")):
        return b""
    return b"\n" if last.endswith(b"\n") else b"\n\n"
