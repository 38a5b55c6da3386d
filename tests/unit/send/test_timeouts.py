"""How long things may take: never nothing, never for ever, and for relays what the RFC says."""

from __future__ import annotations

import pytest

from postseal import Timeouts
from postseal.errors import InvalidSetting, Phase


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 86401])
@pytest.mark.parametrize("name", ["connect", "command", "total"])
def test_a_timeout_is_neither_nothing_nor_for_ever(name: str, seconds: float) -> None:
    # Beyond 24 days poll(2) would wait for a wrong time.
    with pytest.raises(InvalidSetting, match=f"the timeout {name} must be"):
        Timeouts(**{name: seconds})


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 86401])
def test_a_whole_is_neither_nothing_nor_for_ever(seconds: float) -> None:
    with pytest.raises(InvalidSetting, match="the timeout total must be"):
        Timeouts.within(seconds)


def test_a_shorter_whole_leaves_the_steps_as_they_are() -> None:
    # A server may need most of it for one of them.
    assert Timeouts.within(5) == Timeouts(total=5)
    assert Timeouts.within(Timeouts().total) == Timeouts()


def test_a_longer_whole_makes_the_steps_longer() -> None:
    timeouts = Timeouts.within(3600)
    assert timeouts.total == 3600
    assert timeouts.of(Phase.GREETING) == 6 * Timeouts().greeting
    assert timeouts.of(Phase.BODY) == 6 * Timeouts().end_of_data
    assert timeouts.connect == 6 * Timeouts().connect
    assert Timeouts.within(86_400).total == 86_400


def test_relays_wait_as_long_as_RFC_5321_asks() -> None:
    timeouts = Timeouts.for_relays()
    assert timeouts.of(Phase.GREETING) == 300
    assert timeouts.of(Phase.MAIL) >= 300
    assert timeouts.of(Phase.RCPT) >= 300
    assert timeouts.of(Phase.DATA) >= 120
    assert timeouts.body_block >= 180
    assert timeouts.of(Phase.BODY) >= 600
