"""A port that takes mail: connections in, conversations over the server session."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

import structlog

from postseal.defaults import Clock, utc_now
from postseal.errors import Disconnected, MailError, TimedOut
from postseal.send.networks.aio import AsyncioStream, listen
from postseal.send.networks.network import Stream
from postseal.send.networks.sealed import SealedStream
from postseal.serve.intake import Intake
from postseal.serve.proxied import Networks, arrive
from postseal.serve.spool import Spool
from postseal.serve.storage import Reception
from postseal.smtp import Reply, ServerSession
from postseal.smtp.events import (
    AUTHENTICATION_QUESTIONS,
    AuthenticationFailed,
    BodyReceived,
    HelloReceived,
    MailReceived,
    MessageDropped,
    MessageReceived,
    MessageRefused,
    RecipientReceived,
    ServerEvent,
    SessionEnded,
    TLSRequested,
    Transaction,
    XclientReceived,
)
from postseal.smtp.rules import ServerRules
from postseal.smtp.sasl import ChannelEnds
from postseal.tls import Channel, Opening, TLSOutcome

__all__ = ["Listener", "ListenerRules", "Patience"]

_NO_ROOM: Final = Reply(452, ("there is no room for the message; try again later",), "4.3.1")

_log = structlog.get_logger("postseal.serve.listener")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a listener waits, in seconds: for the next octets, for steps, for a whole session.

    RFC 5321 4.5.3.2.7 asks a server to wait at least five minutes for a command.
    """

    command: float = 300.0
    handshake: float = 60.0
    write: float = 120.0
    session: float = 4 * 3600.0
    goodbye: float = 5.0
    proxy_header: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerRules:
    """What one listener is called, demands and allows.

    `context` gives the TLS context of the moment, so that a renewed certificate is used by the
    next connection. `proxies` are the peers that begin with a header of the PROXY protocol.
    """

    name: str
    opening: Opening
    session: ServerRules
    context: Callable[[], ssl.SSLContext]
    max_connections: int
    proxies: Networks = ()
    clock: Clock = utc_now
    patience: Patience = field(default_factory=Patience)


class Listener:
    """One listening port; made by `open`."""

    def __init__(self, rules: ListenerRules, intake: Intake, spool_directory: Path) -> None:
        self.rules = rules
        self.address = ""
        self.port = 0
        self._intake = intake
        self._spool_directory = spool_directory
        self._conversations: dict[asyncio.Task[None], _Conversation] = {}
        self._server: asyncio.Server | None = None
        self._closing = False

    async def open(self, address: str, port: int) -> None:
        """Begin to listen; port 0 takes a free one. Raises `OSError`."""
        self._server = await listen(address, port, self._serve)
        self.address, self.port = self._server.sockets[0].getsockname()[:2]

    async def close(self) -> None:
        """Take no more connections, let what is being stored finish, say 421 to the others."""
        if self._server is None:
            return
        self._closing = True
        self._server.close()
        for conversation in tuple(self._conversations.values()):
            conversation.ask_to_end()
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=self.rules.patience.goodbye)
        for task in tuple(self._conversations):
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _serve(self, stream: AsyncioStream) -> None:
        task = asyncio.current_task()
        conversation = _Conversation(stream, self.rules, self._intake, self._spool_directory)
        if task is None or self._closing:
            # Accepted in the very moment of the close.
            await conversation.turn_away("closing the connection; try again later")
            return
        if len(self._conversations) >= self.rules.max_connections:
            await conversation.turn_away("too many connections; try again later")
            return
        self._conversations[task] = conversation
        try:
            await conversation.run()
        finally:
            del self._conversations[task]


