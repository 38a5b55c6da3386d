"""The worker when something around it fails: no message is lost over it, and none stops others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from postseal.dns import MX, Answer, Resolver
from postseal.send.mx.destinations import Destinations
from postseal.send.networks.aio import AsyncioNetwork
from postseal.serve.settings import Settings
from postseal.serve.storage import Lease, Outcome, StorageError, Store
from postseal.serve.worker import Worker
from postseal.testing import MemoryResolver
from tests.parts.eventually import eventually
from tests.parts.queue_view import DeliveryRow, read_deliveries
from tests.parts.receiver import Receiver
from tests.parts.routers import make_experience, make_router
from tests.unit.serve.storage.samples import Clock, new_message

START = 1_800_000_000.0


def _settings(port: int, **delivery: object) -> Settings:
    routes = {"example.org": f"smtp+insecure://127.0.0.1:{port}"}
    return Settings.load(overrides={"delivery": {"mode": "live", "routes": routes, **delivery}})


@asynccontextmanager
async def working(
    store: Store,
    settings: Settings,
    *,
    clock: Callable[[], float],
    resolver: Resolver | None = None,
) -> AsyncIterator[Worker]:
    """Run a worker on a store whose clock is the test's."""
    worker = Worker(
        store,
        make_router(settings, resolver or MemoryResolver()),
        Destinations(AsyncioNetwork()),
        make_experience(),
        settings.delivery,
        clock=clock,
        jitter=lambda: 0.5,
    )
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
async def queue(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "postseal.db", clock=clock)
    yield store
    await store.close()


def _row(directory: Path, state: str) -> DeliveryRow | None:
    (row,) = read_deliveries(directory)
    return row if row.state == state and not row.is_leased else None


async def test_a_deferral_is_tried_again_when_it_is_due_and_not_before(
    queue: Store, clock: Clock, tmp_path: Path
) -> None:
    replies = iter(["450 4.2.1 later"])
    async with Receiver(on_recipient=lambda _: next(replies, "250 OK")) as receiver:
        settings = _settings(receiver.port)
        async with working(queue, settings, clock=clock):
            await queue.accept(new_message())
            await eventually(lambda: _row(tmp_path, "deferred"), what="a deferral")
            # The first wait is a minute, without jitter in this test.
            assert await queue.next_due() == START + 60
            clock.now = START + 59.9
            await queue.accept(new_message(recipients=["other@example.org"]))
            await eventually(lambda: len(receiver.messages) == 1, what="the other message")
            assert receiver.messages[0].recipients == ("other@example.org",)
            clock.now = START + 60
            await queue.accept(new_message(recipients=["third@example.org"]))
            await eventually(lambda: len(receiver.messages) == 3, what="the retry")


async def test_a_defect_defers_one_message_and_the_next_is_sent(
    queue: Store, clock: Clock, tmp_path: Path
) -> None:
    class Broken(MemoryResolver):
        async def mx(self, domain: str) -> Answer[MX]:
            raise ZeroDivisionError

    async with Receiver() as receiver:
        settings = _settings(receiver.port)
        with capture_logs() as logs:
            async with working(queue, settings, clock=clock, resolver=Broken()):
                await queue.accept(new_message(recipients=["a@broken.example"]))
                await queue.accept(new_message(recipients=["b@example.org"]))
                await eventually(lambda: receiver.messages, what="the other message")

                def is_deferred() -> DeliveryRow | None:
                    rows = {row.recipient: row for row in read_deliveries(tmp_path)}
                    row = rows["a@broken.example"]
                    return row if row.state == "deferred" else None

                row = await eventually(is_deferred, what="a deferral")
        assert row.reason == "This is a defect of Postseal; the log has its traceback."
        assert "a delivery failed by a defect of ours" in [log["event"] for log in logs]


