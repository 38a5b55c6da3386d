"""Where the octets of an attachment come from: memory, a path, an open file, or an iterable.

They are read in pieces, each time the message is written, so that memory does not grow with them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_END, FileIO
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from postseal.errors import InvalidInput

__all__ = [
    "BytesContent",
    "Content",
    "FileContent",
    "IterableContent",
    "PathContent",
    "ReadableFile",
]

# A multiple of 57, so that each piece is whole lines of base64.
_PIECE = 57 * 1024


class Content(Protocol):
    """A source of octets that can be read from the start, once or any number of times."""

    __slots__ = ()

    @property
    def size(self) -> int | None:
        """The number of octets, None if it shows only in reading."""

    def check(self) -> None:
        """Raise `InvalidInput` if the octets cannot be read now as they were when attached."""

    def read(self) -> Iterator[bytes]:
        """Yield all octets in pieces of bounded size; raise `InvalidInput` if that fails."""


class ReadableFile(Protocol):
    """What is needed of an open file: to read octets."""

    def read(self, size: int, /) -> bytes:
        """Give at most so many octets, none at the end."""


@dataclass(frozen=True, slots=True)
class BytesContent(Content):
    """Octets in memory."""

    octets: bytes

    @property
    def size(self) -> int:
        return len(self.octets)

    def check(self) -> None:
        return

    def read(self) -> Iterator[bytes]:
        for start in range(0, len(self.octets), _PIECE):
            yield self.octets[start : start + _PIECE]


@dataclass(frozen=True, slots=True)
class PathContent(Content):
    """A regular file, opened anew for each reading; it may not change in between."""

    path: Path
    _size: int
    _modified: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Take note of the file as it is now; raises `InvalidInput` if it cannot be read."""
        with _opened(path) as file:
            status = os.fstat(file.fileno())
        return cls(path, status.st_size, status.st_mtime_ns)

    @property
    def size(self) -> int:
        return self._size

    def check(self) -> None:
        with _opened(self.path) as file:
            self._compare(file)

    def read(self) -> Iterator[bytes]:
        with _opened(self.path) as file:
            self._compare(file)
            while piece := file.read(_PIECE):
                yield piece

    def _compare(self, file: FileIO) -> None:
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self._size, self._modified):
            raise InvalidInput(
                f"{str(self.path)!a} has changed since it was attached",
                hint="Attach it again.",
            )


class FileContent(Content):
    """An open file from its present position on; without `seek`, it can be read only once."""

    __slots__ = ("_file", "_rewindable", "_size", "_start", "_used")

    def __init__(self, file: ReadableFile) -> None:
        self._file = file
        self._rewindable: _SeekableFile | None = None
        self._start = 0
        self._used = False
        self._size: int | None = None
        with _reading("the attached file"):
            if isinstance(file, _SeekableFile) and file.seekable():
                self._rewindable = file
                self._start = file.tell()
                self._size = file.seek(0, SEEK_END) - self._start
                file.seek(self._start)

    @property
    def size(self) -> int | None:
        return self._size

    def check(self) -> None:
        if self._used and not self._rewindable:
            raise InvalidInput(
                "the attached file was read already and cannot be rewound",
                hint="Use Attachment.from_path or from_bytes to write a message more than once.",
            )

    def read(self) -> Iterator[bytes]:
        self.check()
        self._used = True
        position = self._start
        while piece := self._piece_at(position):
            yield piece
            position += len(piece)

    def _piece_at(self, position: int) -> bytes:
        with _reading("the attached file"):
            # Another reading of the same file may have moved it since the last piece.
            if self._rewindable:
                self._rewindable.seek(position)
            return _octets(self._file.read(_PIECE))


class IterableContent(Content):
    """Octets in pieces as somebody yields them; an iterator gives them only once."""

    __slots__ = ("_pieces", "_used")

    def __init__(self, pieces: Iterable[bytes]) -> None:
        if isinstance(pieces, (bytes, bytearray, memoryview, str)) or not isinstance(
            pieces, Iterable
        ):
            raise InvalidInput(
                f"{type(pieces).__name__} is no iterable of pieces",
                hint="Use Attachment.from_bytes for octets in one piece.",
            )
        self._pieces = pieces
        self._used = False

    @property
    def size(self) -> None:
        return None

    def check(self) -> None:
        if self._used and isinstance(self._pieces, Iterator):
            raise InvalidInput(
                "the attached iterator was read already and cannot be started anew",
                hint="Give a list, or use Attachment.from_path, to write a message more than once.",
            )

    def read(self) -> Iterator[bytes]:
        self.check()
        self._used = True
        with _reading("the attached iterable"):
            for piece in self._pieces:
                octets = _octets(piece)
                for start in range(0, len(octets), _PIECE):
                    yield octets[start : start + _PIECE]


@runtime_checkable
class _SeekableFile(ReadableFile, Protocol):
    def seekable(self) -> bool: ...

    def tell(self) -> int: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...


def _octets(piece: object) -> bytes:
    if isinstance(piece, bytes):
        return piece
    raise InvalidInput(
        f"the attachment gives {type(piece).__name__}, not bytes",
        hint="Open it in binary mode." if isinstance(piece, str) else None,
    )


@contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    with _reading(ascii(str(path))):
        # A pipe in the place of the file would block the opening for ever.
        file = FileIO(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
        with file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InvalidInput(f"{str(path)!a} is no regular file")
            yield file


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except InvalidInput:
        raise
    except (OSError, ValueError) as error:
        # ValueError is what a closed file raises, and a path with a NUL.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InvalidInput(f"{what} cannot be read: {reason}") from error
