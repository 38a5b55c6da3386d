"""A message while it comes in: in memory while small, in an unnamed file beyond that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Final, Self

__all__ = ["Spool"]

_IN_MEMORY: Final = 256 * 1024
_PIECE: Final = 256 * 1024


class Spool:
    """Octets that are appended once and can be read any number of times.

    A file beyond 256 KiB lives in `directory` without a name, so nothing is left of it after a
    crash. Nothing here is durable: that is what the store is for.
    """

    def __init__(self, directory: Path) -> None:
        self._file: IO[bytes] = SpooledTemporaryFile(  # noqa: SIM115  # closed by `close`
            max_size=_IN_MEMORY, dir=str(directory)
        )
        self.size = 0
        self.is_8bit = False

    def append(self, data: bytes) -> None:
        """Add octets. Raises `OSError` when the disk is full."""
        self._file.write(data)
        # What only the buffer took could fail much later, where nobody expects it.
        self._file.flush()
        self.size += len(data)
        self.is_8bit = self.is_8bit or not data.isascii()

    def beginning(self, limit: int) -> bytes:
        """The first octets, at most `limit`."""
        self._file.seek(0)
        data = self._file.read(limit)
        self._file.seek(0, 2)
        return data

    def __iter__(self) -> Iterator[bytes]:
        position = 0
        while True:
            self._file.seek(position)
            piece = self._file.read(_PIECE)
            if not piece:
                return
            position += len(piece)
            yield piece

    def close(self) -> None:
        """Forget the octets. Never fails: what a full disk did not take is not missed."""
        with contextlib.suppress(OSError):
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