async def test_a_queue_that_cannot_be_read_is_read_again(
    queue: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postseal.serve.worker._AFTER_FAILURE", 0.01)
    lease, failures = Store.lease, iter([StorageError("locked"), StorageError("locked")])

    async def unreliable(store: Store, *, owner: str, until: float, limit: int) -> list[Lease]:
        for failure in failures:
            raise failure
        return await lease(store, owner=owner, until=until, limit=limit)

    monkeypatch.setattr(Store, "lease", unreliable)
    async with Receiver() as receiver:
        with capture_logs() as logs:
            async with working(queue, _settings(receiver.port), clock=clock):
                await queue.accept(new_message())
                await eventually(lambda: receiver.messages, what="the message")
        assert [log["event"] for log in logs].count("the queue cannot be read") == 2


async def test_an_outcome_that_cannot_be_recorded_is_tried_again_when_the_lease_is_over(
    queue: Store, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, failures = Store.settle, iter([StorageError("disk full")])

    async def unreliable(store: Store, outcomes: list[Outcome], *, owner: str) -> set[int]:
        for failure in failures:
            raise failure
        return await settle(store, outcomes, owner=owner)

    monkeypatch.setattr(Store, "settle", unreliable)
    async with Receiver() as receiver:
        settings = _settings(receiver.port)
        with capture_logs() as logs:
            async with working(queue, settings, clock=clock):
                await queue.accept(new_message())
                await eventually(
                    lambda: any("could not be recorded" in log["event"] for log in logs),
                    what="the failure",
                )
                assert read_deliveries(tmp_path)[0].state == "queued"
                clock.now += settings.delivery.lease_seconds
                await queue.accept(new_message(recipients=["wakes@example.org"]))
                # Twice is the price of never losing it.
                await eventually(lambda: len(receiver.messages) == 3, what="a second delivery")


async def test_a_heartbeat_that_fails_is_made_again(
    queue: Store, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, failures = Store.renew, iter([StorageError("locked")])
    renewed = asyncio.Event()

    async def unreliable(
        store: Store, *, owner: str, delivery_ids: list[int], until: float
    ) -> set[int]:
        for failure in failures:
            raise failure
        ours = await renew(store, owner=owner, delivery_ids=delivery_ids, until=until)
        renewed.set()
        return ours

    async def wait_for_heartbeat(_: object) -> str:
        await renewed.wait()
        return "250 OK"

    monkeypatch.setattr(Store, "renew", unreliable)
    async with Receiver(on_message=wait_for_heartbeat) as receiver:
        async with working(queue, _settings(receiver.port, lease_seconds=1), clock=clock):
            await queue.accept(new_message())
            await eventually(lambda: _row(tmp_path, "sent"), what="the delivery")
        assert len(receiver.messages) == 1


async def test_no_more_deliveries_run_at_once_than_allowed(
    queue: Store, clock: Clock, tmp_path: Path
) -> None:
    running = most = 0

    async def count(_: object) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return "250 OK"

    async with (
        Receiver(on_message=count) as receiver,
        working(queue, _settings(receiver.port, concurrency=3), clock=clock),
    ):
        await asyncio.gather(*(queue.accept(new_message()) for _ in range(12)))
        await eventually(
            lambda: {row.state for row in read_deliveries(tmp_path)} == {"sent"}, what="all of them"
        )
    assert most == 3


async def test_what_idles_is_closed_and_forgotten(
    queue: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postseal.serve.worker._SWEEP_SECONDS", 0.01)
    async with Receiver() as receiver, working(queue, _settings(receiver.port), clock=clock):
        await queue.accept(new_message())
        await eventually(lambda: receiver.messages, what="the first")
        # One that is fresh is used again, however often is swept.
        await queue.accept(new_message())
        await eventually(lambda: len(receiver.messages) == 2, what="the second")
        assert receiver.connections == 1
        monkeypatch.setattr("postseal.send.pool.Pool._is_stale", lambda *_: True)
        await eventually(lambda: receiver.goodbyes == 1, what="a goodbye")
        await queue.accept(new_message())
        await eventually(lambda: len(receiver.messages) == 3, what="the third")
        assert receiver.connections == 2
