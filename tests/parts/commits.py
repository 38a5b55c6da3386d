"""The moments at which the database commits, for tests that must come right before or after."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event


class Commits:
    """Counts the transactions that are about to commit, and can hold them back.

    SQLAlchemy calls on the thread of the database, right before it sends COMMIT.
    """

    def __init__(self) -> None:
        self.count = 0
        self._reached = threading.Event()
        self._may_pass = threading.Event()
        self._may_pass.set()

    def on_commit(self, _connection: Connection) -> None:
        self.count += 1
        self._reached.set()
        assert self._may_pass.wait(timeout=30)

    def hold(self) -> None:
        self._reached.clear()
        self._may_pass.clear()

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, 30)

    def let_pass(self) -> None:
        self._may_pass.set()


@contextmanager
def watch_commits() -> Iterator[Commits]:
    """Watch all databases of this process."""
    watched = Commits()
    event.listen(Engine, "commit", watched.on_commit)
    try:
        yield watched
    finally:
        watched.let_pass()
        event.remove(Engine, "commit", watched.on_commit)
