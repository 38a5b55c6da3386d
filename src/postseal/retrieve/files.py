"""What mailboxes in files have in common: how they are opened, how lines end, what goes wrong."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from postseal.retrieve.errors import MailboxCorrupt, MailboxMissing, MailboxUnusable

__all__ = [
    "keeping_cr",
    "open_regular",
    "sync_folder",
    "usable",
    "with_crlf",
    "with_lf",
    "write_through",
]


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Make typed errors of what the system says against using `path`."""
    try:
        yield
    except FileNotFoundError:
        raise MailboxMissing(f"there is no mailbox at {path}") from None
    except OSError as error:
        raise MailboxUnusable(
            f"the mailbox {path} cannot be used: {error.strerror or error}"
        ) from error


def open_regular(path: Path, flags: int) -> BinaryIO:
    """Open a file that must be a plain one: nobody waits for the other end of a pipe.

    Raises `OSError`, and `MailboxCorrupt` for everything that is no file.
    """
    # Without O_NONBLOCK, opening a FIFO waits for whoever writes to it.
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise MailboxCorrupt(f"{path} is no file", hint="A Maildir is a folder, an mbox a file.")
    return os.fdopen(descriptor, "rb" if flags & os.O_ACCMODE == os.O_RDONLY else "r+b")


def write_through(descriptor: int, octets: bytes, offset: int) -> None:
    """Write all of it to the disk, keeping nothing back that a later close would write."""
    left = memoryview(octets)
    while left:
        written = os.pwrite(descriptor, left, offset)
        left = left[written:]
        offset += written
    os.fsync(descriptor)


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk: that a file is there is kept by its folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def with_crlf(lines: bytes) -> bytes:
    """Give lines that end with LF the ends that they have in mail."""
    return lines.replace(b"\n", b"\r\n")


def with_lf(octets: bytes) -> bytes:
    """Give lines the ends that they have in files."""
    return octets.replace(b"\r\n", b"\n")


def keeping_cr(lines: bytes) -> bytes:
    """Double the last CR of lines that end with LF: whoever reads them takes one for their end."""
    return lines.replace(b"\r\n", b"\r\r\n")
