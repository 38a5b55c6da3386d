"""One attempt: a message handed to the first server that takes it, and what to remember of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from postseal.address import Address
from postseal.errors import MailError, Phase, TLSError
from postseal.mail import Envelope
from postseal.send.outgoing import Outgoing, ReadAnewAsync
from postseal.send.results import Delivery, Refusal
from postseal.send.transaction import deliver
from postseal.serve.destinations import Destinations
from postseal.serve.routing import Hop, Router
from postseal.serve.storage import Attempt, DeliveryState, Lease
from postseal.smtp import Reply

__all__ = ["Consignment", "attempt"]

# What servers answer beyond the limits that they state (RFC 9422 3).
_NO_ROOM: Final = Reply(452, ("the server's limits for one session were reached",), "4.5.3")


@dataclass(frozen=True, slots=True)
class Consignment:
    """The leases of one message that go to the same domain: one transaction."""

    leases: tuple[Lease, ...]
    content: Callable[[], AsyncIterator[bytes]] = field(repr=False)

    @property
    def domain(self) -> str:
        """The recipients' domain."""
        return self.leases[0].domain

    def outgoing(self) -> Outgoing:
        """The message for the wire; each call reads the content anew."""
        first = self.leases[0]
        return Outgoing(
            envelope=Envelope(
                Address.parse(first.reverse_path) if first.reverse_path else None,
                tuple(Address.parse(lease.recipient) for lease in self.leases),
            ),
            content=ReadAnewAsync(self.content),
            size=first.size,
            is_8bit=first.is_8bit,
            is_internationalized=first.is_internationalized,
        )


async def attempt(
    consignment: Consignment,
    router: Router,
    destinations: Destinations,
    *,
    clock: Callable[[], float],
) -> dict[int, Attempt]:
    """Try the domain's servers in order; return for each delivery what came of it.

    A server that cannot be reached, or not sealed as the policy asks, is followed by the next.
    Nothing is raised but cancellation: what goes wrong is what an attempt is there to say.
    """
    started = clock()
    blank = Attempt(started_at=started, finished_at=started, outcome=DeliveryState.DEFERRED)
    try:
        hops = await router.hops(consignment.domain)
    except MailError as error:
        return _same_for_all(consignment, _from_error(blank, error, clock()))
    result: dict[int, Attempt] = {}
    for hop in hops:
        known = replace(blank, host=hop.endpoint.host, port=hop.endpoint.port, policy=hop.rule)
        try:
            result = await _hand_over(consignment, hop, destinations, known, clock)
        except MailError as error:
            result = _same_for_all(consignment, _from_error(known, error, clock()))
            if not _says_nothing_of_the_message(error):
                return result
        else:
            return result
    return result


async def _hand_over(
    consignment: Consignment,
    hop: Hop,
    destinations: Destinations,
    known: Attempt,
    clock: Callable[[], float],
) -> dict[int, Attempt]:
    pool = destinations.pool(hop)
    deadline = destinations.now() + hop.options.timeouts.total
    connection = await pool.take(deadline)
    sealed = replace(
        known,
        peer_address=connection.peer_address,
        tls_level=connection.tls.level.word,
        tls_version=connection.tls.version,
        tls_cipher=connection.tls.cipher,
        peer_certificate=connection.tls.peer_certificate,
        authenticated_by=connection.tls.authenticated_by,
    )
    try:
        delivery = await deliver(connection, consignment.outgoing(), deadline=deadline)
    except MailError as error:
        return _same_for_all(consignment, _from_error(sealed, error, clock()))
    finally:
        pool.put_back(connection)
    return _per_recipient(consignment.leases, delivery, sealed, clock())


def _per_recipient(
    leases: Sequence[Lease], delivery: Delivery, known: Attempt, now: float
) -> dict[int, Attempt]:
    refused = {str(refusal.recipient): refusal for refusal in delivery.refused}
    for recipient in delivery.untried:
        # They wait for the next attempt, which has a session of its own.
        refused[str(recipient)] = Refusal(recipient, Phase.RCPT, _NO_ROOM)
    verdicts = dict(zip(map(str, delivery.accepted), delivery.verdicts, strict=True))
    return {
        lease.delivery_id: _from_refusal(known, refused[lease.recipient], now)
        if lease.recipient in refused
        else _sent(known, verdicts.get(lease.recipient, delivery.reply), now)
        for lease in leases
    }


def _sent(known: Attempt, reply: Reply, now: float) -> Attempt:
    return replace(
        known,
        finished_at=now,
        outcome=DeliveryState.SENT,
        code=reply.code,
        enhanced_code=reply.enhanced_code or "",
        text=reply.text,
    )


def _from_refusal(known: Attempt, refusal: Refusal, now: float) -> Attempt:
    reply = refusal.reply
    return replace(
        known,
        finished_at=now,
        outcome=DeliveryState.DEFERRED if reply.is_temporary else DeliveryState.FAILED,
        phase=refusal.phase.value,
        code=reply.code,
        enhanced_code=reply.enhanced_code or "",
        text=reply.text,
    )


def _from_error(known: Attempt, error: MailError, now: float) -> Attempt:
    return replace(
        known,
        finished_at=now,
        outcome=DeliveryState.DEFERRED if error.is_temporary else DeliveryState.FAILED,
        phase=error.phase.value if error.phase else "",
        code=error.code,
        enhanced_code=error.enhanced_code or "",
        text=" ".join(part for part in (f"{error.text}.", error.hint) if part),
    )


def _says_nothing_of_the_message(error: MailError) -> bool:
    """Whether another server may do better: this one was not even offered the message."""
    return isinstance(error, TLSError) or error.phase in (
        Phase.RESOLVE,
        Phase.CONNECT,
        Phase.GREETING,
        Phase.EHLO,
        Phase.STARTTLS,
        Phase.HANDSHAKE,
    )


def _same_for_all(consignment: Consignment, attempt: Attempt) -> dict[int, Attempt]:
    return {lease.delivery_id: attempt for lease in consignment.leases}
