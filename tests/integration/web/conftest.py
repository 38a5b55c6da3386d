from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from postseal.secrets import Secret
from postseal.serve.credentials import hash_password, new_token, token_hash
from postseal.serve.storage import Store
from postseal.serve.web import create_app
from postseal.serve.web.auth import SESSION_SECONDS
from tests.integration.web import samples

PASSWORD = "correct-horse-battery"


@dataclass
class Clock:
    now: float = samples.NOW + 200

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def filled_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one account, to be copied: making one takes longer than most tests."""
    path = tmp_path_factory.mktemp("web") / "postseal.sqlite"

    async def fill() -> None:
        store = await Store.open(path, clock=Clock())
        await store.create_account("admin", hash_password(Secret(PASSWORD)))
        await store.close()

    with asyncio.Runner() as runner:
        runner.run(fill())
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock, filled_database: Path) -> AsyncIterator[Store]:
    path = tmp_path / "postseal.sqlite"
    shutil.copyfile(filled_database, path)
    store = await Store.open(path, clock=clock)
    yield store
    await store.close()


@pytest.fixture
def app(store: Store, clock: Clock) -> FastAPI:
    return create_app(store, hosts=["mail.example"], clock=clock)


def open_client(
    app: FastAPI, *, base_url: str = "http://localhost:8025", client: str = "127.0.0.1"
) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, client=(client, 50000))
    return httpx2.AsyncClient(transport=transport, base_url=base_url)


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with open_client(app) as client:
        yield client


@pytest.fixture
async def browser(app: FastAPI, store: Store, clock: Clock) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with the cookie of a login."""
    account = await store.find_account("admin")
    assert account is not None
    token = new_token()
    await store.create_session(
        token_hash(token), account_id=account.id, expires_at=clock() + SESSION_SECONDS
    )
    async with open_client(app) as client:
        client.cookies.set("postseal", token.reveal())
        yield client
