"""`250` means durable (promise 4): it comes after the commit, and without one it does not come."""

from __future__ import annotations

import asyncio
import resource
import shutil
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from postseal.errors import InvalidInput
from postseal.serve.listener import Listener, Patience
from postseal.serve.spool import Spool
from postseal.serve.storage import NewMessage, StorageError, Store
from tests.integration.serve.listening import IN_CLEAR, OpenListener, Rules
from tests.parts.commits import watch_commits
from tests.parts.queue_view import read_deliveries
from tests.parts.raw_client import RawClient

MX = Rules(session=IN_CLEAR)
SMALL = "Subject: small\r\n\r\nsmall\r\n."
LARGE = b"Subject: large\r\n\r\n" + (b"z" * 998 + b"\r\n") * 2000


async def _said_envelope(listener: Listener) -> RawClient:
    client = await RawClient.connect(listener.port)
    await client.hear()
    await client.ask("EHLO client.test")
    await _envelope(client)
    return client


async def _envelope(client: RawClient) -> None:
    await client.ask("MAIL FROM:<a@example.com>")
    assert (await client.ask("RCPT TO:<b@example.org>")).startswith("250 ")
    assert (await client.ask("DATA")).startswith("354 ")


async def _count(store: Store) -> int:
    return len(await store.list_messages(limit=100))


async def test_the_reply_waits_for_the_commit(open_listener: OpenListener, tmp_path: Path) -> None:
    listener = await open_listener(MX)
    async with await _said_envelope(listener) as client:
        with watch_commits() as commits:
            commits.hold()
            await client.say(SMALL)
            await commits.reached()
            # Everything is done but the commit: the client must know of nothing.
            hearing = asyncio.create_task(client.hear())
            done, _ = await asyncio.wait({hearing}, timeout=0.1)
            assert done == set()
            assert read_deliveries(tmp_path) == []
            commits.let_pass()
            taken = await hearing
        # Another process would see it now.
        (delivery,) = read_deliveries(tmp_path)
        assert taken == f"250 2.0.0 queued as {delivery.message_id}"


