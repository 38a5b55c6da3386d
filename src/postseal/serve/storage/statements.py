"""The hot statements of the queue: take in, lease, renew, give back, settle, read.

Each is a function over a synchronous connection inside a transaction, so that one text serves
every driver. Those that write are bulk operations for the `Writer`. A lease is taken under the
write lock (SQLite) or a row lock (`FOR UPDATE SKIP LOCKED`, which SQLite does not need and
leaves out), so two owners never get the same row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from postseal.errors import InvalidInput
from postseal.serve.storage.schema import attempts, chunks, deliveries, messages
from postseal.serve.storage.values import Attempt, Lease, NewMessage, Outcome
from postseal.tls.requiretls import TLSRequirement

__all__ = [
    "CHUNK_OCTETS",
    "LeaseRequest",
    "Renewal",
    "Settlement",
    "chunk",
    "insert_messages",
    "lease",
    "next_due",
    "release",
    "renew",
    "settle",
]

# The message is stored in pieces of this length, the last one shorter.
CHUNK_OCTETS: Final = 256 * 1024
# Pieces that travel to the database together: what one insertion holds in memory.
_INSERT_OCTETS: Final = 1024 * 1024

_Row: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequest:
    """Who asks for how many deliveries, and until when."""

    owner: str
    now: float
    until: float
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """Whose leases are to last until when."""

    owner: str
    delivery_ids: tuple[int, ...]
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What an owner has to say about deliveries it leased."""

    owner: str
    now: float
    outcomes: tuple[Outcome, ...]


def insert_messages(connection: Connection, accepted: Sequence[NewMessage]) -> list[None]:
    """Store messages, their content and a delivery for each recipient."""
    connection.execute(insert(messages), [_message_row(message) for message in accepted])
    for rows in _insertions(accepted):
        connection.execute(insert(chunks), rows)
    connection.execute(
        insert(deliveries), [row for message in accepted for row in _delivery_rows(message)]
    )
    return [None] * len(accepted)


def lease(connection: Connection, requests: Sequence[LeaseRequest]) -> list[list[Lease]]:
    """Give each request the longest due deliveries that are free."""
    return [_lease(connection, request) for request in requests]


def renew(connection: Connection, renewals: Sequence[Renewal]) -> list[set[int]]:
    """Prolong leases; give the ids of those that were still the owner's."""
    return [
        set(
            connection.scalars(
                update(deliveries)
                .where(
                    deliveries.c.id.in_(renewal.delivery_ids),
                    deliveries.c.lease_owner == renewal.owner,
                )
                .values(lease_until=renewal.until)
                .returning(deliveries.c.id)
            )
        )
        for renewal in renewals
    ]


def release(connection: Connection, owners: Sequence[str | None]) -> list[int]:
    """End the leases of each owner, None meaning everybody's; give how many they were."""
    return [
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.lease_owner.is_not(None)
                if owner is None
                else deliveries.c.lease_owner == owner
            )
            .values(lease_owner=None, lease_until=None)
        ).rowcount
        for owner in owners
    ]


def settle(connection: Connection, settlements: Sequence[Settlement]) -> list[set[int]]:
    """Record attempts and new states; give the ids whose lease was not the owner's any more."""
    owners: dict[int, str | None] = {
        row.id: row.lease_owner
        for row in connection.execute(
            select(deliveries.c.id, deliveries.c.lease_owner)
            .where(
                deliveries.c.id.in_(
                    [outcome.delivery_id for each in settlements for outcome in each.outcomes]
                )
            )
            .with_for_update()
        )
    }
    states: list[_Row] = []
    records: list[_Row] = []
    lost: list[set[int]] = []
    for settlement in settlements:
        strangers: set[int] = set()
        for outcome in settlement.outcomes:
            # The entry goes with the lease: a second outcome for it finds none.
            if owners.get(outcome.delivery_id) != settlement.owner:
                strangers.add(outcome.delivery_id)
                continue
            owners[outcome.delivery_id] = None
            states.append(_state_row(outcome, settlement.now))
            records.append(_attempt_row(outcome.delivery_id, outcome.attempt))
        lost.append(strangers)
    if states:
        connection.execute(_SETTLE, states)
        connection.execute(insert(attempts), records)
    return lost


def next_due(connection: Connection, now: float) -> float | None:
    """When a lease can next be had: the first free delivery, or the first lease to run out."""
    free = connection.scalar(
        select(deliveries.c.next_attempt_at)
        .where(deliveries.c.next_attempt_at.is_not(None), _is_free(now))
        .order_by(deliveries.c.next_attempt_at)
        .limit(1)
    )
    leased = connection.scalar(
        select(func.min(deliveries.c.lease_until)).where(
            deliveries.c.lease_owner.is_not(None), deliveries.c.lease_until > now
        )
    )
    return min((time for time in (free, leased) if time is not None), default=None)


def chunk(
    connection: Connection, *, message_id: str, sequence: int
) -> tuple[int, bytes | None] | None:
    """The size of the whole message and one piece of it; None when there is no such message."""
    row = connection.execute(
        select(messages.c.size, chunks.c.data)
        .outerjoin(chunks, (chunks.c.message_id == messages.c.id) & (chunks.c.sequence == sequence))
        .where(messages.c.id == message_id)
    ).one_or_none()
    return None if row is None else (row.size, row.data)


