"""A power cut at any moment loses no accepted message and damages no database.

A store lives on a disk that keeps a log of writes and syncs. Then the power goes, again and
again, at hundreds of places in that log; each time everything that was accepted before must be
found in what the disk kept.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from postseal.serve.storage import DeliveryState, NewMessage, Outcome, StorageError, Store, database
from tests.crash.power_cut import (
    FULL,
    OK,
    SYNC_FAILED,
    Disk,
    Entry,
    Note,
    Sync,
    Unsynced,
    image,
    is_possible,
    recorded_disk,
)
from tests.unit.serve.storage.samples import attempt, new_message

pytestmark = pytest.mark.skipif(
    not is_possible(), reason="SQLite is linked into Python with its names hidden"
)

FILE = "mail.sqlite"


@pytest.fixture
def disk() -> Iterator[Disk]:
    with recorded_disk() as recorded:
        yield recorded


def use_pragmas(monkeypatch: pytest.MonkeyPatch, **values: int) -> None:
    pragmas = tuple((name, values.get(name, usual)) for name, usual in database._PRAGMAS)
    monkeypatch.setattr(database, "_PRAGMAS", pragmas)


def content_of(number: int) -> bytes:
    # Of many lengths: within a page of the database, over several, and over several pieces.
    source = random.Random(number)
    return source.randbytes(source.choice([10, 3_000, 20_000, 300_000 if number % 16 == 0 else 50]))


def message(number: int) -> NewMessage:
    return new_message(f"m{number:03}", content=[content_of(number)])


async def live_a_little(directory: Path, disk: Disk) -> None:
    """Accept and deliver for a while, and note in the log what was acknowledged."""
    store = await Store.open(directory / FILE)

    async def accept(numbers: range) -> None:
        for number in numbers:
            await store.accept(message(number))
            disk.note(f"accepted {number}")

    async def deliver() -> None:
        for _ in range(10):
            leases = await store.lease(owner="w", until=4e9, limit=2)
            outcomes = [
                Outcome(delivery_id=lease.delivery_id, state=DeliveryState.SENT, attempt=attempt())
                for lease in leases
            ]
            await store.settle(outcomes, owner="w")
            for lease in leases:
                disk.note(f"sent {lease.message_id}")

    await asyncio.gather(*(accept(range(n, n + 12)) for n in range(0, 48, 12)), deliver())
    await store.close()


def places(log: list[Entry], source: random.Random) -> list[int]:
    """Right behind each acknowledgement, around each sync, and anywhere else."""
    telling = {
        position + step
        for position, entry in enumerate(log)
        if isinstance(entry, Note | Sync)
        for step in (0, 1)
    }
    anywhere = range(len(log) + 1)
    return sorted(
        {
            position
            for group, limit in ((sorted(telling), 120), (anywhere, 80))
            for position in source.sample(group, min(limit, len(group)))
        }
    )


def what_is_missing(log: list[Entry], directory: Path, unsynced: Unsynced, seed: int) -> list[str]:
    """Cut the power at the end of this log; say which promises the disk does not keep."""
    directory.mkdir()
    for name, content in image(log, unsynced, random.Random(seed)).items():
        (directory / name).write_bytes(content)
    if not any(isinstance(entry, Note) for entry in log):
        return []
    connection = sqlite3.connect(directory / FILE)
    try:
        missing = [
            str(row[0]) for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"
        ]
        contents: dict[str, bytes] = {}
        for message_id, data in connection.execute(
            "SELECT message_id, data FROM chunks ORDER BY message_id, sequence"
        ):
            contents[message_id] = contents.get(message_id, b"") + data
        states = dict(connection.execute("SELECT message_id, state FROM deliveries"))
    except sqlite3.DatabaseError as error:
        return [str(error)]
    finally:
        connection.close()
    for entry in log:
        if isinstance(entry, Note):
            match entry.text.split():
                case ["accepted", number] if contents.get(f"m{int(number):03}") != content_of(
                    int(number)
                ):
                    missing.append(entry.text)
                case ["sent", message_id] if states.get(message_id) != "sent":
                    missing.append(entry.text)
    return missing


@pytest.mark.parametrize("unsynced", Unsynced)
# The second with a checkpoint every few commits, which rewrites the database under the log.
@pytest.mark.parametrize("checkpoint_pages", [4_000, 20])
def test_no_power_cut_loses_what_was_acknowledged(
    tmp_path: Path,
    disk: Disk,
    monkeypatch: pytest.MonkeyPatch,
    unsynced: Unsynced,
    checkpoint_pages: int,
) -> None:
    use_pragmas(monkeypatch, wal_autocheckpoint=checkpoint_pages)
    asyncio.run(live_a_little(tmp_path, disk))
    notes = [entry for entry in disk.log if isinstance(entry, Note)]
    assert len([note for note in notes if note.text.startswith("accepted")]) == 48
    seed = random.randrange(2**32)
    for position in places(disk.log, random.Random(seed)):
        missing = what_is_missing(
            disk.log[:position], tmp_path / f"cut-{position}", unsynced, seed + position
        )
        assert not missing, f"seed {seed}, power cut after {position} entries"


def test_without_waiting_for_the_disk_messages_are_lost(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The control: with synchronous=NORMAL the same power cuts must be seen to lose mail.
    use_pragmas(monkeypatch, synchronous=1, wal_autocheckpoint=20)
    asyncio.run(live_a_little(tmp_path, disk))
    missing = [
        lost
        for position, entry in enumerate(disk.log, start=1)
        if isinstance(entry, Note)
        for lost in what_is_missing(
            disk.log[:position], tmp_path / f"cut-{position}", Unsynced.LOST, 0
        )
    ]
    assert any(lost.startswith("accepted") for lost in missing)


@pytest.mark.parametrize(
    ("attribute", "result", "complaint"),
    [("write_result", FULL, "full"), ("sync_result", SYNC_FAILED, "disk I/O error")],
)
async def test_a_commit_that_fails_fails_everybody_in_it_and_the_next_one_works(
    tmp_path: Path, disk: Disk, attribute: str, result: int, complaint: str
) -> None:
    store = await Store.open(tmp_path / FILE)
    await store.accept(message(1))
    setattr(disk, attribute, result)
    results = await asyncio.gather(
        *(store.accept(message(number)) for number in range(2, 10)), return_exceptions=True
    )
    for error in results:
        assert isinstance(error, StorageError)
        assert error.is_temporary
        assert complaint in str(error)
    setattr(disk, attribute, OK)
    await store.accept(message(10))
    assert {row.id for row in await store.list_messages()} == {"m001", "m010"}
    disk.note("accepted 1")
    disk.note("accepted 10")
    log = list(disk.log)
    await store.close()
    assert what_is_missing(log, tmp_path / "cut", Unsynced.LOST, 0) == []
