"""What is read back is what was accepted, octet for octet, and memory does not grow with it."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from postseal.errors import InvalidInput
from postseal.serve.storage import DeliveryState, MessageNotFound, StorageError, Store
from postseal.serve.storage.statements import CHUNK_OCTETS
from tests.unit.serve.storage.samples import new_message, read_content


@pytest.mark.parametrize(
    "lengths",
    [
        [],
        [0],
        [1],
        [CHUNK_OCTETS],
        [CHUNK_OCTETS + 1],
        [CHUNK_OCTETS - 1, 2],
        [3 * CHUNK_OCTETS + 7],
        [1000] * 600,
        [0, 5, 0, 5 * CHUNK_OCTETS, 0],
    ],
)
async def test_content_comes_back_in_bounded_pieces(store: Store, lengths: list[int]) -> None:
    content = [random.Random(length).randbytes(length) for length in lengths]
    message = new_message(content=content)
    await store.accept(message)
    pieces = [data async for data in store.content(message.id)]
    assert b"".join(pieces) == b"".join(content)
    assert all(1 <= len(data) <= CHUNK_OCTETS for data in pieces)


class Generated:
    """Twenty megabytes that are never in memory together, the same each time."""

    size = 20 * 1024 * 1024

    def __iter__(self) -> Iterator[bytes]:
        source = random.Random(20)
        for _ in range(self.size // 65_536):
            yield source.randbytes(65_536)


async def test_twenty_megabytes_pass_in_bounded_memory(store: Store) -> None:
    expected = hashlib.sha256()
    for data in Generated():
        expected.update(data)
    message = new_message("large", content=Generated(), size=Generated.size)
    found = hashlib.sha256()
    tracemalloc.start()
    try:
        await store.accept(message)
        async for data in store.content("large"):
            found.update(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.digest() == expected.digest()
    assert peak < 4 * 1024 * 1024


async def test_an_unknown_message_is_told_from_an_empty_one(store: Store) -> None:
    await store.accept(new_message("empty", content=[]))
    assert await read_content(store, "empty") == b""
    with pytest.raises(MessageNotFound):
        await read_content(store, "unknown")


async def test_a_missing_piece_is_an_error_and_no_short_message(store: Store, path: Path) -> None:
    await store.accept(new_message("damaged", content=[bytes(3 * CHUNK_OCTETS)]))
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM chunks WHERE sequence = 1")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match=f"ends after {CHUNK_OCTETS} of its"):
        await read_content(store, "damaged")


def test_content_that_can_be_read_only_once_is_refused() -> None:
    with pytest.raises(InvalidInput, match="only once"):
        new_message(content=iter([b"once"]), size=4)


def test_a_message_without_recipients_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without a recipient"):
        new_message(recipients=[])


def test_a_new_message_is_queued_or_held() -> None:
    with pytest.raises(InvalidInput, match="cannot be sent"):
        new_message(state=DeliveryState.SENT)
