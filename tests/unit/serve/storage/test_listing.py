"""The list of messages: newest first, page by page, by state and by search."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import InvalidInput
from postseal.serve.storage import DeliveryState, NewMessage, Outcome, Store, Summary
from postseal.serve.storage.listing import worst_state
from tests.unit.serve.storage.samples import RECEPTION, Clock, attempt, new_message

QUEUED, SENT, DEFERRED, FAILED, HELD = DeliveryState


async def settle_as(
    store: Store, clock: Clock, message: NewMessage, *states: DeliveryState
) -> None:
    """Store a message, and bring its deliveries into these states."""
    await store.accept(message)
    leases = await store.lease(owner="w", until=clock.now + 60, limit=100)
    await store.settle(
        [
            Outcome(
                delivery_id=lease.delivery_id,
                state=state,
                attempt=attempt(state),
                next_attempt_at=clock.now + 9e6 if state is DEFERRED else None,
            )
            for lease, state in zip(leases, states, strict=True)
            if state is not QUEUED
        ],
        owner="w",
    )
    # What stays queued stays leased, so that the next message is leased alone.


async def test_pages_join_without_gap_or_repetition(store: Store, clock: Clock) -> None:
    # Some arrive in the same instant: the id breaks the tie.
    for n in range(23):
        await store.accept(new_message(f"m{n:02}", received_at=clock.now + n // 4))
    seen = []
    cursor = None
    while page := await store.list_messages(before=cursor, limit=5):
        seen += [row.id for row in page]
        cursor = page[-1].cursor
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 23


async def test_a_row_has_what_the_list_shows(store: Store, clock: Clock) -> None:
    summary = Summary("Grüße", "Ada <ada@example.com>", "Bob <b@example.org>", "<1@example.com>")
    await store.accept(new_message("m", summary=summary, recipients=["b@x.org", "c@x.org"]))
    [row] = await store.list_messages()
    assert (row.id, row.received_at, row.size) == ("m", clock.now, 25)
    assert row.summary == summary
    assert (row.state, row.recipient_count) == (QUEUED, 2)
    assert row.reverse_path == "ada@example.com"


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        ([SENT, SENT], SENT),
        ([SENT, QUEUED], QUEUED),
        ([QUEUED, DEFERRED], DEFERRED),
        ([DEFERRED, FAILED, SENT], FAILED),
    ],
)
async def test_a_message_is_as_bad_as_its_worst_delivery(
    store: Store, clock: Clock, states: list[DeliveryState], worst: DeliveryState
) -> None:
    recipients = [f"r{n}@example.org" for n in range(len(states))]
    await settle_as(store, clock, new_message("m", recipients=recipients), *states)
    [row] = await store.list_messages()
    detail = await store.get_message("m")
    assert detail is not None
    assert row.state is detail.state is worst
    for state in DeliveryState:
        found = await store.list_messages(state=state)
        assert [each.id for each in found] == (["m"] if state is worst else [])
    assert await store.count_by_state() == {state: int(state is worst) for state in DeliveryState}


@given(st.lists(st.sampled_from(DeliveryState), min_size=1))
def test_the_worst_state_does_not_depend_on_order(states: list[DeliveryState]) -> None:
    assert worst_state(states) is worst_state(sorted(states)) in states
    # Sent as a whole means sent to everybody.
    assert (worst_state(states) is SENT) == (set(states) == {SENT})
    assert (worst_state(states) is FAILED) == (FAILED in states)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("INVOICE", ["a"]),
        ("carol@", ["b"]),
        ("ada@", ["a", "b"]),
        ("example.net", ["a"]),
        # Not patterns, but text.
        ("100%", ["a"]),
        ("_", []),
        ("%", ["a"]),
        ("\\", []),
        ("'; DROP TABLE messages; --", []),
        ("", ["a", "b"]),
    ],
)
async def test_search_looks_at_subject_and_addresses(
    store: Store, search: str, found: list[str]
) -> None:
    await store.accept(
        new_message("a", summary=Summary("Invoice, 100%"), recipients=["dave@example.net"])
    )
    await store.accept(
        new_message("b", summary=Summary("Hello", "Ada <ada@x>", "Carol <carol@example.org>"))
    )
    rows = await store.list_messages(search=search)
    assert sorted(row.id for row in rows) == found


async def test_filters_combine(store: Store, clock: Clock) -> None:
    for n, state in enumerate(itertools.islice(itertools.cycle([SENT, FAILED]), 10)):
        message = new_message(f"m{n}", received_at=clock.now - 10 + n, summary=Summary(f"no {n}"))
        await settle_as(store, clock, message, state)
    rows = await store.list_messages(state=FAILED, limit=2)
    assert [row.id for row in rows] == ["m9", "m7"]
    rows = await store.list_messages(state=FAILED, before=rows[-1].cursor, search="no")
    assert [row.id for row in rows] == ["m5", "m3", "m1"]


@pytest.mark.parametrize("limit", [0, -1, 501])
async def test_a_page_has_a_bounded_size(store: Store, limit: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 500"):
        await store.list_messages(limit=limit)


async def test_a_detail_has_the_reception_and_the_latest_attempts(
    store: Store, clock: Clock
) -> None:
    await store.accept(new_message("m"))
    for n in range(25):
        [mine] = await store.lease(owner="w", until=clock.now + 60, limit=1)
        outcome = Outcome(
            delivery_id=mine.delivery_id,
            state=DEFERRED,
            attempt=attempt(DEFERRED, text=f"try {n}"),
            next_attempt_at=clock.now + 1,
        )
        await store.settle([outcome], owner="w")
        clock.now += 1
    detail = await store.get_message("m")
    assert detail is not None
    assert detail.reception == RECEPTION
    [delivery] = detail.deliveries
    assert delivery.attempt_count == 25
    assert [each.text for each in delivery.attempts] == [f"try {n}" for n in range(5, 25)]
    assert delivery.attempts[0] == attempt(DEFERRED, text="try 5")


async def test_an_unknown_message_has_no_detail(store: Store) -> None:
    assert await store.get_message("unknown") is None
