"""Retries come later and later, never beyond the lifetime, and never for ever."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import InvalidInput
from postseal.serve.schedule import RetrySchedule

DAY = 86_400.0


def times(schedule: RetrySchedule, *, draw: float = 0.5) -> list[float]:
    """When a message received at 0 is tried, if each attempt fails at once."""
    made = [0.0]
    while (
        following := schedule.next_attempt(
            attempts=len(made), received_at=0, now=made[-1], random=lambda: draw
        )
    ) is not None:
        made.append(following)
    return made


def test_the_defaults_try_often_at_first_and_then_hourly_for_five_days() -> None:
    made = times(RetrySchedule())
    assert [time / 60 for time in made[:9]] == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    assert made[-1] == 5 * DAY
    assert len(made) == 126


def test_the_last_attempt_is_at_the_end_of_the_lifetime() -> None:
    schedule = RetrySchedule(first=10, cap=100, lifetime=25, jitter=0)
    assert times(schedule) == [0, 10, 25]


@pytest.mark.parametrize(("draw", "expected"), [(0.0, 90.0), (0.5, 100.0), (0.999999999, 110.0)])
def test_jitter_moves_a_wait_both_ways(draw: float, expected: float) -> None:
    schedule = RetrySchedule(first=100, cap=1000, jitter=0.1)
    due = schedule.next_attempt(attempts=1, received_at=0, now=0, random=lambda: draw)
    assert due == pytest.approx(expected)


def test_a_clock_that_was_set_back_does_not_end_the_message() -> None:
    due = RetrySchedule().next_attempt(attempts=3, received_at=1000, now=900, random=lambda: 0.5)
    assert due == 900 + 240


schedules = st.builds(
    lambda first, more, factor, jitter, lifetime: RetrySchedule(
        first=first, cap=first + more, factor=factor, jitter=jitter, lifetime=lifetime
    ),
    first=st.floats(0.001, 1e5),
    more=st.floats(0, 1e6),
    factor=st.floats(1, 100),
    jitter=st.floats(0, 0.99),
    lifetime=st.floats(0.001, 1e7),
)


@given(
    schedule=schedules,
    attempts=st.integers(1, 10**9),
    age=st.floats(-1e6, 2e7),
    seed=st.integers(),
)
def test_an_attempt_is_ahead_and_within_the_lifetime_or_there_is_none(
    schedule: RetrySchedule, attempts: int, age: float, seed: int
) -> None:
    received_at = 1.8e9
    now = received_at + age
    due = schedule.next_attempt(
        attempts=attempts, received_at=received_at, now=now, random=random.Random(seed).random
    )
    gives_up_at = received_at + schedule.lifetime
    if now >= gives_up_at:
        assert due is None
    else:
        assert due is not None
        assert now <= due <= gives_up_at
        # A microsecond: what is left of the precision of a float at such a time.
        assert due <= now + schedule.cap * (1 + schedule.jitter) + 1e-6


@given(schedule=schedules, attempts=st.integers(1, 10**6))
def test_waits_do_not_shrink(schedule: RetrySchedule, attempts: int) -> None:
    earlier, later = (
        schedule.next_attempt(attempts=count, received_at=0, now=0, random=lambda: 0.5)
        for count in (attempts, attempts + 1)
    )
    assert earlier is not None
    assert later is not None
    assert earlier <= later


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": 0},
        {"first": -1},
        {"first": 10, "cap": 9},
        {"first": float("nan")},
        {"cap": float("inf")},
        {"factor": 0.5},
        {"factor": float("nan")},
        {"jitter": 1},
        {"jitter": -0.1},
        {"lifetime": 0},
        {"lifetime": float("inf")},
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        RetrySchedule(**wrong)


def test_a_retry_follows_an_attempt() -> None:
    with pytest.raises(InvalidInput, match="Count the failed one"):
        RetrySchedule().next_attempt(attempts=0, received_at=0, now=0, random=lambda: 0.5)
