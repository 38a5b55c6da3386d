"""Messages to the recipients' own servers, one behind the other.

How a server may be used is decided anew for each message, but for those that follow at once and
would be decided alike: they are announced behind the one before, on its connection.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from postseal.address import ascii_domain
from postseal.errors import Disconnected, InvalidInput, MailError, Phase
from postseal.mail.envelope import Envelope
from postseal.send.failover import says_nothing_of_the_message
from postseal.send.outgoing import Outgoing, can_be_read_again
from postseal.send.results import Delivery
from postseal.send.session.transaction import Deliveries
from postseal.send.transport import BEFORE_THE_BODY, Following, Lane, nothing_follows

if TYPE_CHECKING:
    from postseal.address import Address
    from postseal.send.mx.destinations import Destinations
    from postseal.send.mx.next_hops import NextHops
    from postseal.send.mx.routes import Routes
    from postseal.send.mx.server_policy import Destination
    from postseal.send.mx.ways import Way
    from postseal.send.pool import Pool
    from postseal.send.session.connection import Connection

__all__ = ["DirectLane"]

# Seconds for which messages follow one another by one decision, in which nothing is looked up.
_DECISION_HOLDS: Final = 5.0

_log: Final = logging.getLogger("postseal.send")


@dataclass(frozen=True, slots=True)
class _Decision:
    """How a message goes to the servers of a domain; `until` then, others may go like it."""

    hops: NextHops
    destination: Destination
    until: float

    def is_for(self, outgoing: Outgoing, routes: Routes) -> bool:
        """Tell whether all that it was made by is the same for another message."""
        domains = tuple(_by_domain(outgoing.envelope.recipients))
        if domains != (self.hops.domain,):
            return False
        return routes.destination(self.hops, outgoing) == self.destination


@dataclass(frozen=True, slots=True)
class _Row:
    """Messages by one decision over one connection; `is_best` where no better way had failed."""

    decision: _Decision
    pool: Pool
    connection: Connection
    deliveries: Deliveries
    is_best: bool


class DirectLane(Lane):
    """Hands each message to the servers of its recipients' domains, one domain after the other."""

    def __init__(self, routes: Routes, destinations: Destinations) -> None:
        self._routes = routes
        self._destinations = destinations
        # Kept from one message to the next where that has been announced.
        self._row: _Row | None = None

    async def deliver(
        self, outgoing: Outgoing, *, deadline: float, following: Following = nothing_follows
    ) -> Delivery:
        """Hand the message to each domain's servers; what became of them is joined.

        A domain that cannot be reached refuses its recipients in the result, unless it is the only
        one: then its error is raised. Raises `InvalidInput` where several domains need content that
        can be read only once.
        """
        domains = _by_domain(outgoing.envelope.recipients)
        if len(domains) == 1:
            (domain,) = domains
            return await self._deliver_to(domain, outgoing, deadline, following)
        if not can_be_read_again(outgoing.content):
            raise InvalidInput(
                "the content can be read only once, and its recipients have several servers",
                phase=Phase.MAIL,
                hint="Give the content as a list.",
            )
        delivery: Delivery | None = None
        failures: list[tuple[tuple[Address, ...], MailError]] = []
        for domain, recipients in domains.items():
            part = replace(outgoing, envelope=Envelope(outgoing.envelope.sender, recipients))
            try:
                done = await self._deliver_to(domain, part, deadline, nothing_follows)
            except MailError as error:
                failures.append((recipients, error))
            else:
                delivery = done if delivery is None else delivery.beside(done)
        if delivery is None:
            # Whoever tries again may reach those of the failure that may pass.
            raise max(failures, key=lambda failure: failure[1].is_temporary)[1]
        for recipients, failure in failures:
            delivery = delivery.broken_off(recipients, failure)
        return delivery

    def leave(self) -> None:
        if self._row is not None:
            self._row.pool.put_back(self._row.connection)
            self._row = None

    async def _deliver_to(
        self, domain: str, outgoing: Outgoing, deadline: float, following: Following
    ) -> Delivery:
        """Hand the message to the first of a domain's servers that can be reached and sealed."""
        if self._row is not None:
            try:
                return await self._hand_over(self._row, outgoing, deadline, following)
            except Disconnected as error:
                # The server had carried enough, and its end crossed what was announced to it.
                if error.phase not in BEFORE_THE_BODY:
                    raise
        hops = await self._routes.hops(domain)
        destination = self._routes.destination(hops, outgoing)
        decision = _Decision(hops, destination, self._destinations.now() + _DECISION_HOLDS)
        failures: list[MailError] = []
        for host in hops.hosts:
            try:
                ways = await self._routes.ways(host, hops, destination)
                return await self._deliver_by(ways, decision, outgoing, deadline, following)
            except MailError as error:
                if not says_nothing_of_the_message(error):
                    raise
                failures.append(error)
        raise max(failures, key=lambda error: error.is_temporary)

    async def _deliver_by(
        self,
        ways: Sequence[Way],
        decision: _Decision,
        outgoing: Outgoing,
        deadline: float,
        following: Following,
    ) -> Delivery:
        while True:
            pool, connection = await self._destinations.take(ways, deadline=deadline, note=_note)
            is_new = connection.usage.is_new
            is_best = pool is self._destinations.pool(ways[0])
            row = _Row(decision, pool, connection, Deliveries(connection), is_best)
            try:
                return await self._hand_over(row, outgoing, deadline, following)
            except Disconnected as error:
                # A server may close what was idle just as we begin to speak.
                if is_new or error.phase not in BEFORE_THE_BODY:
                    raise

    async def _hand_over(
        self, row: _Row, outgoing: Outgoing, deadline: float, following: Following
    ) -> Delivery:
        self._row = row
        try:
            return await row.deliveries.deliver(
                outgoing, deadline=deadline, following=partial(self._following, row, following)
            )
        finally:
            if not (row.deliveries.has_announced and row.connection.is_open):
                self.leave()

    def _following(self, row: _Row, following: Following) -> Outgoing | None:
        """Give the message to come next, where it would go by the same decision."""
        is_over = self._destinations.now() > row.decision.until
        if is_over or not row.is_best or row.pool.is_spent(row.connection):
            return None
        outgoing = following()
        if outgoing is None or not row.decision.is_for(outgoing, self._routes):
            return None
        return outgoing


def _note(shortfall: MailError) -> None:
    # Promise 2: where a policy allows less, what happened is recorded.
    _log.warning("TLS failed, and the policy allows less: %s", shortfall)


def _by_domain(recipients: Sequence[Address]) -> dict[str, tuple[Address, ...]]:
    domains: dict[str, tuple[Address, ...]] = {}
    for recipient in recipients:
        domain = ascii_domain(recipient.domain).lower()
        domains[domain] = (*domains.get(domain, ()), recipient)
    return domains
