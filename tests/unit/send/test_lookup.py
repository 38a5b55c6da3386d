"""Looking up names: whoever waits does so until the deadline, and literal addresses wait for none.

The system's own resolver, stuck for real, is in tests/integration/send/test_stuck_resolver.py.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv6Address

import pytest

from postseal import Envelope
from postseal.errors import ConnectError, Phase, TimedOut
from postseal.send import Timeouts
from postseal.send.networks import lookup
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.send.networks.lookup import Place
from tests.parts.ports import LOOPBACK
from tests.parts.waiting import wait_until
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import ADA, BOB

SOON = 0.1
NAME = "mail.example.org"


@dataclass(slots=True)
class Desk:
    """A resolver of the test's own: all names are at `address`, once the gate is open."""

    address: tuple[str, int] = (LOOPBACK, 0)
    gate: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    def look_up(self, host: str, port: int) -> tuple[Place, ...]:
        self.asked.append(host)
        if not self.gate.wait(60):
            raise TimeoutError("the test does not end")
        return (Place(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, self.address),)


@contextmanager
def silent() -> Iterator[Desk]:
    """A resolver that says nothing as long as the test runs."""
    desk = Desk()
    try:
        yield desk
    finally:
        desk.gate.set()
        wait_until(lambda: not lookups_under_way(), within=20, what="the end of the look-ups")


def lookups_under_way() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "postseal-lookup"]


async def _connect(world: World, desk: Desk, host: str, port: int, *, patience: float = 20) -> str:
    network = world.network(look_up=desk.look_up)
    stream = await network.connect(host, port, network.now() + patience)
    stream.close()
    return host


@in_each_world
def test_a_name_that_stays_unanswered_is_waited_for_until_the_deadline(world: World) -> None:
    started = time.monotonic()
    with silent() as desk, pytest.raises(TimedOut, match=f"the name '{NAME}' took") as late:
        # With it, the event loop comes to its end: it must not wait for the thread either.
        world.drive(_connect(world, desk, NAME, 25, patience=SOON))
    assert SOON <= time.monotonic() - started < 10
    assert late.value.phase is Phase.RESOLVE
    assert "resolv.conf" in (late.value.hint or "")


@in_each_world
@pytest.mark.parametrize("timeout", ["connect", "total"])
def test_a_mailer_does_not_wait_longer_for_a_name_than_it_may(world: World, timeout: str) -> None:
    started = time.monotonic()
    with silent() as desk, pytest.raises(TimedOut) as late:
        world.mail(
            f"smtp://{NAME}",
            lambda mailer: mailer.send_raw(Envelope(ADA, (BOB,)), [b"hello\r\n"]),
            network=world.network(look_up=desk.look_up),
            timeouts=Timeouts(**{timeout: SOON}),
        )
    assert time.monotonic() - started < 10
    assert (late.value.phase, late.value.host) == (Phase.RESOLVE, NAME)
    assert late.value.is_temporary


@in_each_world
@pytest.mark.parametrize("literal", [LOOPBACK, "::1"])
def test_an_address_is_not_looked_up(world: World, literal: str) -> None:
    family = socket.AF_INET6 if ":" in literal else socket.AF_INET
    with silent() as desk, socket.create_server((literal, 0), family=family) as server:
        world.drive(_connect(world, desk, literal, server.getsockname()[1]))
    assert desk.asked == []


async def test_many_who_ask_for_a_name_at_once_ask_together() -> None:
    with silent() as desk, socket.create_server((LOOPBACK, 0)) as server:
        desk.address = server.getsockname()
        network = World.ASYNCIO.network(look_up=desk.look_up)
        connecting = [
            asyncio.create_task(network.connect(NAME, 25, network.now() + 20)) for _ in range(20)
        ]
        await asyncio.sleep(0)
        assert len(lookups_under_way()) == 1
        # One who does not wait any longer takes it from nobody.
        connecting[0].cancel()
        desk.gate.set()
        for stream in await asyncio.gather(*connecting[1:]):
            stream.close()
    assert desk.asked == [NAME]


def test_whoever_asks_after_somebody_waited_in_vain_asks_anew() -> None:
    with silent() as stuck, socket.create_server((LOOPBACK, 0)) as server:
        well = Desk(server.getsockname())
        well.gate.set()
        answering = iter((stuck, well))
        network = BlockingNetwork(look_up=lambda *name: next(answering).look_up(*name))
        with pytest.raises(TimedOut):
            run(network.connect(NAME, 25, network.now() + SOON))
        run(network.connect(NAME, 25, network.now() + 20)).close()


def test_no_more_threads_are_left_behind_than_a_process_bears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookup, "_MAX_THREADS", 2)
    with silent() as desk:
        network = BlockingNetwork(look_up=desk.look_up)
        for number in range(2):
            with pytest.raises(TimedOut):
                run(network.connect(f"mail{number}.example.org", 25, network.now()))
        with pytest.raises(ConnectError, match="2 other look-ups are under way") as refused:
            run(network.connect(NAME, 25, network.now() + 20))
    assert refused.value.phase is Phase.RESOLVE


def test_a_thread_that_cannot_be_started_is_an_error_of_resolving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    desk = Desk()
    network = BlockingNetwork(look_up=desk.look_up)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", full)
        with pytest.raises(ConnectError, match="can't start new thread") as refused:
            run(network.connect(NAME, 25, network.now() + 20))
    assert refused.value.phase is Phase.RESOLVE
    assert desk.asked == []


def test_after_a_fork_nobody_waits_for_the_parents_thread() -> None:
    with silent() as stuck, socket.create_server((LOOPBACK, 0)) as server:
        well = Desk(server.getsockname())
        well.gate.set()
        answering = iter((stuck, well))
        network = BlockingNetwork(look_up=lambda *name: next(answering).look_up(*name))
        connect = partial(network.connect, NAME, 25, network.now() + 20)
        waiting = threading.Thread(target=lambda: run(connect()).close())
        waiting.start()
        wait_until(lambda: stuck.asked, within=20, what="the first look-up")
        with warnings.catch_warnings():
            # Newer Pythons warn of forks beside threads, which is what this is about.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:  # pragma: no cover
            code = 1
            try:
                run(connect()).close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        stuck.address = server.getsockname()
        stuck.gate.set()
        waiting.join(20)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (("192.0.2.1", 25), "192.0.2.1"),
        (("2001:db8::1", 25, 0, 0), "2001:db8::1"),
        (("fe80::1", 25, 0, 2), "fe80::1%2"),
    ],
)
def test_an_address_of_a_link_keeps_its_scope(address: tuple[str, int], host: str) -> None:
    place = Place(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, address)
    assert (place.host, place.port) == (host, 25)


async def _found(*addresses: IPv4Address | IPv6Address) -> list[str]:
    async def never(_: object) -> tuple[Place, ...]:
        raise AssertionError("a name was looked up")

    found = await lookup.Lookups().find(NAME, 25, addresses, never)
    return [place.host for place in found]


async def test_addresses_that_are_given_need_no_name_and_begin_with_ipv6() -> None:
    v4, v6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")
    assert await _found(v4, v6) == ["2001:db8::1", "192.0.2.1"]