class _Conversation:
    """One connection, from its greeting to its end."""

    # Begun once it is known for whom the peer speaks.
    _session: ServerSession

    def __init__(
        self, stream: AsyncioStream, rules: ListenerRules, intake: Intake, spool_directory: Path
    ) -> None:
        self._connection = stream
        self._stream: Stream = stream
        self._rules = rules
        self._intake = intake
        self._spool_directory = spool_directory
        self._tls = TLSOutcome.in_clear()
        self._spool: Spool | None = None
        self._unsettled: ServerEvent | None = None
        self._ending = False
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + rules.patience.session
        self._speak_for(stream.peer_address)

    async def run(self) -> None:
        """Talk until either side ends it."""
        try:
            await self._arrive()
            # One turn of the loop, so that what was sent unasked is seen before the greeting.
            await asyncio.sleep(0)
            if not self._stream.has_input():
                self._session.greet()
            await self._talk()
        except MailError as error:
            self._log.info("session ended", error=str(error))
        except Exception:  # noqa: BLE001  # logged, and one session is not all of them
            self._log.exception("session failed by a defect of ours")
        finally:
            self._forget_body()
            self._stream.close()

    def _speak_for(self, client: str) -> None:
        self._client = client
        self._log = _log.bind(listener=self._rules.name, client=client)

    async def _arrive(self) -> None:
        rules = self._rules
        deadline = self._loop.time() + rules.patience.proxy_header
        arrival = await arrive(self._stream, proxies=rules.proxies, deadline=deadline)
        self._stream = arrival.stream
        if arrival.client is not None:
            self._speak_for(str(arrival.client))
        is_implicit = rules.opening is Opening.IMPLICIT
        channel = await self._seal() if is_implicit else ChannelEnds()
        self._session = ServerSession(
            rules.session,
            sealed=is_implicit,
            channel=channel,
            peer=arrival.client,
            clock=rules.clock,
        )

    async def turn_away(self, text: str) -> None:
        """Tell a client that it cannot stay, where it can be told in clear."""
        if self._rules.opening is Opening.STARTTLS:
            self._session = ServerSession(self._rules.session)
            self._session.shut_down(text)
            with contextlib.suppress(MailError):
                await self._flush()
        self._stream.close()

    def ask_to_end(self) -> None:
        """End with 421 as soon as the client is waited for; now, if it is."""
        self._ending = True
        self._connection.interrupt()

    async def _talk(self) -> None:
        while True:
            event = self._advance()
            if event is None:
                await self._flush()
                event = await self._listen()
            if event is None:
                return
            if isinstance(event, SessionEnded):
                await self._say_goodbye(event)
                return
            await self._settle(event)

    async def _listen(self) -> ServerEvent | None:
        """Answer the client until something has to be awaited; None when it has left."""
        self._unsettled = None
        try:
            await self._stream.attend(self._hear, self._due)
        except TimedOut:
            self._session.shut_down("closing the connection; try again later")
            return self._advance()
        return self._unsettled

    def _hear(self, data: bytes) -> bytes | None:
        if not data:
            return None
        self._session.receive(data)
        self._unsettled = self._advance()
        return self._session.data_to_send() if self._unsettled is None else None

    def _due(self) -> float:
        now = self._loop.time()
        return now if self._ending else min(self._deadline, now + self._rules.patience.command)

    def _advance(self) -> ServerEvent | None:
        """Settle what can be settled at once; return the first event that cannot."""
        while (event := self._session.next_event()) is not None:
            if not self._settle_at_once(event):
                return event
        return None

    def _settle_at_once(self, event: ServerEvent) -> bool:
        session = self._session
        match event:
            case MailReceived(reverse_path):
                session.answer(self._intake.take_sender(reverse_path))
            case RecipientReceived(recipient):
                authenticated = session.authenticated_as is not None
                session.answer(self._intake.take_recipient(recipient, authenticated=authenticated))
            case BodyReceived(data):
                self._keep(data)
            case MessageRefused() | MessageDropped():
                self._forget_body()
            case AuthenticationFailed(mechanism, username, reason):
                self._log.warning(
                    "authentication failed", mechanism=mechanism, username=username, reason=reason
                )
            case XclientReceived(attributes):
                if isinstance(attributes.address, IPv4Address | IPv6Address):
                    self._speak_for(str(attributes.address))
            case HelloReceived():
                return True
            case _:
                return False
        return True

    async def _settle(self, event: ServerEvent) -> None:
        match event:
            case TLSRequested():
                await self._start_tls()
            case MessageReceived(transaction):
                self._session.answer(await self._store(transaction))
            case _ if isinstance(event, AUTHENTICATION_QUESTIONS):
                await self._intake.authenticator.answer(self._session, event)

    async def _store(self, transaction: Transaction) -> Reply:
        spool = self._spool if self._spool is not None else Spool(self._spool_directory)
        try:
            return await self._intake.take_message(transaction, spool, self._reception())
        finally:
            spool.close()
            self._spool = None

    async def _start_tls(self) -> None:
        if self._stream.has_input():
            # Sent before our 220 could be read, hence in clear: the session ends over it.
            early = await self._stream.read(self._deadline)
            if not early:
                raise Disconnected("the client left instead of starting TLS")
            self._session.receive(early)
            return
        await self._flush()
        self._session.tls_established(await self._seal())

    def _keep(self, data: bytes) -> None:
        try:
            if self._spool is None:
                self._spool = Spool(self._spool_directory)
            self._spool.append(data)
        except OSError as error:
            self._log.error("no room for an incoming message", error=str(error))
            self._forget_body()
            self._session.refuse_body(_NO_ROOM)

    def _forget_body(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _reception(self) -> Reception:
        return Reception(
            listener=self._rules.name,
            client_address=self._client,
            client_name=self._session.client_name,
            protocol=self._session.protocol,
            tls_version=self._tls.version,
            tls_cipher=self._tls.cipher,
            authenticated_as=self._session.authenticated_as,
        )

    async def _seal(self) -> ChannelEnds:
        channel = Channel.server(self._rules.context(), opening=self._rules.opening)
        sealed = await SealedStream.establish(
            self._stream, channel, self._loop.time() + self._rules.patience.handshake
        )
        self._stream = sealed
        self._tls = sealed.outcome()
        return ChannelEnds(channel_binding=sealed.channel_binding())

    async def _say_goodbye(self, event: SessionEnded) -> None:
        if event.error is not None:
            self._log.info("session broken off", error=str(event.error))
        await self._flush()
        if isinstance(self._stream, SealedStream):
            await self._stream.end(self._loop.time() + self._rules.patience.goodbye)

    async def _flush(self) -> None:
        if data := self._session.data_to_send():
            await self._stream.write(data, self._loop.time() + self._rules.patience.write)
