"""A port that takes mail: connections in, conversations over the server session."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from postseal.errors import Disconnected, MailError, TimedOut
from postseal.send.aio import AsyncioStream, listen
from postseal.send.network import Stream
from postseal.send.sealed import SealedStream
from postseal.serve.intake import Intake
from postseal.serve.spool import Spool
from postseal.serve.storage import Reception
from postseal.smtp import Reply, ServerSession
from postseal.smtp.events import (
    AuthenticationReceived,
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
    XclientReceived,
)
from postseal.smtp.rules import ServerRules
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerRules:
    """What one listener is called, demands and allows.

    `context` gives the TLS context of the moment, so that a renewed certificate is used by the
    next connection.
    """

    name: str
    opening: Opening
    session: ServerRules
    context: Callable[[], ssl.SSLContext]
    max_connections: int
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

    def __init__(
        self, stream: AsyncioStream, rules: ListenerRules, intake: Intake, spool_directory: Path
    ) -> None:
        self._connection = stream
        self._stream: Stream = stream
        self._rules = rules
        self._intake = intake
        self._spool_directory = spool_directory
        self._session = ServerSession(rules.session, sealed=rules.opening is Opening.IMPLICIT)
        self._tls = TLSOutcome.in_clear()
        self._spool: Spool | None = None
        self._ending = False
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + rules.patience.session
        self._peer = stream.peer_address

    async def run(self) -> None:
        """Talk until either side ends it."""
        log = _log.bind(listener=self._rules.name, client=self._peer)
        try:
            if self._rules.opening is Opening.IMPLICIT:
                await self._seal()
            # One turn of the loop, so that what was sent unasked is seen before the greeting.
            await asyncio.sleep(0)
            if not self._stream.has_input():
                self._session.greet()
            await self._talk()
        except MailError as error:
            log.info("session ended", error=str(error))
        except Exception:
            log.exception("session failed by a defect of ours")
        finally:
            self._forget_body()
            self._stream.close()

    async def turn_away(self, text: str) -> None:
        """Tell a client that it cannot stay, where it can be told in clear."""
        if self._rules.opening is Opening.STARTTLS:
            self._session.shut_down(text)
            with contextlib.suppress(MailError):
                await self._flush()
        self._stream.close()

    def ask_to_end(self) -> None:
        """End with 421 as soon as the client is waited for; now, if it is."""
        self._ending = True
        self._connection.interrupt()

    async def _talk(self) -> None:
        session = self._session
        while True:
            await self._flush()
            data = await self._read()
            if data is None:
                session.shut_down("closing the connection; try again later")
            elif data:
                session.receive(data)
            else:
                return
            while (event := session.next_event()) is not None:
                if isinstance(event, SessionEnded):
                    await self._say_goodbye(event)
                    return
                await self._handle(event)

    async def _read(self) -> bytes | None:
        """Wait for the client; None when it is too slow or we are about to end."""
        now = self._loop.time()
        if self._ending or now >= self._deadline:
            return None
        try:
            return await self._stream.read(min(self._deadline, now + self._rules.patience.command))
        except TimedOut:
            return None

    async def _handle(self, event: ServerEvent) -> None:
        session = self._session
        match event:
            case TLSRequested():
                await self._start_tls()
            case AuthenticationReceived(credentials):
                session.answer(await self._intake.authenticate(credentials))
            case MailReceived(reverse_path):
                session.answer(self._intake.take_sender(reverse_path))
            case RecipientReceived(recipient):
                authenticated = session.authenticated_as is not None
                session.answer(self._intake.take_recipient(recipient, authenticated=authenticated))
            case BodyReceived(data):
                self._keep(data)
            case MessageReceived(transaction):
                reception = self._reception()
                spool = self._spool if self._spool is not None else Spool(self._spool_directory)
                try:
                    reply = await self._intake.take_message(transaction, spool, reception)
                finally:
                    spool.close()
                    self._spool = None
                session.answer(reply)
            case MessageRefused() | MessageDropped():
                self._forget_body()
            case HelloReceived() | XclientReceived():
                return

    async def _start_tls(self) -> None:
        if self._stream.has_input():
            # Sent before our 220 could be read, hence in clear: the session ends over it.
            early = await self._stream.read(self._deadline)
            if not early:
                raise Disconnected("the client left instead of starting TLS")
            self._session.receive(early)
            return
        await self._flush()
        await self._seal()
        self._session.tls_established()

    def _keep(self, data: bytes) -> None:
        try:
            if self._spool is None:
                self._spool = Spool(self._spool_directory)
            self._spool.append(data)
        except OSError as error:
            _log.error("no room for an incoming message", error=str(error))
            self._forget_body()
            self._session.refuse_body(_NO_ROOM)

    def _forget_body(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _reception(self) -> Reception:
        return Reception(
            listener=self._rules.name,
            client_address=self._peer,
            client_name=self._session.client_name,
            protocol=self._session.protocol,
            tls_version=self._tls.version,
            tls_cipher=self._tls.cipher,
            authenticated_as=self._session.authenticated_as,
        )

    async def _seal(self) -> None:
        channel = Channel.server(self._rules.context(), opening=self._rules.opening)
        sealed = await SealedStream.establish(
            self._stream, channel, self._loop.time() + self._rules.patience.handshake
        )
        self._stream = sealed
        self._tls = sealed.outcome()

    async def _say_goodbye(self, event: SessionEnded) -> None:
        if event.error is not None:
            _log.info(
                "session broken off",
                listener=self._rules.name,
                client=self._peer,
                error=str(event.error),
            )
        await self._flush()
        if isinstance(self._stream, SealedStream):
            await self._stream.end(self._loop.time() + self._rules.patience.goodbye)

    async def _flush(self) -> None:
        if data := self._session.data_to_send():
            await self._stream.write(data, self._loop.time() + self._rules.patience.write)
