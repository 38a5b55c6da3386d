"""Accounts, credentials and logins are kept, unique, and forgotten in time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postseal.serve.storage import (
    Account,
    AlreadyExists,
    Credential,
    StorageError,
    Store,
    WebSession,
)
from postseal.smtp.sasl import ScramRecord
from tests.unit.serve.storage.samples import Clock


async def test_an_account_is_found_by_its_exact_name(store: Store, clock: Clock) -> None:
    assert not await store.has_accounts()
    created = await store.create_account("admin", "$argon2id$...")
    assert created == Account(1, "admin", "$argon2id$...", clock.now)
    assert await store.find_account("admin") == created
    assert await store.find_account("Admin") is None
    assert await store.has_accounts()


async def test_a_name_is_given_once(store: Store) -> None:
    await store.create_account("admin", "first")
    with pytest.raises(AlreadyExists, match="Choose another name"):
        await store.create_account("admin", "second")
    found = await store.find_account("admin")
    assert found is not None
    assert found.password_hash == "first"


async def test_a_password_is_hashed_anew_unless_it_was_changed_meanwhile(store: Store) -> None:
    admin = await store.create_account("admin", "weak")
    other = await store.create_account("other", "weak")
    await store.replace_password_hash(admin, "strong")
    # Of two logins at once the first one's stays, and so does a password set between.
    await store.replace_password_hash(admin, "strong too")
    assert await store.find_account("admin") == replace(admin, password_hash="strong")
    assert await store.find_account("other") == other


async def test_a_credential_is_found_by_its_exact_username(store: Store, clock: Clock) -> None:
    assert not await store.has_credentials()
    created = await store.create_credential("app", b"\x00\xff" * 16)
    assert created == Credential(1, "app", b"\x00\xff" * 16, clock.now)
    assert await store.find_credential("app") == created
    assert await store.find_credential("ap") is None
    assert await store.has_credentials()
    with pytest.raises(AlreadyExists, match="Choose another username"):
        await store.create_credential("app", b"other")


async def test_a_login_lasts_until_it_expires(store: Store, clock: Clock) -> None:
    account = await store.create_account("admin", "hash")
    token = b"t" * 32
    await store.create_session(token, account_id=account.id, expires_at=clock.now + 100)
    assert await store.find_session(token) == WebSession(
        token, account.id, "admin", clock.now, clock.now + 100
    )
    assert await store.find_session(b"u" * 32) is None
    clock.now += 100
    assert await store.find_session(token) is None


async def test_a_logout_ends_the_login(store: Store, clock: Clock) -> None:
    account = await store.create_account("admin", "hash")
    await store.create_session(b"t", account_id=account.id, expires_at=clock.now + 100)
    assert await store.delete_session(b"t")
    assert not await store.delete_session(b"t")
    assert await store.find_session(b"t") is None


async def test_expired_logins_do_not_pile_up(store: Store, clock: Clock) -> None:
    account = await store.create_account("admin", "hash")
    await store.create_session(b"old", account_id=account.id, expires_at=clock.now + 10)
    clock.now += 10
    await store.create_session(b"new", account_id=account.id, expires_at=clock.now + 10)
    assert not await store.delete_session(b"old")
    assert await store.delete_session(b"new")


async def test_a_login_belongs_to_an_account(store: Store, clock: Clock) -> None:
    with pytest.raises(StorageError, match="FOREIGN KEY"):
        await store.create_session(b"t", account_id=7, expires_at=clock.now + 10)


RECORD = ScramRecord.derive("a-secret", salt=b"sixteen octets..")


async def test_a_credential_keeps_its_SCRAM_record(store: Store) -> None:
    created = await store.create_credential("app", b"hash", RECORD)
    assert created.scram_record == RECORD
    assert await store.find_credential("app") == created
    assert not await store.lacks_scram_records()


async def test_a_credential_without_one_is_completed_once(store: Store) -> None:
    assert not await store.lacks_scram_records()
    old = await store.create_credential("old", b"hash")
    await store.create_credential("new", b"hash", RECORD)
    assert await store.lacks_scram_records()
    await store.add_scram_record(old.id, RECORD)
    await store.add_scram_record(old.id, ScramRecord.derive("another"))
    found = await store.find_credential("old")
    assert found is not None
    assert found.scram_record == RECORD
    assert not await store.lacks_scram_records()


async def test_a_key_is_made_once(store: Store) -> None:
    assert await store.ensure_key("one", b"first") == b"first"
    assert await store.ensure_key("one", b"second") == b"first"
    assert await store.ensure_key("other", b"second") == b"second"
