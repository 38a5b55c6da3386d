"""The folder that the platform keeps everything in: its layout, who may read it, and its one owner.

It holds private keys and people's mail, so it is refused where other users of the machine could
look into it. Files appear in it whole or not at all: a crash at any moment leaves the old
content or the new, never a half. A leftover of an interrupted write ends in `.new` and is
replaced by the next.
"""

from __future__ import annotations

import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from postseal.errors import MailError

__all__ = [
    "DataDirectory",
    "DataDirectoryError",
    "DataDirectoryInUse",
    "DataDirectoryLock",
    "UnsafePermissions",
    "make_private_directory",
    "read_private",
    "write_atomically",
]

_OTHERS = 0o077
_MAX_FILE_OCTETS = 64 * 1024


class DataDirectoryError(MailError):
    """The data directory, or a file in it, cannot be used."""


class DataDirectoryInUse(DataDirectoryError):
    """Another process works on the data directory; two would deliver everything twice."""


class UnsafePermissions(DataDirectoryError):
    """Other users of the machine could read what is private."""


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Where in the data directory each thing is."""

    path: Path

    @property
    def database(self) -> Path:
        """The SQLite database."""
        return self.path / "postseal.db"

    @property
    def lock(self) -> Path:
        """The file that the owning process holds locked; it contains its process id."""
        return self.path / "lock"

    @property
    def runtime(self) -> Path:
        """What a running platform says about itself: process id, ports, authority."""
        return self.path / "runtime.json"

    @property
    def authority_certificate(self) -> Path:
        """The local authority's certificate, which clients are told to trust."""
        return self.path / "authority" / "ca.pem"

    @property
    def authority_key(self) -> Path:
        """The local authority's private key."""
        return self.path / "authority" / "ca.key"

    @property
    def server_certificate(self) -> Path:
        """The certificate that the local authority issued for the listeners, with its chain."""
        return self.path / "tls" / "server.pem"

    @property
    def server_key(self) -> Path:
        """The private key of that certificate."""
        return self.path / "tls" / "server.key"


class DataDirectoryLock:
    """The right to work on a data directory, held until `release` or the end of the process.

    A context manager. It is a lock of the operating system (flock), so nothing has to be cleaned
    up after a process that was killed.
    """

    __slots__ = ("_descriptor", "directory")

    def __init__(self, *, directory: DataDirectory, descriptor: int) -> None:
        self.directory = directory
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, path: Path) -> Self:
        """Make the directory if it is missing (mode 0700), and lock it.

        Raises `DataDirectoryInUse` at once when another process holds it, `UnsafePermissions`
        when other users may enter it, `DataDirectoryError` when it cannot be made or used.
        """
        directory = DataDirectory(path)
        make_private_directory(path)
        try:
            descriptor = os.open(
                directory.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise _unusable(directory.lock, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise DataDirectoryInUse(
                f"{path} is in use by another process"
                + (f" (process id {owner})" if owner.isdecimal() else ""),
                hint="Stop it first, or set another `data_directory`.",
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise _unusable(directory.lock, error) from error
        return cls(directory=directory, descriptor=descriptor)

    def release(self) -> None:
        """Let go of the directory; more than once does no harm."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def make_private_directory(path: Path) -> None:
    """Make a directory with mode 0700, whatever the umask, and missing ones above it with 0755.

    Raises `UnsafePermissions` when it exists and other users may enter it, `DataDirectoryError`
    when it cannot be made.
    """
    try:
        _make_directories(path.parent, 0o755)
        if _make_directory(path, 0o700):
            return
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise _unusable(path, error) from error
    if mode & _OTHERS:
        raise UnsafePermissions(
            f"other users may enter the directory {path} (mode {mode:04o})",
            hint=f"Run: chmod 700 {path}",
        )


def read_private(path: Path) -> bytes:
    """Read a file with a secret in it.

    Raises `UnsafePermissions` when its group or others may read or write it, `DataDirectoryError`
    when it cannot be read or is larger than a key can be.
    """
    try:
        # O_NONBLOCK: a pipe in its place must not make the start hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            mode = stat.S_IMODE(status.st_mode)
            if mode & _OTHERS:
                raise UnsafePermissions(
                    f"other users may read or write {path} (mode {mode:04o})",
                    hint=f"Run: chmod 600 {path}",
                )
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_FILE_OCTETS:
                raise DataDirectoryError(f"{path} is not the file that was written there")
            return file.read(_MAX_FILE_OCTETS)
    except OSError as error:
        raise _unusable(path, error) from error


def write_atomically(path: Path, content: bytes, *, mode: int) -> None:
    """Put a file in its place at once and for good, with `mode` whatever the umask.

    After the return neither a crash nor a power cut takes it away. Not for two writers at the
    same time: hold the lock. Raises `DataDirectoryError`.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(
            new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise _unusable(path, error) from error


def _make_directories(path: Path, mode: int) -> None:
    if not path.exists():
        _make_directories(path.parent, mode)
        _make_directory(path, mode)


def _make_directory(path: Path, mode: int) -> bool:
    try:
        path.mkdir(mode=mode & 0o700)
    except FileExistsError:
        if not path.is_dir():
            raise
        return False
    path.chmod(mode)
    _sync_directory(path.parent)
    return True


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> DataDirectoryError:
    return DataDirectoryError(f"{path} cannot be used: {error.strerror or error}")
