"""What the pages show: lists and details of messages, and the one rule for a message's state.

A message has a state for each recipient; as a whole it has the worst of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    case,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from postseal.errors import InvalidInput
from postseal.serve.storage.schema import attempts, deliveries, messages
from postseal.serve.storage.values import (
    Attempt,
    Cursor,
    Delivery,
    DeliveryState,
    MessageDetail,
    MessageRow,
    Reception,
    Summary,
)
from postseal.tls.requiretls import TLSRequirement

__all__ = ["count_by_state", "get_message", "list_messages", "worst_state"]

_MAX_PAGE: Final = 500
# The latest attempts of each delivery that a detail holds.
_MAX_ATTEMPTS: Final = 20

_WORST_FIRST: Final = (
    DeliveryState.FAILED,
    DeliveryState.DEFERRED,
    DeliveryState.HELD,
    DeliveryState.QUEUED,
    DeliveryState.SENT,
)
_RANKS: Final = {state: rank for rank, state in enumerate(_WORST_FIRST)}


def worst_state(states: Iterable[DeliveryState]) -> DeliveryState:
    """The state of a message whose deliveries are in these states."""
    return min(states, key=_RANKS.__getitem__)


def list_messages(
    connection: Connection,
    *,
    before: Cursor | None,
    limit: int,
    state: DeliveryState | None,
    search: str | None,
) -> list[MessageRow]:
    """A page of messages, newest first."""
    if not 1 <= limit <= _MAX_PAGE:
        raise InvalidInput(f"a page of {limit} messages", hint=f"Ask for 1 to {_MAX_PAGE}.")
    query = (
        select(
            messages,
            _worst_rank().label("rank"),
            select(func.count())
            .where(deliveries.c.message_id == messages.c.id)
            .scalar_subquery()
            .label("recipient_count"),
        )
        .order_by(messages.c.received_at.desc(), messages.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(
            tuple_(messages.c.received_at, messages.c.id) < (before.received_at, before.id)
        )
    if state is not None:
        query = query.where(_worst_rank() == _RANKS[state])
    if search:
        query = query.where(_contains(search))
    return [
        MessageRow(
            id=row.id,
            received_at=row.received_at,
            size=row.size,
            reverse_path=row.reverse_path,
            summary=_summary(row),
            state=_WORST_FIRST[row.rank],
            recipient_count=row.recipient_count,
        )
        for row in connection.execute(query)
    ]


def get_message(connection: Connection, message_id: str) -> MessageDetail | None:
    """A message with its deliveries and their latest attempts."""
    row = connection.execute(select(messages).where(messages.c.id == message_id)).one_or_none()
    if row is None:
        return None
    tries = _latest_attempts(connection, message_id)
    found = tuple(
        Delivery(
            id=each.id,
            recipient=each.recipient,
            domain=each.domain,
            state=DeliveryState(each.state),
            attempt_count=each.attempts,
            next_attempt_at=each.next_attempt_at,
            reason=each.reason,
            updated_at=each.updated_at,
            attempts=tuple(tries[each.id]),
        )
        for each in connection.execute(
            select(deliveries)
            .where(deliveries.c.message_id == message_id)
            .order_by(deliveries.c.id)
        )
    )
    return MessageDetail(
        id=row.id,
        received_at=row.received_at,
        size=row.size,
        reverse_path=row.reverse_path,
        summary=_summary(row),
        reception=Reception(
            listener=row.listener,
            client_address=row.client_address,
            client_name=row.client_name,
            protocol=row.protocol,
            tls_version=row.tls_version,
            tls_cipher=row.tls_cipher,
            authenticated_as=row.authenticated_as,
        ),
        tls_requirement=TLSRequirement(row.tls_requirement),
        state=worst_state(each.state for each in found),
        deliveries=found,
    )


def count_by_state(connection: Connection) -> dict[DeliveryState, int]:
    """How many messages are in each state."""
    ranks = select(func.min(_rank()).label("rank")).group_by(deliveries.c.message_id).subquery()
    found = {
        row.rank: row.messages
        for row in connection.execute(
            select(ranks.c.rank, func.count().label("messages")).group_by(ranks.c.rank)
        )
    }
    return {state: found.get(rank, 0) for state, rank in _RANKS.items()}


def _rank() -> ColumnElement[int]:
    return case({state.value: rank for state, rank in _RANKS.items()}, value=deliveries.c.state)


def _worst_rank() -> ScalarSelect[int]:
    return (
        select(func.min(_rank())).where(deliveries.c.message_id == messages.c.id).scalar_subquery()
    )


def _contains(text: str) -> ColumnElement[bool]:
    columns = (
        messages.c.subject,
        messages.c.reverse_path,
        messages.c.header_from,
        messages.c.header_to,
    )
    return or_(
        *(column.icontains(text, autoescape=True) for column in columns),
        exists().where(
            deliveries.c.message_id == messages.c.id,
            deliveries.c.recipient.icontains(text, autoescape=True),
        ),
    )


def _latest_attempts(connection: Connection, message_id: str) -> dict[int, list[Attempt]]:
    age = (
        func.row_number()
        .over(partition_by=attempts.c.delivery_id, order_by=attempts.c.id.desc())
        .label("age")
    )
    aged = (
        select(attempts, age)
        .join(deliveries, deliveries.c.id == attempts.c.delivery_id)
        .where(deliveries.c.message_id == message_id)
        .subquery()
    )
    found: dict[int, list[Attempt]] = defaultdict(list)
    for row in connection.execute(
        select(aged).where(aged.c.age <= _MAX_ATTEMPTS).order_by(aged.c.id)
    ):
        found[row.delivery_id].append(
            Attempt(
                started_at=row.started_at,
                finished_at=row.finished_at,
                outcome=DeliveryState(row.outcome),
                host=row.host,
                port=row.port,
                peer_address=row.peer_address,
                phase=row.phase,
                code=row.code,
                enhanced_code=row.enhanced_code,
                text=row.text,
                tls_level=row.tls_level,
                tls_version=row.tls_version,
                tls_cipher=row.tls_cipher,
                peer_certificate=row.peer_certificate,
                authenticated_by=row.authenticated_by,
                policy=row.policy,
                explanation=tuple(row.explanation.splitlines()),
            )
        )
    return found


def _summary(row: Row[*tuple[object, ...]]) -> Summary:
    return Summary(
        subject=row.subject,
        header_from=row.header_from,
        header_to=row.header_to,
        header_message_id=row.header_message_id,
    )
