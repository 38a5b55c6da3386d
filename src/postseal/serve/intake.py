"""What the platform decides about incoming mail: who may hand it in, for whom, and that it is safe.

Every decision is a reply. `250` for a message is given after the store's commit, never before
(promise 4).
"""

from __future__ import annotations

import time
from base64 import b32encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from postseal.address import Address, ascii_domain
from postseal.defaults import RandomSource, random_octets
from postseal.errors import MailError
from postseal.mail.envelope import Envelope
from postseal.mail.prepared import PreparedMessage
from postseal.serve.authenticator import Authenticator
from postseal.serve.setting_routes import DEFAULT_ROUTE
from postseal.serve.setting_types import DeliveryMode
from postseal.serve.settings import Settings
from postseal.serve.spool import Spool
from postseal.serve.storage import (
    DeliveryState,
    NewMessage,
    Reception,
    Store,
)
from postseal.serve.summary import HEAD_LIMIT, field_values, header_section, summarize
from postseal.serve.trace import MAX_HOPS, count_hops, received_field
from postseal.smtp import Reply
from postseal.smtp.events import Transaction
from postseal.tls.requiretls import TLS_NOT_REQUIRED_HEADER, TLSRequirement, requirement_of

__all__ = ["SANDBOX_REASON", "Intake"]

SANDBOX_REASON = "kept in the sandbox: delivery.mode is not live"

_OK = Reply(250, ("OK",), "2.1.0")
_RECIPIENT_OK = Reply(250, ("OK",), "2.1.5")
_NO_RELAY = Reply(550, ("we do not take mail for this domain",), "5.7.1")
_CANNOT_STORE = Reply(452, ("the message could not be stored; try again later",), "4.3.1")
_LOOP = Reply(554, ("the message has passed too many hosts; it runs in a loop",), "5.4.6")

_log = structlog.get_logger("postseal.serve.intake")


@dataclass(frozen=True, slots=True)
class _Framed:
    """A message as it is stored: our trace field before what the client sent."""

    trace: bytes
    spool: Spool

    def __iter__(self) -> Iterator[bytes]:
        yield self.trace
        yield from self.spool


class Intake:
    """The decisions of all listeners of one platform."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        random: RandomSource = random_octets,
    ) -> None:
        self._settings = settings
        self.authenticator = Authenticator(store)
        self._store = store
        self._clock = clock
        self._random = random

    def take_sender(self, reverse_path: Address | None) -> Reply:
        """Any reverse-path is taken, the null one included."""
        return _OK

    def take_recipient(self, recipient: Address, *, authenticated: bool) -> Reply:
        """Take any recipient from who authenticated, and from others only for our own domains.

        Our own are the domains with a route of their own. The sandbox, which delivers nothing,
        takes all.
        """
        delivery = self._settings.delivery
        if authenticated or delivery.mode is DeliveryMode.SANDBOX:
            return _RECIPIENT_OK
        domain = ascii_domain(recipient.domain)
        if domain in delivery.routes and domain != DEFAULT_ROUTE:
            return _RECIPIENT_OK
        return _NO_RELAY

    async def take_message(
        self, transaction: Transaction, spool: Spool, reception: Reception
    ) -> Reply:
        """Store a message with its deliveries; the reply is 250 once it is durable."""
        try:
            head = header_section(spool.beginning(HEAD_LIMIT))
        except OSError as error:
            _log.error("a message cannot be read back", error=str(error))
            return _CANNOT_STORE
        if count_hops(head) >= MAX_HOPS:
            return _LOOP
        message_id, now = self._new_id(), self._clock()
        recipients = Envelope(transaction.reverse_path, transaction.recipients).recipients
        trace = received_field(
            reception,
            hostname=self._settings.hostname,
            message_id=message_id,
            recipient=str(recipients[0]) if len(recipients) == 1 else None,
            at=now,
        )
        is_live = self._settings.delivery.mode is DeliveryMode.LIVE
        message = NewMessage(
            id=message_id,
            received_at=now,
            reverse_path=str(transaction.reverse_path or ""),
            recipients=tuple((str(one), ascii_domain(one.domain)) for one in recipients),
            size=len(trace) + spool.size,
            is_8bit=spool.is_8bit,
            is_internationalized=transaction.is_internationalized,
            tls_requirement=requirement_of(
                parameter=transaction.requires_tls,
                header_values=field_values(head, TLS_NOT_REQUIRED_HEADER[0]),
            ),
            reception=reception,
            summary=summarize(head),
            chunks=_Framed(trace, spool),
            state=DeliveryState.QUEUED if is_live else DeliveryState.HELD,
            reason="" if is_live else SANDBOX_REASON,
        )
        try:
            await self._store.accept(message)
        except (MailError, OSError) as error:
            _log.error("a message could not be stored", error=str(error))
            return _CANNOT_STORE
        _log.info(
            "message accepted",
            message=message_id,
            listener=reception.listener,
            size=message.size,
            recipients=len(recipients),
            tls=reception.tls_version,
            authenticated_as=reception.authenticated_as,
        )
        return Reply(250, (f"queued as {message_id}",), "2.0.0")

    async def post(
        self, message: PreparedMessage, *, listener: str, tls_requirement: TLSRequirement
    ) -> None:
        """Queue a message of the platform's own, from the null reverse-path.

        `listener` names the part of the platform that it is from. Returns once the message is
        durable; raises `StorageError`.
        """
        now = self._clock()
        await self._store.accept(
            NewMessage(
                id=self._new_id(),
                received_at=now,
                reverse_path="",
                recipients=tuple(
                    (str(one), ascii_domain(one.domain)) for one in message.envelope.recipients
                ),
                size=len(message.content),
                is_8bit=message.is_8bit,
                is_internationalized=message.is_internationalized,
                tls_requirement=tls_requirement,
                reception=Reception(
                    listener=listener,
                    client_address="",
                    client_name=self._settings.hostname,
                    protocol="",
                ),
                summary=summarize(header_section(message.content[:HEAD_LIMIT])),
                chunks=(message.content,),
            )
        )

    def _new_id(self) -> str:
        # 128 random bits in 26 letters, which a URL and a Received field may hold.
        return b32encode(self._random(16)).decode("ascii").rstrip("=").lower()
