"""One attempt: a message handed to the first server that takes it, and what to remember of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from postseal.address import Address
from postseal.errors import MailError, Phase
from postseal.mail import Envelope
from postseal.send.failover import says_nothing_of_the_message
from postseal.send.mx.destinations import Destinations
from postseal.send.outgoing import Outgoing, ReadAnewAsync
from postseal.send.results import Delivery, Refusal
from postseal.send.session.connection import Connection
from postseal.send.session.transaction import deliver
from postseal.serve.experience import Experience
from postseal.serve.routing import Errand, Router
from postseal.serve.sealing import Hop
from postseal.serve.storage import Attempt, DeliveryState, Lease
from postseal.smtp import Reply
from postseal.smtp.delivery_options import DeliveryOptions
from postseal.tls import TLSOutcome
from postseal.tls.ladder import fallen_short
from postseal.tls.requiretls import TLSRequirement, announces_requiretls, bounce_reason

__all__ = ["TLS_REPORT_LISTENER", "Attempts", "Consignment"]

TLS_REPORT_LISTENER: Final = "tls-reports"
"""Where reports of ours come in. How they travel is not reported on in turn (RFC 8460 3)."""

# What servers answer beyond the limits that they state (RFC 9422 3).
_NO_ROOM: Final = Reply(452, ("the server's limits for one session were reached",), "4.5.3")

_log = structlog.get_logger("postseal.serve.attempts")


@dataclass(frozen=True, slots=True)
class Consignment:
    """The leases of one message that go to the same domain: one transaction."""

    leases: tuple[Lease, ...]
    content: Callable[[], AsyncIterator[bytes]] = field(repr=False)

    @property
    def errand(self) -> Errand:
        """Where it is to go, and what it asks of the way there."""
        first = self.leases[0]
        return Errand(
            domain=first.domain,
            requirement=first.tls_requirement,
            is_notification=not first.reverse_path,
        )

    @property
    def is_tls_report(self) -> bool:
        """Whether it is a TLS report of ours."""
        return self.leases[0].listener == TLS_REPORT_LISTENER

    def outgoing(self, *, announces_requiretls: bool) -> Outgoing:
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
            options=DeliveryOptions(requires_tls=True) if announces_requiretls else None,
        )


class Attempts:
    """Makes attempts. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        router: Router,
        destinations: Destinations,
        experience: Experience,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._router = router
        self._destinations = destinations
        self._experience = experience
        self._clock = clock

    async def make(self, consignment: Consignment) -> dict[int, Attempt]:
        """Try the domain's servers in order; return for each delivery what came of it.

        A server that cannot be reached, or not sealed as the policy asks, is followed by the next.
        Where none is left, a failure that may pass decides: nothing is given up for another's
        sake. Nothing is raised but cancellation and defects: what goes wrong is what an attempt is
        there to say.
        """
        started = self._clock()
        known = Attempt(started_at=started, finished_at=started, outcome=DeliveryState.DEFERRED)
        failures: list[_Failure] = []
        try:
            async with aclosing(self._router.hops(consignment.errand)) as hops:
                async for hop in hops:
                    visit = _Visit(known, hop, tuple(map(str, failures)))
                    try:
                        return await self._hand_over(consignment, visit)
                    except MailError as error:
                        failures.append(_Failure(visit.attempt, error))
                        if not says_nothing_of_the_message(error):
                            break
        except MailError as error:
            failures.append(_Failure(known, error))
        made = self._failed(consignment, failures)
        return {lease.delivery_id: made for lease in consignment.leases}

    def _failed(self, consignment: Consignment, failures: Sequence[_Failure]) -> Attempt:
        errand = consignment.errand
        decisive = failures[-1]
        if says_nothing_of_the_message(decisive.error):
            passing = [one for one in failures if one.error.is_temporary]
            decisive = passing[-1] if passing else decisive
        error: MailError = decisive.error
        if errand.requirement is TLSRequirement.REQUIRED and not errand.is_notification:
            errors = [one.error for one in failures]
            error = bounce_reason(errors, domain=errand.domain) or error
        others = (str(one) for one in failures if one is not decisive)
        explanation = dict.fromkeys((*decisive.attempt.explanation, *others))
        return _from_error(
            replace(decisive.attempt, explanation=tuple(explanation)), error, self._clock()
        )

    async def _hand_over(self, consignment: Consignment, visit: _Visit) -> dict[int, Attempt]:
        hop = visit.hop
        counts = not consignment.is_tls_report
        try:
            if hop.obstacle is not None:
                raise hop.obstacle
            timeouts = hop.ways[-1].options.timeouts
            visit.deadline = self._destinations.now() + timeouts.total
            pool, connection = await self._destinations.take(
                hop.ways, deadline=visit.deadline, note=visit.note_tls_failure
            )
        except MailError as error:
            if counts:
                await self._experience.count(hop, TLSOutcome.in_clear(), visit.tls_error or error)
            raise
        try:
            visit.connected(connection)
            await self._experience.learn_level(hop, connection.tls)
            if counts and self._destinations.is_first_use(connection):
                peer = connection.peer_address
                await self._experience.count(
                    hop, connection.tls, visit.tls_error, peer_address=peer
                )
            errand = consignment.errand
            announced = announces_requiretls(
                errand.requirement,
                hop.assurance,
                connection.tls,
                is_offered="REQUIRETLS" in connection.extensions,
                is_notification=errand.is_notification,
                host=hop.host,
            )
            outgoing = consignment.outgoing(announces_requiretls=announced)
            delivery = await deliver(connection, outgoing, deadline=visit.deadline)
        finally:
            pool.put_back(connection)
        return _per_recipient(consignment.leases, delivery, visit.attempt, self._clock())


class _Visit:
    """What is known of an attempt while one server is tried."""

    def __init__(self, known: Attempt, hop: Hop, before: Sequence[str]) -> None:
        self.hop = hop
        self.deadline = 0.0
        self.tls_error: MailError | None = None
        self.attempt = replace(
            known,
            host=hop.host,
            port=hop.port,
            policy=hop.policy,
            explanation=(*hop.explanation, *before),
        )

    def note_tls_failure(self, error: MailError) -> None:
        """Remember that TLS failed by one way."""
        self.tls_error = self.tls_error or error
        self._add(f"TLS failed, and the policy allows less: {error}")

    def connected(self, connection: Connection) -> None:
        """Record what a connection had, and which rules are not met by it."""
        tls = connection.tls
        self.attempt = replace(
            self.attempt,
            peer_address=connection.peer_address,
            tls_level=tls.level.word,
            tls_version=tls.version,
            tls_cipher=tls.cipher,
            peer_certificate=tls.peer_certificate,
            authenticated_by=tls.authenticated_by,
        )
        for unmet in fallen_short(self.hop.watched, tls):
            self._add(f"The connection, with {tls}, falls short. {unmet}.")
            _log.warning(
                "a connection fell short of a rule that only reports",
                host=self.hop.host,
                destination=self.hop.destination,
                rule=str(unmet),
                had=str(tls),
            )

    def _add(self, line: str) -> None:
        self.attempt = replace(self.attempt, explanation=(*self.attempt.explanation, line))


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a server did not get the message; as text, for those who ask what was tried before."""

    attempt: Attempt
    error: MailError

    def __str__(self) -> str:
        return f"{self.attempt.host or 'Nothing'} was tried: {self.error.text}."


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
