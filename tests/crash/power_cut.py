"""A disk that remembers what was synced, so that a power cut can be replayed at any moment.

Registers a VFS with the SQLite library that Python uses. It does everything through the usual
one and keeps a log: each write, truncation, sync and deletion, in order. An image of the disk
after a power cut holds all that was synced, and of the rest an arbitrary part: written, lost, or
torn between sectors, in any order, as a disk with a cache may leave it. Deleting a file counts
as durable at once.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import random
import threading
from _ctypes import CFuncPtr
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    addressof,
    c_char_p,
    c_int,
    c_int64,
    c_void_p,
    cast,
)
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from typing import Any, Final, TypeAlias

SECTOR: Final = 512

OK: Final = 0
FULL: Final = 13
SYNC_FAILED: Final = 1034  # SQLITE_IOERR_FSYNC


@dataclass(frozen=True)
class Write:
    file: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncation:
    file: str
    size: int


@dataclass(frozen=True)
class Sync:
    file: str


@dataclass(frozen=True)
class Deletion:
    file: str


@dataclass(frozen=True)
class Note:
    """What the test knows to have happened at this moment."""

    text: str


Entry = Write | Truncation | Sync | Deletion | Note


@unique
class Unsynced(Enum):
    """What becomes of writes that no sync followed."""

    LOST = "lost"
    MIXED = "mixed"


def image(log: Sequence[Entry], unsynced: Unsynced, source: random.Random) -> dict[str, bytes]:
    """The files as they are found after the power went at the end of this log."""
    last_sync = {
        entry.file: position for position, entry in enumerate(log) if isinstance(entry, Sync)
    }
    files: dict[str, bytearray] = {}
    for position, entry in enumerate(log):
        match entry:
            case Write(file, offset, data):
                content = files.setdefault(file, bytearray())
                if position < last_sync.get(file, -1):
                    put(content, offset, data)
                elif unsynced is Unsynced.MIXED:
                    for start in range(0, len(data), SECTOR):
                        if source.random() < 0.5:
                            put(content, offset + start, data[start : start + SECTOR])
            case Truncation(file, size):
                is_kept = unsynced is Unsynced.MIXED and source.random() < 0.5
                if is_kept or position < last_sync.get(file, -1):
                    del files.setdefault(file, bytearray())[size:]
            case Deletion(file):
                files.pop(file, None)
            case _:
                pass
    return {file: bytes(content) for file, content in files.items()}


def put(content: bytearray, offset: int, data: bytes) -> None:
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class _Methods(Structure):
    """The beginning of `sqlite3_io_methods`, and its other functions as they are."""

    _fields_ = (
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", c_void_p),
        ("truncate", c_void_p),
        ("sync", c_void_p),
        ("others", c_void_p * 13),
    )


class _File(Structure):
    _fields_ = (("methods", POINTER(_Methods)),)


class _VFS(Structure):
    """The beginning of `sqlite3_vfs`, and its other functions as they are."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("max_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        ("others", c_void_p * 14),
    )


# The name as a bare pointer: SQLite keeps it, and finds more behind its end.
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(_File), c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)

_Function: TypeAlias = CFuncPtr

# SQLite may come back to a function that it was once given: they live as long as the process.
_kept: Final[list[object]] = []


class Disk:
    """The log of one disk, and the ways it can be made to fail.

    `write_result` and `sync_result` are what the next writes and syncs come to.
    """

    def __init__(self) -> None:
        self.log: list[Entry] = []
        self.write_result = OK
        self.sync_result = OK
        self._lock = threading.Lock()
        self._names: dict[int, str] = {}

    def note(self, text: str) -> None:
        self.record(Note(text))

    def record(self, entry: Entry) -> None:
        with self._lock:
            self.log.append(entry)

    def name(self, file: int) -> str:
        return self._names[file]

    def opened(self, file: int, name: bytes | None) -> None:
        self._names[file] = Path(name.decode()).name if name else f"temporary {file:x}"


def _library() -> ctypes.CDLL | None:
    # The functions of the very library that the module `sqlite3` is linked with.
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    try:
        library.sqlite3_vfs_find.restype = POINTER(_VFS)
        library.sqlite3_vfs_find.argtypes = [c_char_p]
        library.sqlite3_vfs_register.argtypes = [POINTER(_VFS), c_int]
        library.sqlite3_vfs_unregister.argtypes = [POINTER(_VFS)]
    except AttributeError:
        return None  # Linked statically, its names hidden.
    return library


def is_possible() -> bool:
    return _library() is not None


@contextmanager
def recorded_disk() -> Iterator[Disk]:
    """Let every database that is opened meanwhile live on a disk that keeps a log."""
    library = _library()
    assert library is not None
    usual = library.sqlite3_vfs_find(None)
    disk = Disk()
    vfs = _VFS.from_buffer_copy(usual.contents)
    vfs.name = b"recorded"
    vfs.next = None
    vfs.open = _address(_recording_open(disk, usual))
    vfs.delete = _address(_recording_delete(disk, usual))
    _kept.append(vfs)
    assert library.sqlite3_vfs_register(ctypes.byref(vfs), 1) == OK
    try:
        yield disk
    finally:
        assert library.sqlite3_vfs_unregister(ctypes.byref(vfs)) == OK


def _recording_open(disk: Disk, usual: Any) -> _Function:
    original = _OPEN(usual.contents.open)
    recorded: dict[int, _Methods] = {}

    def open_(_vfs: int, name: int | None, file: Any, flags: int, out: int) -> int:
        result = int(original(cast(usual, c_void_p), name, file, flags, out))
        if result == OK:
            disk.opened(addressof(file.contents), ctypes.string_at(name) if name else None)
            methods = file.contents.methods.contents
            if addressof(methods) not in recorded:
                recorded[addressof(methods)] = _recording_methods(disk, methods)
            file.contents.methods = ctypes.pointer(recorded[addressof(methods)])
        return result

    return _OPEN(open_)


def _recording_methods(disk: Disk, usual: _Methods) -> _Methods:
    write, truncate, sync = _WRITE(usual.write), _TRUNCATE(usual.truncate), _SYNC(usual.sync)

    def write_(file: int, data: int, length: int, offset: int) -> int:
        if disk.write_result != OK:
            return disk.write_result
        disk.record(Write(disk.name(file), offset, ctypes.string_at(data, length)))
        return int(write(file, data, length, offset))

    def truncate_(file: int, size: int) -> int:
        disk.record(Truncation(disk.name(file), size))
        return int(truncate(file, size))

    def sync_(file: int, flags: int) -> int:
        if disk.sync_result != OK:
            return disk.sync_result
        result = int(sync(file, flags))
        if result == OK:
            disk.record(Sync(disk.name(file)))
        return result

    methods = _Methods.from_buffer_copy(usual)
    methods.write = _address(_WRITE(write_))
    methods.truncate = _address(_TRUNCATE(truncate_))
    methods.sync = _address(_SYNC(sync_))
    return methods


def _recording_delete(disk: Disk, usual: Any) -> _Function:
    original = _DELETE(usual.contents.delete)

    def delete(_vfs: int, name: bytes, sync_directory: int) -> int:
        result = int(original(cast(usual, c_void_p), name, sync_directory))
        if result == OK:
            disk.record(Deletion(Path(name.decode()).name))
        return result

    return _DELETE(delete)


def _address(function: _Function) -> int | None:
    _kept.append(function)
    return cast(function, c_void_p).value
