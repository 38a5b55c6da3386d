from __future__ import annotations

import pytest

from postseal.serve.web.throttle import Throttle, client_network


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_and_then_one_at_a_time(clock: Clock) -> None:
    throttle = Throttle(burst=3, seconds_each=10, clock=clock)
    assert [throttle.take("a") for _ in range(4)] == [0, 0, 0, 10]
    clock.now += 4
    assert throttle.take("a") == pytest.approx(6)
    clock.now += 6
    assert throttle.take("a") == 0
    assert throttle.take("a") == pytest.approx(10)


def test_keys_do_not_know_of_each_other(clock: Clock) -> None:
    throttle = Throttle(burst=1, seconds_each=10, clock=clock)
    assert throttle.take("a") == 0
    assert throttle.take("b") == 0
    assert throttle.take("a") > 0


def test_a_success_gives_the_tries_back(clock: Clock) -> None:
    throttle = Throttle(burst=1, seconds_each=10, clock=clock)
    throttle.take("a")
    throttle.forgive("a")
    assert throttle.take("a") == 0
    throttle.forgive("never seen")


def test_no_more_than_the_burst_is_saved_up(clock: Clock) -> None:
    throttle = Throttle(burst=2, seconds_each=10, clock=clock)
    throttle.take("a")
    clock.now += 1e6
    assert [throttle.take("a") for _ in range(3)] == [0, 0, 10]


def test_a_clock_set_back_gives_nothing_and_locks_nobody_out(clock: Clock) -> None:
    throttle = Throttle(burst=1, seconds_each=10, clock=clock)
    throttle.take("a")
    clock.now -= 500
    assert throttle.take("a") == pytest.approx(10)
    clock.now += 10
    assert throttle.take("a") == 0


def test_the_table_is_bounded_and_forgets_the_oldest(clock: Clock) -> None:
    throttle = Throttle(burst=1, seconds_each=10, clock=clock, capacity=100)
    for number in range(1000):
        throttle.take(str(number))
        throttle.take("kept in use")
    assert len(throttle) == 100
    assert throttle.take("kept in use") > 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_a_client_is_told_by_its_network(address: str, network: str) -> None:
    assert client_network(address) == network