@pytest.mark.parametrize(
    "error", [StorageError("disk full"), InvalidInput("not as long as it says"), OSError("broken")]
)
async def test_a_store_that_fails_is_answered_with_452_and_the_next_message_is_taken(
    open_listener: OpenListener, store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    listener = await open_listener(MX)

    async def fail(_: Store, _message: NewMessage) -> None:
        raise error

    async with await _said_envelope(listener) as client:
        with monkeypatch.context() as broken:
            broken.setattr(Store, "accept", fail)
            refused = await client.ask(SMALL)
        assert refused == "452 4.3.1 the message could not be stored; try again later"
        assert await _count(store) == 0
        await _envelope(client)
        assert (await client.ask(SMALL)).startswith("250 2.0.0 queued as ")


async def test_a_store_that_was_closed_takes_nothing_and_says_so(
    open_listener: OpenListener, store: Store
) -> None:
    listener = await open_listener(MX)
    async with await _said_envelope(listener) as client:
        await store.close()
        assert (await client.ask(SMALL)).startswith("452 4.3.1 ")


async def test_a_store_that_hangs_gives_no_reply(
    open_listener: OpenListener, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = await open_listener(replace(MX, patience=Patience(goodbye=0.1)))
    hangs = asyncio.Event()

    async def hang(_: Store, _message: NewMessage) -> None:
        hangs.set()
        await asyncio.Event().wait()

    async with await _said_envelope(listener) as client:
        monkeypatch.setattr(Store, "accept", hang)
        await client.say(SMALL)
        await hangs.wait()
        # Stopping does not wait for ever, and does not say what it does not know.
        await listener.close()
        assert await client.rest() == b""
    monkeypatch.undo()
    assert await _count(store) == 0


async def test_a_defect_of_ours_gives_no_reply_either(
    open_listener: OpenListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = await open_listener(MX)

    async def fail(_: Store, _message: NewMessage) -> None:
        raise ZeroDivisionError

    async with await _said_envelope(listener) as client:
        monkeypatch.setattr(Store, "accept", fail)
        await client.say(SMALL)
        assert await client.rest() == b""


async def test_a_message_that_runs_in_a_loop_is_stopped(
    open_listener: OpenListener, store: Store
) -> None:
    listener = await open_listener(MX)
    passed = "Received: from somewhere\r\n" * 100
    async with await _said_envelope(listener) as client:
        refused = await client.ask(f"{passed}Subject: loop\r\n\r\n.")
        assert refused.startswith("554 5.4.6 ")
        assert await _count(store) == 0
        # One hop less, and any number of them in the body, is no loop.
        await _envelope(client)
        once_less = passed.removeprefix("Received: from somewhere\r\n")
        taken = await client.ask(f"{once_less}Subject: long way\r\n\r\n{passed}.")
        assert taken.startswith("250 ")
        await _envelope(client)
        assert (await client.ask(f"\r\n{passed}.")).startswith("250 ")


async def test_a_spool_that_cannot_be_read_back_is_answered_with_452(
    open_listener: OpenListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Spool, _limit: int) -> bytes:
        raise OSError("Input/output error")

    listener = await open_listener(MX)
    async with await _said_envelope(listener) as client:
        monkeypatch.setattr(Spool, "beginning", fail)
        assert (await client.ask(SMALL)).startswith("452 4.3.1 ")


# -- no room for the spool ------------------------------------------------------------------------


async def test_without_room_for_the_body_it_is_refused_and_small_ones_are_taken(
    open_listener: OpenListener, store: Store, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    listener = await open_listener(replace(MX, spool_directory=spool))
    await asyncio.to_thread(shutil.rmtree, spool)
    async with await _said_envelope(listener) as client:
        # Read to its end: a client in the middle of a body does not listen.
        await client.send(LARGE)
        refused = await client.ask(".")
        assert refused == "452 4.3.1 there is no room for the message; try again later"
        assert await _count(store) == 0
        await _envelope(client)
        assert (await client.ask(SMALL)).startswith("250 ")
    await asyncio.to_thread(spool.mkdir)
    async with await _said_envelope(listener) as client:
        await client.send(LARGE)
        assert (await client.ask(".")).startswith("250 ")


@contextmanager
def _files_no_larger_than(octets: int) -> Iterator[None]:
    """Have this process run into a limit (EFBIG) as it would into a full disk (ENOSPC)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # What is logged meanwhile must not go into the files of pytest, which are limited as well.
    with capture_logs():
        resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# The limit is met at once, in a later piece, and by what a buffer would still hold.
@pytest.mark.parametrize("limit", [1, 1_000_000, len(LARGE) - 1])
async def test_a_disk_that_is_full_in_the_middle_of_a_body(
    open_listener: OpenListener, store: Store, limit: int
) -> None:
    listener = await open_listener(replace(MX, max_connections=1))

    def by_smtplib() -> None:
        with smtplib.SMTP("127.0.0.1", listener.port, timeout=20) as client:
            with _files_no_larger_than(limit), pytest.raises(smtplib.SMTPDataError) as refused:
                client.sendmail("a@example.com", ["b@example.org"], LARGE)
            assert refused.value.smtp_code == 452
            assert client.sendmail("a@example.com", ["b@example.org"], LARGE) == {}

    await asyncio.to_thread(by_smtplib)
    (row,) = await store.list_messages(limit=10)
    content = b"".join([piece async for piece in store.content(row.id)])
    assert content.endswith(LARGE)


async def test_a_disk_that_is_full_when_the_client_vanishes(
    open_listener: OpenListener, store: Store
) -> None:
    # Closing the spool would try to write what its buffer holds, and must not fail.
    listener = await open_listener(replace(MX, max_connections=1))
    with _files_no_larger_than(300_000):
        async with await _said_envelope(listener) as client:
            await client.send(LARGE)
            client.vanish()
        await listener.close()
    assert await _count(store) == 0
