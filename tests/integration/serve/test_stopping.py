"""Leases, stops and starts: nothing is lost, and nothing that was delivered is delivered again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from postseal.errors import ConnectError
from postseal.serve.data_directory import DataDirectoryInUse
from postseal.serve.listener import Patience
from postseal.serve.storage import Outcome, Store
from tests.integration.serve.delivering import NEVER, live, settled, submit
from tests.integration.serve.listening import IN_CLEAR, OpenListener, Rules
from tests.parts.certificates import ServerCertificate
from tests.parts.eventually import eventually
from tests.parts.house import house_settings, keep_house
from tests.parts.queue_view import read_deliveries
from tests.parts.raw_client import RawClient
from tests.parts.receiver import ReceivedMessage, Receiver


class SlowServer:
    """Takes a message whole, and gives its reply when it is told to."""

    def __init__(self) -> None:
        self.has_it = asyncio.Event()
        self.may_reply = asyncio.Event()

    async def __call__(self, _: ReceivedMessage) -> str:
        self.has_it.set()
        await self.may_reply.wait()
        return "250 2.0.0 taken at last"


async def test_a_lease_lasts_as_long_as_a_slow_server_takes(
    tmp_path: Path, certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowServer()
    ends: list[float] = []
    renew = Store.renew

    async def watched(
        store: Store, *, owner: str, delivery_ids: list[int], until: float
    ) -> set[int]:
        ends.append(until)
        return await renew(store, owner=owner, delivery_ids=delivery_ids, until=until)

    monkeypatch.setattr(Store, "renew", watched)
    async with (
        Receiver(certificate, on_message=slow) as receiver,
        keep_house(
            tmp_path,
            delivery=live(
                f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, lease_seconds=1
            ),
        ) as house,
    ):
        await submit(house)
        await slow.has_it.wait()
        # A third of the lease passes between two heartbeats: after four the first lease is over.
        await eventually(lambda: len(ends) >= 4, what="four heartbeats")
        assert ends == sorted(ends)
        (row,) = read_deliveries(house.data_directory)
        assert row.is_leased
        slow.may_reply.set()
        (row,) = await settled(house, "sent")
    assert len(row.attempts) == 1
    assert len(receiver.messages) == 1


async def test_who_lost_its_lease_breaks_off(
    tmp_path: Path, certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowServer()

    async def lost(_: Store, *, owner: str, delivery_ids: object, until: float) -> set[int]:
        return set()

    async with (
        Receiver(certificate, on_message=slow) as receiver,
        keep_house(
            tmp_path,
            delivery=live(
                f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, lease_seconds=1
            ),
        ) as house,
    ):
        monkeypatch.setattr(Store, "renew", lost)
        await submit(house)
        await slow.has_it.wait()
        # Cut off in the middle, the attempt is nobody's, and the lease that runs out gives the
        # delivery to whoever takes it next.
        await eventually(lambda: receiver.connections >= 2, what="a second attempt")
        slow.may_reply.set()
        monkeypatch.undo()
        (row,) = await settled(house, "sent")
    assert len(row.attempts) == 1


async def test_a_stop_breaks_off_and_gives_leases_back_and_a_start_delivers(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    slow = SlowServer()
    async with Receiver(certificate, on_message=slow) as receiver:
        delivery = live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, **NEVER)
        async with keep_house(tmp_path, delivery=delivery) as house:
            await submit(house)
            await slow.has_it.wait()
        (row,) = read_deliveries(house.data_directory)
        assert (row.state, row.is_leased, row.attempts) == ("queued", False, ())
        slow.may_reply.set()
        async with keep_house(tmp_path, delivery=delivery) as house:
            (row,) = await settled(house, "sent")
            assert row.reason == "taken at last"


async def test_a_stop_right_after_the_reply_still_records_it(
    tmp_path: Path, certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server has the message, and we know: to forget that would be to deliver it twice.
    reached, may_pass = asyncio.Event(), asyncio.Event()
    settle = Store.settle

    async def held(store: Store, outcomes: list[Outcome], *, owner: str) -> set[int]:
        reached.set()
        await may_pass.wait()
        return await settle(store, outcomes, owner=owner)

    async with Receiver(certificate) as receiver:
        delivery = live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file)
        async with keep_house(tmp_path, delivery=delivery) as house:
            monkeypatch.setattr(Store, "settle", held)
            await submit(house)
            await reached.wait()
            asyncio.get_running_loop().call_later(0.05, may_pass.set)
        (row,) = read_deliveries(house.data_directory)
        assert (row.state, row.is_leased) == ("sent", False)
        assert len(receiver.messages) == 1


async def test_what_a_dead_process_had_leased_is_delivered_at_once(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    async with Receiver(certificate) as receiver:
        delivery = live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file)
        settings = house_settings(tmp_path, delivery=delivery)
        async with keep_house(tmp_path, delivery={**delivery, "mode": "sandbox"}) as house:
            await submit(house)
        store = await Store.open(settings.data_directory / "postseal.db")
        # As a killed worker leaves it: leased for hours to somebody who is no more.
        _make_queued(settings.data_directory)
        (lease,) = await store.lease(owner="dead", until=4e9, limit=10)
        await store.close()
        assert read_deliveries(settings.data_directory)[0].is_leased
        async with keep_house(tmp_path, delivery=delivery) as house:
            (row,) = await settled(house, "sent")
            assert row.recipient == lease.recipient


def _make_queued(data_directory: Path) -> None:
    import sqlite3

    with contextlib.closing(sqlite3.connect(data_directory / "postseal.db")) as database, database:
        database.execute("UPDATE deliveries SET state = 'queued', next_attempt_at = 0")


# -- listeners ------------------------------------------------------------------------------------


async def test_a_listener_that_closes_says_so_to_who_waits(open_listener: OpenListener) -> None:
    listener = await open_listener(Rules(session=IN_CLEAR))
    async with await RawClient.connect(listener.port) as client:
        await client.hear()
        await client.ask("EHLO client.test")
        await listener.close()
        assert await client.rest() == b"421 4.3.2 closing the connection; try again later\r\n"
    with pytest.raises(OSError, match="Connect call failed"):
        await RawClient.connect(listener.port)


async def test_a_listener_that_closes_cuts_off_who_does_not_listen(
    open_listener: OpenListener,
) -> None:
    listener = await open_listener(
        replace(Rules(session=IN_CLEAR), patience=Patience(goodbye=0.05))
    )
    async with await RawClient.connect(listener.port) as client:
        await client.hear()
        await client.ask("EHLO client.test")
        await client.ask("MAIL FROM:<a@example.com>")
        await client.ask("RCPT TO:<b@example.org>")
        await client.ask("DATA")
        await client.send(b"Subject: half\r\n")
        await listener.close()
        assert (await client.rest()).startswith(b"421 ")


# -- the whole house ------------------------------------------------------------------------------


async def test_runtime_json_tells_where_it_listens_and_goes_with_the_platform(
    tmp_path: Path,
) -> None:
    async with keep_house(tmp_path) as house:
        runtime = house.data_directory / "runtime.json"
        told = json.loads(runtime.read_text())
        assert told["listeners"]["submission"] == {
            "address": "127.0.0.1",
            "port": house.port("submission"),
        }
        assert told["authority"] == str(house.ca_file)
        assert runtime.stat().st_mode & 0o777 == 0o600
    assert not runtime.exists()


async def test_a_second_platform_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    async with keep_house(tmp_path):
        with pytest.raises(DataDirectoryInUse):
            async with keep_house(tmp_path):
                pytest.fail("two would deliver everything twice")


@pytest.mark.parametrize("listener", ["submission", "submissions", "mx", "web"])
async def test_a_port_that_is_taken_ends_the_start_and_leaves_no_trace(
    tmp_path: Path, listener: str
) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    listeners = {name: {"port": 0} for name in ("submission", "submissions", "mx")}
    web = {"enabled": True, "port": port if listener == "web" else 0}
    if listener != "web":
        listeners[listener] = {"port": port}
    async with server:
        with pytest.raises(ConnectError, match=f"port {port}"):
            async with keep_house(tmp_path, listeners=listeners, web=web):
                pytest.fail("it listens where another does")
    assert not (tmp_path / "data" / "runtime.json").exists()
    # The next start finds everything free.
    async with keep_house(tmp_path):
        pass


async def test_listeners_can_be_switched_off(tmp_path: Path) -> None:
    listeners = {"mx": {"enabled": False}, "submissions": {"enabled": False}}
    settings = house_settings(tmp_path)
    assert settings.listeners.mx.enabled
    async with keep_house(tmp_path, listeners={"submission": {"port": 0}, **listeners}) as house:
        assert set(house.platform.listeners) == {"submission"}
