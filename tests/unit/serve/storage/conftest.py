"""A store on a real SQLite file, and the moments of its commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from postseal.serve.storage import Store
from tests.parts.commits import Commits, watch_commits
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


@pytest.fixture
def commits(store: Store) -> Iterator[Commits]:
    with watch_commits() as watched:
        yield watched
