"""Locks on an mbox, both of those that other programs know: `fcntl` and the dot file beside it."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, unique
from pathlib import Path
from typing import BinaryIO, Final

from postseal.retrieve.errors import MailboxLocked

__all__ = ["LockKind", "locked"]

_INTERVAL: Final = 0.05
# Where the folder is not ours to write to, the kernel's lock is all there is, and all use it.
_NO_DOT_FILE: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


@unique
class LockKind(Enum):
    """What is locked out: writers, or everybody."""

    READING = fcntl.LOCK_SH
    WRITING = fcntl.LOCK_EX


@contextmanager
def locked(file: BinaryIO, path: Path, kind: LockKind, seconds: float) -> Iterator[None]:
    """Keep others away from an mbox. Raises `MailboxLocked` after so many seconds of waiting.

    A dot file is made for writing alone. The kernel's lock ends with the file.
    """
    deadline = time.monotonic() + seconds
    _wait(lambda: _take_kernel_lock(file, kind), path, deadline)
    dot_file = path.with_name(f"{path.name}.lock")
    try:
        made = kind is LockKind.WRITING and _wait(lambda: _make(dot_file), dot_file, deadline)
        try:
            yield
        finally:
            if made:
                dot_file.unlink(missing_ok=True)
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN)


def _wait(attempt: Callable[[], bool | None], path: Path, deadline: float) -> bool:
    while (outcome := attempt()) is None:
        if time.monotonic() >= deadline:
            raise MailboxLocked(
                f"another program keeps {path} locked",
                hint="Wait for it; a .lock file that a dead program left is to be removed by hand.",
            )
        time.sleep(_INTERVAL)
    return outcome


def _take_kernel_lock(file: BinaryIO, kind: LockKind) -> bool | None:
    try:
        fcntl.lockf(file, kind.value | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return None
        raise
    return True


def _make(dot_file: Path) -> bool | None:
    """Make the dot file; None where there is one, False where none can be made."""
    try:
        os.close(os.open(dot_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return None
    except OSError as error:
        if error.errno in _NO_DOT_FILE:
            return False
        raise
    return True
