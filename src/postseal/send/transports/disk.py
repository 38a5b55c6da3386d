"""What a disk that fails means for a message, in the words of SMTP."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Final

from postseal.errors import PermanentlyRejected, Phase, TemporarilyRejected

__all__ = ["on_disk", "opened"]

_PASSING: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EAGAIN)
_HINTS: Final = {
    errno.ENOENT: "The directory is gone; make it again.",
    errno.EACCES: "Give this user the right to write there.",
    errno.EPERM: "Give this user the right to write there.",
    errno.EROFS: "Mount it so that it can be written.",
    errno.ENOSPC: "Make room on the disk.",
    errno.EDQUOT: "Make room, or raise the quota.",
}


@contextmanager
def on_disk(host: str) -> Iterator[None]:
    """Turn the failure of a disk into `TemporarilyRejected` or `PermanentlyRejected`.

    `host` names the transport. A full disk and the like pass (RFC 3463: 4.3.1), all else does not.
    """
    try:
        yield
    except OSError as error:
        is_passing = error.errno in _PASSING
        kind = TemporarilyRejected if is_passing else PermanentlyRejected
        raise kind(
            f"the message cannot be written: {error.strerror or error}",
            phase=Phase.BODY,
            host=host,
            code=452 if is_passing else 554,
            enhanced_code="4.3.1" if is_passing else "5.3.0",
            hint=_HINTS.get(error.errno) if error.errno else None,
        ) from error


@contextmanager
def opened(open_file: Callable[[], IO[bytes]], *, host: str) -> Iterator[IO[bytes]]:
    """Open a file for a message, and close it in the end.

    Who writes to it makes sure of that before: closing says nothing of a disk that is full.
    """
    with on_disk(host):
        file = open_file()
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()
