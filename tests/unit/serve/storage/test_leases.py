"""A delivery has one lessee at a time, and only the lessee says what became of it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from postseal.errors import InvalidInput
from postseal.serve.storage import DeliveryState, Lease, Outcome, Store
from tests.unit.serve.storage.samples import Clock, attempt, new_message

SENT, DEFERRED, FAILED = DeliveryState.SENT, DeliveryState.DEFERRED, DeliveryState.FAILED


def outcome_of(
    lease: Lease, state: DeliveryState = SENT, *, next_attempt_at: float | None = None
) -> Outcome:
    return Outcome(
        delivery_id=lease.delivery_id,
        state=state,
        attempt=attempt(state),
        next_attempt_at=next_attempt_at,
        reason="because",
    )


async def lease(store: Store, clock: Clock, owner: str = "a", limit: int = 100) -> list[Lease]:
    return await store.lease(owner=owner, until=clock.now + 60, limit=limit)


async def test_a_lease_says_what_a_worker_needs(store: Store, clock: Clock) -> None:
    await store.accept(new_message("m", recipients=["bob@example.org"]))
    assert await lease(store, clock) == [
        Lease(
            delivery_id=1,
            message_id="m",
            recipient="bob@example.org",
            domain="example.org",
            reverse_path="ada@example.com",
            attempts=0,
            received_at=clock.now,
            size=25,
            listener="submission",
        )
    ]


async def test_two_owners_never_hold_the_same_delivery(store: Store, clock: Clock) -> None:
    await store.accept(new_message(recipients=[f"r{n}@example.org" for n in range(100)]))
    taken = await asyncio.gather(*(lease(store, clock, f"owner-{n}", limit=9) for n in range(20)))
    ids = [each.delivery_id for leases in taken for each in leases]
    assert len(ids) == 100
    assert len(set(ids)) == 100
    assert max(len(leases) for leases in taken) == 9


async def test_two_processes_never_hold_the_same_delivery(
    store: Store, clock: Clock, path: Path
) -> None:
    await store.accept(new_message(recipients=[f"r{n}@example.org" for n in range(100)]))
    other = await Store.open(path, clock=clock)
    taken = await asyncio.gather(
        *(lease(each, clock, f"{n}", limit=7) for n in range(10) for each in (store, other))
    )
    await other.close()
    ids = [each.delivery_id for leases in taken for each in leases]
    assert sorted(ids) == list(range(1, 101))


async def test_the_longest_due_go_first_and_what_is_not_due_stays(
    store: Store, clock: Clock
) -> None:
    for message_id, age in (("young", 10), ("old", 100), ("future", -1), ("middle", 50)):
        await store.accept(new_message(message_id, received_at=clock.now - age))
    assert [each.message_id for each in await lease(store, clock)] == ["old", "middle", "young"]


async def test_held_mail_is_not_leased(store: Store, clock: Clock) -> None:
    await store.accept(new_message(state=DeliveryState.HELD))
    assert await lease(store, clock) == []
    assert await store.next_due() is None
    assert not await store.wait_for_mail(timeout=0)


async def test_an_expired_lease_returns_to_the_queue(store: Store, clock: Clock) -> None:
    await store.accept(new_message())
    [mine] = await lease(store, clock, "a")
    clock.now += 59
    assert await lease(store, clock, "b") == []
    clock.now += 1
    [theirs] = await lease(store, clock, "b")
    assert theirs == mine


async def test_only_ones_own_leases_are_renewed(store: Store, clock: Clock) -> None:
    await store.accept(new_message(recipients=["a@example.org", "b@example.org"]))
    [first] = await lease(store, clock, "a", limit=1)
    [second] = await lease(store, clock, "b", limit=1)
    clock.now += 50
    ids = [first.delivery_id, second.delivery_id, 999]
    assert await store.renew(owner="a", delivery_ids=ids, until=clock.now + 60) == {
        first.delivery_id
    }
    clock.now += 20
    # The second has run out, the renewed first has not.
    assert await lease(store, clock, "c") == [second]


async def test_an_outcome_is_recorded_and_ends_the_lease(store: Store, clock: Clock) -> None:
    await store.accept(new_message("m"))
    [mine] = await lease(store, clock)
    clock.now += 5
    assert await store.settle([outcome_of(mine)], owner="a") == set()
    detail = await store.get_message("m")
    assert detail is not None
    [delivery] = detail.deliveries
    assert delivery.state is SENT
    assert delivery.attempt_count == 1
    assert delivery.next_attempt_at is None
    assert delivery.updated_at == clock.now
    assert delivery.reason == "because"
    assert delivery.attempts == (attempt(SENT),)
    clock.now += 1000
    assert await lease(store, clock) == []
    assert await store.release_all() == 0


async def test_a_deferred_delivery_comes_again_when_it_is_due(store: Store, clock: Clock) -> None:
    await store.accept(new_message("m"))
    [mine] = await lease(store, clock)
    due = clock.now + 300
    await store.settle([outcome_of(mine, DEFERRED, next_attempt_at=due)], owner="a")
    assert await store.next_due() == due
    assert await lease(store, clock) == []
    clock.now = due
    [again] = await lease(store, clock)
    assert again.attempts == 1
    await store.settle([outcome_of(again, FAILED)], owner="a")
    detail = await store.get_message("m")
    assert detail is not None
    assert [each.outcome for each in detail.deliveries[0].attempts] == [DEFERRED, FAILED]


async def test_who_lost_the_lease_settles_nothing_and_learns_it(store: Store, clock: Clock) -> None:
    await store.accept(new_message("m", recipients=["a@example.org", "b@example.org"]))
    lost, kept = await lease(store, clock, "a")
    clock.now += 60
    assert await store.renew(owner="a", delivery_ids=[kept.delivery_id], until=clock.now + 60) == {
        kept.delivery_id
    }
    assert await lease(store, clock, "b") == [lost]
    assert await store.settle([outcome_of(lost, FAILED), outcome_of(kept)], owner="a") == {
        lost.delivery_id
    }
    detail = await store.get_message("m")
    assert detail is not None
    first, second = detail.deliveries
    assert (first.state, first.attempts) == (DeliveryState.QUEUED, ())
    assert second.state is SENT
    # The new holder is not disturbed.
    assert await store.settle([outcome_of(lost)], owner="b") == set()


async def test_an_expired_lease_that_nobody_took_can_still_be_settled(
    store: Store, clock: Clock
) -> None:
    await store.accept(new_message())
    [mine] = await lease(store, clock)
    clock.now += 3600
    assert await store.settle([outcome_of(mine)], owner="a") == set()


async def test_a_delivery_is_settled_once(store: Store, clock: Clock) -> None:
    await store.accept(new_message("m"))
    [mine] = await lease(store, clock)
    results = await asyncio.gather(*(store.settle([outcome_of(mine)], owner="a") for _ in range(3)))
    assert sorted(map(len, results)) == [0, 1, 1]
    detail = await store.get_message("m")
    assert detail is not None
    assert detail.deliveries[0].attempt_count == len(detail.deliveries[0].attempts) == 1


async def test_settling_nothing_or_the_unknown_changes_nothing(store: Store, clock: Clock) -> None:
    await store.accept(new_message())
    [mine] = await lease(store, clock)
    unknown = Outcome(delivery_id=12345, state=SENT, attempt=attempt())
    assert await store.settle([], owner="a") == set()
    assert await store.settle([unknown], owner="a") == {12345}
    assert await store.settle([outcome_of(mine)], owner="a") == set()


async def test_a_clean_stop_gives_back_ones_own(store: Store, clock: Clock) -> None:
    await store.accept(new_message(recipients=[f"r{n}@example.org" for n in range(5)]))
    await lease(store, clock, "a", limit=3)
    await lease(store, clock, "b", limit=2)
    assert await store.release(owner="a") == 3
    assert len(await lease(store, clock, "c")) == 3
    assert await store.release_all() == 5
    assert len(await lease(store, clock, "d")) == 5


async def test_the_next_due_time_is_when_a_lease_will_find_something(
    store: Store, clock: Clock
) -> None:
    assert await store.next_due() is None
    await store.accept(new_message(received_at=clock.now + 500))
    await store.accept(new_message(received_at=clock.now - 5))
    assert await store.next_due() == clock.now - 5
    await store.lease(owner="a", until=clock.now + 60, limit=10)
    # The leased one may come back when its lease ends, before the other is due.
    assert await store.next_due() == clock.now + 60
    await store.renew(owner="a", delivery_ids=[2], until=clock.now + 900)
    assert await store.next_due() == clock.now + 500


async def test_new_mail_wakes_who_waits(store: Store, clock: Clock) -> None:
    assert not await store.wait_for_mail(timeout=0)
    waiting = asyncio.create_task(store.wait_for_mail(timeout=60))
    await asyncio.sleep(0)
    await store.accept(new_message())
    assert await waiting
    # What came while nobody waited is not missed, and is told once.
    await store.accept(new_message())
    assert await store.wait_for_mail(timeout=0.01)
    assert not await store.wait_for_mail(timeout=0)
    await lease(store, clock)
    assert not await store.wait_for_mail(timeout=0)
    await store.release(owner="a")
    assert await store.wait_for_mail(timeout=0.01)


@pytest.mark.parametrize(
    ("state", "next_attempt_at", "complaint"),
    [
        (DeliveryState.HELD, None, "cannot be settled as held"),
        (DEFERRED, None, "only for deferred"),
        (SENT, 5.0, "only for deferred"),
        (FAILED, 5.0, "only for deferred"),
    ],
)
def test_an_outcome_makes_sense(
    state: DeliveryState, next_attempt_at: float | None, complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        Outcome(delivery_id=1, state=state, attempt=attempt(), next_attempt_at=next_attempt_at)


def test_an_attempt_ends_as_sent_deferred_or_failed() -> None:
    with pytest.raises(InvalidInput, match="cannot end as queued"):
        attempt(DeliveryState.QUEUED)


async def test_leasing_walks_the_queue_and_not_the_history(store: Store, path: Path) -> None:
    connection = sqlite3.connect(path)
    plan = " ".join(
        row[3]
        for row in connection.execute(
            "EXPLAIN QUERY PLAN SELECT deliveries.id, messages.size FROM deliveries"
            " JOIN messages ON messages.id = deliveries.message_id"
            " WHERE next_attempt_at <= 5 AND (lease_owner IS NULL OR lease_until <= 5)"
            " ORDER BY next_attempt_at, deliveries.id LIMIT 10"
        )
    )
    connection.close()
    assert "USING INDEX ix_deliveries_next_attempt_at (next_attempt_at<?)" in plan
    assert "TEMP B-TREE" not in plan
