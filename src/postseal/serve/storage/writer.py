"""Group commit: many writers, one transaction, one wait for the disk.

All writes of a process go through one task. While a commit waits for the disk the next
operations gather, and then share the next commit; so the load sets the size of a batch, and a
lone operation waits for nobody. A caller is released only after the commit that holds its
operation has returned.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import (
    DataError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    SQLAlchemyError,
)

from postseal.serve.storage.database import Database, storage_error
from postseal.serve.storage.errors import StorageError, StoreClosed

__all__ = ["Bulk", "Writer"]

_A = TypeVar("_A")
_R = TypeVar("_R")

# Carries out several operations of one kind, in order, and gives a result for each.
Bulk = Callable[[Connection, Sequence[_A]], Sequence[_R]]

_MAX_WAITING: Final = 1_024
_MAX_BATCH: Final = 256
# The operation that reaches this closes the batch: a large message keeps few others waiting.
_MAX_BATCH_OCTETS: Final = 8 * 1024 * 1024

# What the database says about one row; anything else it says concerns the whole transaction.
_ABOUT_ONE: Final = (DataError, IntegrityError, InterfaceError, ProgrammingError)


@dataclass(eq=False, frozen=True, slots=True)
class _Operation(Generic[_A, _R]):
    bulk: Bulk[_A, _R]
    argument: _A
    octets: int
    on_commit: Callable[[], None] | None
    done: asyncio.Future[_R]

    def succeed(self, result: _R) -> None:
        if self.on_commit is not None:
            self.on_commit()
        if not self.done.done():
            self.done.set_result(result)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Writer:
    """The one task that writes, and the queue in front of it.

    The database is one opened for writing; the writer owns it, and closes it in `close`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Operation[object, object]] = deque()
        self._room = asyncio.Semaphore(_MAX_WAITING)
        self._wake = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="storage writer")

    async def write(
        self,
        bulk: Bulk[_A, _R],
        argument: _A,
        *,
        octets: int = 0,
        on_commit: Callable[[], None] | None = None,
    ) -> _R:
        """Carry out one operation and return its result once it is on the disk.

        `bulk` gets it together with others of its kind; `octets` is its weight. Operations that
        wait at the same time are carried out in no particular order. While too many wait, so
        does the caller. `on_commit` is called after the commit even when the caller was
        cancelled meanwhile.

        An operation that fails fails alone, with the error it raised or a `StorageError`. A
        failure of the database itself (disk full, I/O error, locked) is everybody's in the
        batch, and nothing of the batch is kept. Raises `StoreClosed` after `close`.
        """
        async with self._room:
            if self._closing:
                raise StoreClosed("the store is closed")
            done: asyncio.Future[_R] = asyncio.get_running_loop().create_future()
            operation = _Operation(bulk, argument, octets, on_commit, done)
            # A queue of operations of many types: each pairs its own result with its own future.
            self._waiting.append(cast("_Operation[object, object]", operation))
            self._wake.set()
            return await done

    async def close(self) -> None:
        """Carry out what was taken, then end the task and close the database."""
        self._closing = True
        self._wake.set()
        await asyncio.wait([self._task])
        await self._database.close()

    async def _run(self) -> None:
        try:
            while not self._closing or self._waiting:
                if batch := self._take_batch():
                    await self._commit(batch)
                else:
                    self._wake.clear()
                    await self._wake.wait()
        finally:
            # Whoever ends the task, nobody is to wait for ever.
            self._closing = True
            while self._waiting:
                self._waiting.popleft().fail(StoreClosed("the store was closed in the middle"))

    def _take_batch(self) -> list[_Operation[object, object]]:
        batch: list[_Operation[object, object]] = []
        octets = 0
        while self._waiting and len(batch) < _MAX_BATCH and octets < _MAX_BATCH_OCTETS:
            operation = self._waiting.popleft()
            if not operation.done.cancelled():
                batch.append(operation)
                octets += operation.octets
        return batch

    async def _commit(self, batch: Sequence[_Operation[object, object]]) -> None:
        try:
            results = await self._database.transact(partial(_carry_out, batch=batch))
        except Exception as error:  # noqa: BLE001 - whatever one operation raises, the next come
            if _is_about_one(error) and len(batch) > 1:
                # Not by savepoints: SQLite may end the whole transaction on its own, and what
                # follows would then be outside of any.
                for operation in batch:
                    await self._commit([operation])
                return
            for operation in batch:
                operation.fail(storage_error(error, doing="writing"))
        else:
            for operation, result in results:
                operation.succeed(result)


def _is_about_one(error: Exception) -> bool:
    return isinstance(error, _ABOUT_ONE) or not isinstance(error, SQLAlchemyError | StorageError)


def _carry_out(
    connection: Connection, batch: Sequence[_Operation[object, object]]
) -> list[tuple[_Operation[object, object], object]]:
    kinds: dict[Bulk[object, object], list[_Operation[object, object]]] = {}
    for operation in batch:
        kinds.setdefault(operation.bulk, []).append(operation)
    done: list[tuple[_Operation[object, object], object]] = []
    for bulk, operations in kinds.items():
        results = bulk(connection, [operation.argument for operation in operations])
        done.extend(zip(operations, results, strict=True))
    return done
