"""Several addresses of one host: their order, and the race between them (RFC 8305)."""

from __future__ import annotations

import asyncio
from functools import partial
from ipaddress import IPv4Address

import pytest

from postseal.errors import ConnectError, Phase
from postseal.send.networks.happy_eyeballs import in_turn
from postseal.send.networks.lookup import ask_system
from postseal.send.networks.racing import race
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.worlds import World, in_each_world


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ([], []),
        (["192.0.2.1"], ["192.0.2.1"]),
        (["192.0.2.1", "2001:db8::1"], ["192.0.2.1", "2001:db8::1"]),
        (
            ["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"],
            ["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"],
        ),
        (
            ["2001:db8::1", "2001:db8::2", "192.0.2.1"],
            ["2001:db8::1", "192.0.2.1", "2001:db8::2"],
        ),
    ],
)
def test_the_families_take_turns_from_the_best_address_on(
    given: list[str], order: list[str]
) -> None:
    places = in_turn(place for one in given for place in ask_system(one, 25))
    assert [place.host for place in places] == order


class Attempts:
    """Attempts whose ends are up to the test."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.has_begun = asyncio.Event()
        self.cancelled: list[str] = []
        self.discarded: list[str] = []

    async def never(self, name: str) -> str:
        self.begun.append(name)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        return name

    async def stubborn(self, name: str) -> str:
        self.begun.append(name)
        self.has_begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return name
        return name

    async def wins(self, name: str) -> str:
        self.begun.append(name)
        return name

    async def fails(self, name: str) -> str:
        self.begun.append(name)
        raise OSError(name)


async def test_the_first_that_succeeds_wins_and_the_others_are_not_begun() -> None:
    made = Attempts()
    attempts = [partial(made.fails, "a"), partial(made.wins, "b"), partial(made.wins, "c")]
    assert await race(attempts, discard=made.discarded.append) == "b"
    assert made.begun == ["a", "b"]


async def test_one_that_hangs_is_overtaken() -> None:
    made = Attempts()
    attempts = [partial(made.never, "a"), partial(made.stubborn, "b"), partial(made.wins, "c")]
    assert await race(attempts, discard=made.discarded.append) == "c"
    assert made.cancelled == ["a"]
    assert made.discarded == ["b"]


async def test_where_all_fail_the_first_says_why() -> None:
    made = Attempts()
    with pytest.raises(OSError, match="a"):
        await race([partial(made.fails, "a"), partial(made.fails, "b")], discard=print)
    with pytest.raises(ValueError, match="without anybody"):
        await race([], discard=print)


async def test_who_is_cancelled_leaves_nothing_running() -> None:
    made = Attempts()
    task = asyncio.create_task(
        race([partial(made.stubborn, "a"), partial(made.never, "b")], discard=made.discarded.append)
    )
    await made.has_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert made.discarded == ["a"]


def _greet(talk: Talk) -> None:
    talk.say("220 here")


@in_each_world
def test_the_addresses_given_are_connected_to_and_no_name_is_looked_up(world: World) -> None:
    async def connect(port: int) -> bytes:
        network = world.network()
        deadline = network.now() + 20
        # Nobody listens on the first; the name exists nowhere.
        addresses = (IPv4Address("127.0.0.9"), IPv4Address(LOOPBACK))
        stream = await network.connect("mx.invalid", port, deadline, addresses=addresses)
        assert stream.peer_address == LOOPBACK
        heard = await stream.read(deadline)
        stream.close()
        return heard

    with HostileServer(_greet) as server:
        assert world.drive(connect(server.port)).startswith(b"220 here")


@in_each_world
def test_addresses_at_which_nobody_listens_are_an_error_of_the_host(world: World) -> None:
    async def connect(port: int) -> None:
        network = world.network()
        addresses = (IPv4Address("127.0.0.9"), IPv4Address(LOOPBACK))
        await network.connect("mx.invalid", port, network.now() + 20, addresses=addresses)

    with ReservedPort() as port, pytest.raises(ConnectError) as refused:
        world.drive(connect(port.number))
    assert refused.value.phase is Phase.CONNECT
    assert "mx.invalid cannot be reached" in refused.value.text
