"""Rates: messages begin no faster than they may, on the whole and on each connection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from postseal import Envelope
from postseal.errors import InvalidSetting, TimedOut
from postseal.send import Outgoing, PoolOptions, Rate, Timeouts
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.send.rates import Pace
from postseal.testing import MemoryNetwork
from tests.parts.worlds import AnyMailer, World, in_each_world
from tests.unit.send.dialogues import ADA, BOB, PIPELINING

URL = "smtp+insecure://mail.example.org"
SAID = "C: MAIL FROM:<ada@example.com>\nC: RCPT TO:<bob@example.org>\nC: DATA\n"
GO, END = "S: 250 ok\nS: 250 ok\nS: 354 go\n", "C: x\nC: .\n"
QUIT = "C: QUIT\nS: 221 bye\n"


def many(number: int) -> list[Outgoing]:
    return [Outgoing(envelope=Envelope(ADA, (BOB,)), content=[b"x\r\n"]) for _ in range(number)]


async def send_three(mailer: AnyMailer) -> int:
    return len([sent.result() async for sent in mailer.send_many(many(3))])


@in_each_world
@pytest.mark.parametrize("rate", [Rate(per_second=2), Rate(per_connection=2)], ids=str)
def test_messages_keep_their_distance(world: World, rate: Rate) -> None:
    # None rides behind another: it would be begun before its time.
    network = MemoryNetwork(PIPELINING + (SAID + GO + END + "S: 250 ok\n") * 3 + QUIT)
    options = PoolOptions(max_connections=1)
    assert world.mail(URL, send_three, network=network, rate=rate, pool=options) == 3
    assert network.now() == 1.0
    network.check_played()


@in_each_world
def test_a_burst_is_not_held_up(world: World) -> None:
    flight = END + SAID + "S: 250 ok\n" + GO
    network = MemoryNetwork(PIPELINING + SAID + GO + flight * 2 + END + "S: 250 ok\n" + QUIT)
    rate, options = Rate(per_second=1, burst=3), PoolOptions(max_connections=1)
    assert world.mail(URL, send_three, network=network, rate=rate, pool=options) == 3
    assert network.now() == 0
    network.check_played()


@in_each_world
def test_what_would_begin_behind_its_deadline_does_not_wait_for_it(world: World) -> None:
    network = MemoryNetwork(PIPELINING + SAID + GO + END + "S: 250 ok\n" + QUIT)

    async def use(mailer: AnyMailer) -> list[object]:
        return [sent.error async for sent in mailer.send_many(many(2))]

    first, second = world.mail(
        URL,
        use,
        network=network,
        rate=Rate(per_second=0.001),
        timeouts=Timeouts(total=60),
        pool=PoolOptions(max_connections=1),
    )
    assert first is None
    assert isinstance(second, TimedOut)
    assert second.hint is not None
    assert network.now() == 0


def test_threads_share_one_pace() -> None:
    network = BlockingNetwork()
    pace = Pace(network, 200.0)
    started = network.now()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: run(pace.take(deadline=started + 60)), range(21)))
    assert 0.1 <= network.now() - started < 5


def test_without_a_rate_nothing_waits() -> None:
    network = MemoryNetwork()
    pace = Pace(network, None)
    assert pace.is_free()
    run(pace.take(deadline=0))
    assert network.now() == 0


@pytest.mark.parametrize("wrong", [{"per_second": 0}, {"per_connection": -1}, {"burst": 0}])
def test_rates_without_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidSetting):
        Rate(**wrong)
