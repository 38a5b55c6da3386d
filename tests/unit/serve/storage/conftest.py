"""A store on a real SQLite file, and the moments of its commits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from postseal.serve.storage import Store
from tests.unit.serve.storage.samples import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mail.sqlite"


@pytest.fixture
async def store(path: Path, clock: Clock) -> AsyncIterator[Store]:
    opened = await Store.open(path, clock=clock)
    yield opened
    await opened.close()


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


@pytest.fixture
def commits(store: Store) -> Iterator[Commits]:
    watched = Commits()
    event.listen(Engine, "commit", watched.on_commit)
    yield watched
    watched.let_pass()
    event.remove(Engine, "commit", watched.on_commit)