_SETTLE: Final = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"))
    .values(attempts=deliveries.c.attempts + 1, lease_owner=None, lease_until=None)
)


def _lease(connection: Connection, request: LeaseRequest) -> list[Lease]:
    rows = connection.execute(
        select(
            deliveries.c.id,
            deliveries.c.message_id,
            deliveries.c.recipient,
            deliveries.c.domain,
            deliveries.c.attempts,
            messages.c.reverse_path,
            messages.c.is_8bit,
            messages.c.is_internationalized,
            messages.c.received_at,
            messages.c.size,
            messages.c.tls_requirement,
            messages.c.listener,
        )
        .join(messages, messages.c.id == deliveries.c.message_id)
        .where(deliveries.c.next_attempt_at <= request.now, _is_free(request.now))
        .order_by(deliveries.c.next_attempt_at, deliveries.c.id)
        .limit(request.limit)
        .with_for_update(of=deliveries, skip_locked=True)
    ).all()
    if rows:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_([row.id for row in rows]))
            .values(lease_owner=request.owner, lease_until=request.until)
        )
    return [
        Lease(
            delivery_id=row.id,
            message_id=row.message_id,
            recipient=row.recipient,
            domain=row.domain,
            reverse_path=row.reverse_path,
            attempts=row.attempts,
            received_at=row.received_at,
            size=row.size,
            is_8bit=row.is_8bit,
            is_internationalized=row.is_internationalized,
            tls_requirement=TLSRequirement(row.tls_requirement),
            listener=row.listener,
        )
        for row in rows
    ]


def _is_free(now: float) -> ColumnElement[bool]:
    return or_(deliveries.c.lease_owner.is_(None), deliveries.c.lease_until <= now)


def _message_row(message: NewMessage) -> _Row:
    reception, summary = message.reception, message.summary
    return {
        "id": message.id,
        "received_at": message.received_at,
        "size": message.size,
        "reverse_path": message.reverse_path,
        "is_8bit": message.is_8bit,
        "is_internationalized": message.is_internationalized,
        "subject": summary.subject,
        "header_from": summary.header_from,
        "header_to": summary.header_to,
        "header_message_id": summary.header_message_id,
        "listener": reception.listener,
        "client_address": reception.client_address,
        "client_name": reception.client_name,
        "protocol": reception.protocol,
        "tls_version": reception.tls_version,
        "tls_cipher": reception.tls_cipher,
        "authenticated_as": reception.authenticated_as,
        "tls_requirement": message.tls_requirement,
    }


def _delivery_rows(message: NewMessage) -> Iterator[_Row]:
    due = message.received_at if message.state.is_pending else None
    for recipient, domain in message.recipients:
        yield {
            "message_id": message.id,
            "recipient": recipient,
            "domain": domain,
            "state": message.state,
            "next_attempt_at": due,
            "reason": message.reason,
            "updated_at": message.received_at,
        }


def _insertions(accepted: Iterable[NewMessage]) -> Iterator[list[_Row]]:
    rows: list[_Row] = []
    octets = 0
    for message in accepted:
        total = 0
        for sequence, data in enumerate(_pieces(message.chunks)):
            rows.append({"message_id": message.id, "sequence": sequence, "data": data})
            total += len(data)
            octets += len(data)
            if octets >= _INSERT_OCTETS:
                yield rows
                rows, octets = [], 0
        if total != message.size:
            raise InvalidInput(
                f"message {message.id} was announced with {message.size} octets and has {total}"
            )
    if rows:
        yield rows


def _pieces(content: Iterable[bytes]) -> Iterator[bytes]:
    gathered = bytearray()
    for data in content:
        gathered += data
        while len(gathered) >= CHUNK_OCTETS:
            yield bytes(gathered[:CHUNK_OCTETS])
            del gathered[:CHUNK_OCTETS]
    if gathered:
        yield bytes(gathered)


def _state_row(outcome: Outcome, now: float) -> _Row:
    return {
        "delivery_id": outcome.delivery_id,
        "state": outcome.state,
        "next_attempt_at": outcome.next_attempt_at,
        "reason": outcome.reason,
        "updated_at": now,
    }


def _attempt_row(delivery_id: int, attempt: Attempt) -> _Row:
    return {
        "delivery_id": delivery_id,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "outcome": attempt.outcome,
        "host": attempt.host,
        "port": attempt.port,
        "peer_address": attempt.peer_address,
        "phase": attempt.phase,
        "code": attempt.code,
        "enhanced_code": attempt.enhanced_code,
        "text": attempt.text,
        "tls_level": attempt.tls_level,
        "tls_version": attempt.tls_version,
        "tls_cipher": attempt.tls_cipher,
        "peer_certificate": attempt.peer_certificate,
        "authenticated_by": attempt.authenticated_by,
        "policy": attempt.policy,
        "explanation": "\n".join(attempt.explanation),
    }
