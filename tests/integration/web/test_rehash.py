"""A password that was hashed by other parameters than today's is hashed anew when it is at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from argon2 import PasswordHasher
from argon2.exceptions import HashingError
from fastapi import FastAPI
from structlog.testing import capture_logs

from postseal.secrets import Secret
from postseal.serve.credentials import password_needs_rehash, verify_password
from postseal.serve.storage import Account, StorageError, Store
from postseal.serve.web import auth, serve_web
from tests.integration.web.conftest import PASSWORD

# What a version used that thought less of those who guess.
_OLD_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
async def old(store: Store) -> Account:
    """The account of the database, as an old version would have made it."""
    admin = await account(store)
    await store.replace_password_hash(admin, _OLD_HASHER.hash(PASSWORD))
    return await account(store)


@pytest.fixture
async def client(app: FastAPI, old: Account) -> AsyncIterator[httpx2.AsyncClient]:
    web = await serve_web(app, host="127.0.0.1", port=0)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{web.port}") as client:
        yield client
    await web.close()


async def account(store: Store) -> Account:
    found = await store.find_account("admin")
    assert found is not None
    return found


async def log_in(client: httpx2.AsyncClient, password: str = PASSWORD) -> int:
    answer = await client.post("/login", data={"name": "admin", "password": password})
    return answer.status_code


async def test_the_next_login_hashes_the_password_anew_and_the_one_after_does_not(
    client: httpx2.AsyncClient, store: Store, tmp_path: Path, old: Account
) -> None:
    assert await log_in(client) == 303
    renewed = await account(store)
    assert renewed.password_hash != old.password_hash
    assert not password_needs_rehash(renewed.password_hash)
    assert verify_password(renewed.password_hash, Secret(PASSWORD))
    # The session that this login began is one of the account as it is now, and ends with it.
    assert (await client.get("/")).status_code == 200
    # Another opener of the file sees it: it is on the disk, not in this process.
    other = await Store.open(tmp_path / "postseal.sqlite")
    assert await account(other) == renewed
    await other.close()
    assert await log_in(client) == 303
    assert await account(store) == renewed


async def test_a_password_that_comes_with_each_request_is_hashed_anew_as_well(
    client: httpx2.AsyncClient, store: Store
) -> None:
    answer = await client.get("/api/v1/messages", auth=("admin", PASSWORD))
    assert answer.status_code == 200
    assert not password_needs_rehash((await account(store)).password_hash)


async def test_a_wrong_password_changes_nothing(
    client: httpx2.AsyncClient, store: Store, old: Account
) -> None:
    assert await log_in(client, "wrong") == 401
    assert await account(store) == old


@pytest.mark.parametrize("cause", [StorageError("disk is full"), HashingError("no memory")])
async def test_a_hash_that_cannot_be_made_or_kept_does_not_hinder_the_login(
    client: httpx2.AsyncClient,
    store: Store,
    old: Account,
    cause: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> str:
        raise cause

    if isinstance(cause, StorageError):
        monkeypatch.setattr(Store, "replace_password_hash", fail)
    else:
        monkeypatch.setattr(auth, "hash_password", fail)
    with capture_logs() as logs:
        assert await log_in(client) == 303
    assert (await client.get("/")).status_code == 200
    assert await account(store) == old
    [warning] = [log for log in logs if log["event"] == "a password was not hashed anew"]
    assert (warning["account"], warning["log_level"]) == ("admin", "warning")
    assert warning["error"] == str(cause)
    assert PASSWORD not in str(logs)
