"""Many callers share a commit; each is told about its own operation, and only after the commit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from postseal.errors import InvalidInput, MailError
from postseal.serve.storage import (
    AlreadyExists,
    DeliveryState,
    StorageError,
    Store,
    StoreClosed,
    Summary,
    writer,
)
from tests.parts.commits import Commits
from tests.unit.serve.storage.samples import new_message, read_content


def stored_ids(path: Path) -> set[str]:
    """What another process would see now."""
    connection = sqlite3.connect(path)
    try:
        return {row[0] for row in connection.execute("SELECT id FROM messages")}
    finally:
        connection.close()


async def test_two_hundred_callers_share_a_few_commits(store: Store, commits: Commits) -> None:
    messages = [new_message() for _ in range(200)]
    await asyncio.gather(*(store.accept(message) for message in messages))
    assert 1 <= commits.count <= 20
    counts = await store.count_by_state()
    assert counts[DeliveryState.QUEUED] == 200


async def test_nobody_is_released_before_the_commit(
    store: Store, commits: Commits, path: Path
) -> None:
    message = new_message()
    commits.hold()
    accepting = asyncio.create_task(store.accept(message))
    await commits.reached()
    # Every statement is done and the COMMIT is held back: the caller must still be waiting.
    assert not accepting.done()
    assert stored_ids(path) == set()
    commits.let_pass()
    await accepting
    assert stored_ids(path) == {message.id}


async def test_a_taken_id_fails_its_own_caller_alone(store: Store, path: Path) -> None:
    first = new_message()
    await store.accept(first)
    neighbours = [new_message() for _ in range(20)]
    batch = [*neighbours[:10], new_message(first.id, content=[b"another"]), *neighbours[10:]]
    results = await asyncio.gather(
        *(store.accept(message) for message in batch), return_exceptions=True
    )
    assert [index for index, result in enumerate(results) if result is not None] == [10]
    assert isinstance(results[10], AlreadyExists)
    assert not results[10].is_temporary
    assert stored_ids(path) == {first.id} | {message.id for message in neighbours}
    assert await read_content(store, first.id) == b"Subject: hello\r\n\r\nhello\r\n"


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (new_message(content=[b"four"], size=5), InvalidInput),
        (new_message(content=[b"four"], size=3), InvalidInput),
        # Lone surrogates come out of undecodable headers, and are no text that can be stored.
        (new_message(summary=Summary(subject="\udcff")), StorageError),
    ],
)
async def test_content_that_cannot_be_stored_fails_alone(
    store: Store, path: Path, bad: object, expected: type[MailError]
) -> None:
    neighbours = [new_message() for _ in range(5)]
    results = await asyncio.gather(
        *(store.accept(message) for message in [*neighbours, bad]),  # type: ignore[arg-type]
        return_exceptions=True,
    )
    assert results[:5] == [None] * 5
    assert isinstance(results[5], expected)
    assert stored_ids(path) == {message.id for message in neighbours}


async def test_a_cancelled_caller_does_not_break_the_batch(
    store: Store, commits: Commits, path: Path
) -> None:
    commits.hold()
    accepting = [asyncio.create_task(store.accept(new_message(f"id-{n}"))) for n in range(3)]
    await commits.reached()
    accepting[1].cancel()
    commits.let_pass()
    results = await asyncio.gather(*accepting, return_exceptions=True)
    assert results[0] is results[2] is None
    assert isinstance(results[1], asyncio.CancelledError)
    # It was on its way to the disk already; a client without its reply sends again.
    assert stored_ids(path) == {"id-0", "id-1", "id-2"}
    # The row is due although its caller was gone when it was committed.
    assert await store.wait_for_mail(timeout=0.01)


async def test_who_is_cancelled_while_waiting_is_not_written(
    store: Store, commits: Commits, path: Path
) -> None:
    commits.hold()
    first = asyncio.create_task(store.accept(new_message("first")))
    await commits.reached()
    second = asyncio.create_task(store.accept(new_message("second")))
    third = asyncio.create_task(store.accept(new_message("third")))
    await asyncio.sleep(0)
    second.cancel()
    commits.let_pass()
    await asyncio.gather(first, third)
    assert stored_ids(path) == {"first", "third"}


async def test_closing_finishes_what_was_taken_and_refuses_the_rest(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_MAX_WAITING", 3)
    store = await Store.open(path)
    # Three are taken; two wait at the door, since no more may pile up in front of the disk.
    accepting = [asyncio.create_task(store.accept(new_message(f"id-{n}"))) for n in range(5)]
    await asyncio.sleep(0)
    await store.close()
    results = await asyncio.gather(*accepting, return_exceptions=True)
    assert [type(result) for result in results] == [type(None)] * 3 + [StoreClosed] * 2
    assert stored_ids(path) == {"id-0", "id-1", "id-2"}


async def test_a_closed_store_says_so(path: Path) -> None:
    store = await Store.open(path)
    await store.close()
    await store.close()
    with pytest.raises(StoreClosed):
        await store.accept(new_message())
    with pytest.raises(StoreClosed):
        await store.next_due()


class Disk:
    """Sets how many pages the database may have: SQLite's own way to a full disk."""

    def __init__(self) -> None:
        self.pages = 1_073_741_823

    def on_begin(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {self.pages}")


@pytest.fixture
def disk() -> Iterator[Disk]:
    limited = Disk()
    event.listen(Engine, "begin", limited.on_begin)
    yield limited
    event.remove(Engine, "begin", limited.on_begin)


async def test_a_full_disk_is_a_temporary_error_and_passes(
    disk: Disk, store: Store, path: Path
) -> None:
    await store.accept(new_message("before"))
    disk.pages = 1  # SQLite takes it as "no more than there are now".
    results = await asyncio.gather(
        *(store.accept(new_message(content=[bytes(100_000)])) for _ in range(10)),
        return_exceptions=True,
    )
    for result in results:
        assert isinstance(result, StorageError)
        assert result.is_temporary
        assert "database or disk is full" in str(result)
    assert await read_content(store, "before")
    disk.pages = 1_073_741_823
    await store.accept(new_message("after"))
    assert stored_ids(path) == {"before", "after"}


async def test_an_error_does_not_tell_the_mail(store: Store) -> None:
    message = new_message(summary=Summary(subject="secret plans"))
    await store.accept(message)
    with pytest.raises(AlreadyExists) as caught:
        await store.accept(message)
    assert "secret plans" not in f"{caught.value}{caught.value.__cause__}"


async def test_another_process_that_writes_is_waited_for(store: Store, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    accepting = asyncio.create_task(store.accept(new_message("mine")))
    assert await store.count_by_state()  # Reading waits for nobody.
    assert not accepting.done()
    other.execute("COMMIT")
    await accepting
    other.close()
    assert stored_ids(path) == {"mine"}
