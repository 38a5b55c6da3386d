"""Transactions on an SQLite file that keep what they commit, even when the power goes.

WAL lets readers work while the one writer commits. `synchronous=FULL` makes each commit wait
until the log has reached the disk (https://www.sqlite.org/wal.html, section 3.4); what is in
force is read back, since a library may be built or patched to ignore a PRAGMA.

A transaction is one function over a synchronous connection and runs on a thread as a whole:
one change of threads for all its statements, not several for each, as drivers that imitate
asynchronous connections to SQLite have it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, unique
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from postseal.errors import MailError
from postseal.serve.storage.errors import AlreadyExists, StorageError, StoreClosed

__all__ = ["Database", "Purpose", "storage_error", "sync_directory"]

_R = TypeVar("_R")

# The first with UPDATE ... RETURNING.
_OLDEST_SQLITE: Final = (3, 35, 0)
# How long to wait for another process that is writing, in milliseconds.
_BUSY_TIMEOUT: Final = 10_000
# Pages of 4 KiB in the log before a commit also copies them home: each copy costs two syncs.
_CHECKPOINT_PAGES: Final = 4_000
_LOG_OCTETS_KEPT: Final = 64 * 1024 * 1024

# In this order: the timeout also governs the switch to WAL. `fullfsync` matters on macOS alone,
# where fsync does not reach the platters.
_PRAGMAS: Final[tuple[tuple[str, int | str], ...]] = (
    ("busy_timeout", _BUSY_TIMEOUT),
    ("journal_mode", "wal"),
    ("synchronous", 2),
    ("fullfsync", 1),
    ("checkpoint_fullfsync", 1),
    ("foreign_keys", 1),
    ("wal_autocheckpoint", _CHECKPOINT_PAGES),
    ("journal_size_limit", _LOG_OCTETS_KEPT),
)


@unique
class Purpose(Enum):
    """What the connections of an engine are for."""

    READ = "read"
    WRITE = "write"


_CONNECTIONS: Final = {Purpose.READ: 4, Purpose.WRITE: 1}


class Database:
    """One file, opened for one purpose: by a single connection that writes, or by readers.

    A transaction that writes takes the write lock at its beginning, so it never fails half-way
    because another process was faster.
    """

    def __init__(self, path: Path, purpose: Purpose) -> None:
        _require_sqlite()
        connections = _CONNECTIONS[purpose]
        self._engine = _engine(path, purpose, connections)
        self._is_closed = False
        self._threads = ThreadPoolExecutor(connections, f"storage {purpose.value}")

    async def transact(self, work: Callable[[Connection], _R]) -> _R:
        """Run `work` on a thread, in a transaction, and return its result after the commit.

        Whatever it raises rolls the transaction back. A caller that is cancelled leaves; the
        work goes on. Raises `StoreClosed` after `close`.
        """
        if self._is_closed:
            raise StoreClosed("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)

    async def close(self) -> None:
        """Wait for the transactions that run, and close the connections."""
        self._is_closed = True
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    def _transact(self, work: Callable[[Connection], _R]) -> _R:
        with self._engine.begin() as connection:
            return work(connection)


def _require_sqlite() -> None:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StorageError(
            f"SQLite {sqlite3.sqlite_version} is too old",
            hint=f"Use a Python with SQLite {'.'.join(map(str, _OLDEST_SQLITE))} or later.",
        )


def _engine(path: Path, purpose: Purpose, connections: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        # The driver is not to open transactions on its own: `_begin` does.
        connect_args={"isolation_level": None},
        pool_size=connections,
        max_overflow=0,
        # Errors carry the statement to logs, and must not carry the mail.
        hide_parameters=True,
    )
    reads = purpose is Purpose.READ
    begin = "BEGIN" if reads else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        _configure(connection, (*_PRAGMAS, ("query_only", 1)) if reads else _PRAGMAS)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _configure(connection: DBAPIConnection, pragmas: Sequence[tuple[str, int | str]]) -> None:
    cursor = connection.cursor()
    try:
        for name, wanted in pragmas:
            in_force = _set(cursor, name, wanted)
            if in_force != wanted:
                raise StorageError(
                    f"SQLite does not take PRAGMA {name} = {wanted}: it says {in_force!r}",
                    hint="Keep the data directory on a local file system.",
                )
    except sqlite3.Error as error:
        raise storage_error(error, doing="opening the database") from error
    finally:
        cursor.close()


def _set(cursor: DBAPICursor, name: str, wanted: int | str) -> object:
    gives_up_at = time.monotonic() + _BUSY_TIMEOUT / 1000
    while True:
        try:
            cursor.execute(f"PRAGMA {name} = {wanted}")
            break
        except sqlite3.OperationalError as error:
            # The switch to WAL alone does not heed the busy timeout; it happens once in the
            # life of a file, and two processes may be at it.
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() >= gives_up_at:
                raise
            time.sleep(0.01)
    cursor.execute(f"PRAGMA {name}")
    row = cursor.fetchone()
    return row and row[0]


def sync_directory(path: Path) -> None:
    """Wait until the names of new files in a directory have reached the disk.

    SQLite does so for its journals, and not for the database itself.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_error(error: Exception, *, doing: str) -> MailError:
    """Say in the project's terms what went wrong; `doing` is what was asked of the database."""
    if isinstance(error, MailError):
        return error
    # The statement stays out of the text: it says nothing to who reads it.
    reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    kind = AlreadyExists if "UNIQUE constraint failed" in reason else StorageError
    told = kind(f"{doing}: {reason}", hint=_HINTS.get(reason))
    # It may be raised in another task, far from an `except`.
    told.__cause__ = error
    return told


_HINTS: Final = {
    "database or disk is full": "Free some space on the disk of the data directory.",
    "database is locked": "Another process writes to the same database for too long.",
    "UNIQUE constraint failed: accounts.name": "Choose another name.",
    "UNIQUE constraint failed: credentials.username": "Choose another username.",
    "file is not a database": "Move the file away, or restore it from a backup.",
    "unable to open database file": "The directory must exist and be writable.",
    "attempt to write a readonly database": "The file and its directory must be writable.",
}
