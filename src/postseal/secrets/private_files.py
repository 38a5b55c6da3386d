"""Files that hold secrets: read only where nobody else could have read or written them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import Final

from postseal.errors import (
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)

__all__ = ["MAX_OCTETS", "FileState", "Readers", "create_file", "read_private", "replace_file"]

MAX_OCTETS: Final = 65_536
"""The most octets that a secret in a file, a credential or an output may have."""

_OTHERS: Final = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


class Readers(IntFlag):
    """Who besides its owner may read a file, by the bits of its mode."""

    NOBODY = 0
    GROUP = stat.S_IRGRP
    EVERYONE = GROUP | stat.S_IROTH


@dataclass(frozen=True, slots=True)
class FileState:
    """What the system says of a file: its mode, and what tells one content from the next."""

    mode: int
    modified: float
    version: str


def read_private(
    path: Path, *, allowed: Readers, reference: str, limit: int = MAX_OCTETS
) -> tuple[bytes, FileState]:
    """Read a regular file that only its owner, and those `allowed` besides, may read.

    The file, and a symbolic link that leads to it, must belong to this user or to root; nobody
    else may be able to write it. Raises `SecretNotFound`, `SecretDenied`, and `SecretMalformed`
    for what is no regular file or has more than `limit` octets. Never waits for a pipe or device.
    """
    with _told(reference, path):
        _check_owner(path.lstat(), path, reference)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise SecretMalformed(f"{path} is no regular file", reference=reference)
            _check_owner(state, path, reference)
            _check_mode(state, path, allowed, reference)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(limit + 1)
        finally:
            os.close(descriptor)
    if len(data) > limit:
        raise SecretMalformed(f"{path} has more than {limit} octets", reference=reference)
    version = f"{state.st_mtime_ns:x}-{state.st_ino:x}"
    return data, FileState(stat.S_IMODE(state.st_mode), state.st_mtime, version)


def create_file(path: Path, data: bytes, *, reference: str) -> None:
    """Write a file of mode 0600 that must not exist yet.

    Raises `SecretDenied`, `SecretNotFound` or `SecretUnreachable` where it cannot be written.
    """
    with _told(reference, path):
        _write_new(path, data)


def replace_file(path: Path, data: bytes, *, reference: str) -> None:
    """Write a file of mode 0600 so that a crash leaves the old content or the new, whole.

    Raises as `create_file` does.
    """
    new = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    with _told(reference, path):
        try:
            _write_new(new, data)
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _write_new(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _told(reference: str, path: Path) -> Iterator[None]:
    kind: type[SecretError]
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        kind, what = SecretNotFound, f"there is no file {path}"
    except PermissionError:
        kind, what = SecretDenied, f"{path} may not be used by this user"
    except OSError as error:
        kind, what = SecretUnreachable, f"{path} cannot be used: {error.strerror}"
    else:
        return
    raise kind(what, reference=reference) from None


def _check_owner(state: os.stat_result, path: Path, reference: str) -> None:
    if state.st_uid not in (0, os.geteuid()):
        raise SecretDenied(
            f"{path} belongs to another user (id {state.st_uid}), who could change it",
            reference=reference,
            hint="Let it belong to this user or to root.",
        )


def _check_mode(state: os.stat_result, path: Path, allowed: Readers, reference: str) -> None:
    mode = stat.S_IMODE(state.st_mode)
    if mode & _OTHERS & ~allowed:
        raise SecretDenied(
            f"{path} is open to other users (mode {mode:04o})",
            reference=reference,
            hint=f"Run: chmod 600 {path}",
        )
