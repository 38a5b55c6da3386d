"""One connection to a test server: the engine, but for the faults that it was told to have."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from postseal.address import Address
from postseal.errors import Disconnected, MailError, Phase
from postseal.mail.envelope import Envelope
from postseal.send.networks.network import Stream
from postseal.send.networks.sealed import SealedStream
from postseal.send.outgoing import Outgoing
from postseal.smtp import events
from postseal.smtp.commands import Bdat, Command, Rcpt
from postseal.smtp.known_users import KnownUsers
from postseal.smtp.parse import Refusal, parse_command
from postseal.smtp.reply import Reply
from postseal.smtp.rules import ServerRules
from postseal.smtp.sasl.offer import ChannelEnds
from postseal.smtp.server import ServerSession
from postseal.smtp.server_states import AUTHENTICATING, BODY, CHUNK, CLOSED, HANDSHAKE
from postseal.testing.faults import Fault, FaultKind, Faults
from postseal.testing.outbox import Outbox
from postseal.tls.channel import Channel, Opening
from postseal.tls.levels import TLSOutcome

__all__ = ["Conversation", "Scene", "SeenSession"]

_OK: Final = Reply(250, ("OK",), "2.0.0")
_MAX_DIALOGUE: Final = 1000
# More than the engine takes for a line: it says so.
_MAX_LINE: Final = 64 * 1024


@dataclass(slots=True)
class SeenSession:
    """What one connection was: who said what, how sealed, and as whom.

    `dialogue` has the lines of both sides, without credentials and without bodies.
    """

    peer_address: str
    tls: TLSOutcome = field(default_factory=TLSOutcome.in_clear)
    client_name: str = ""
    authenticated_as: str | None = None
    dialogue: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_DIALOGUE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What all connections of a server share; `opening` is None where there is no TLS.

    `clear_rules` are those of a session in clear that is treated as if it were sealed.
    """

    rules: ServerRules
    clear_rules: ServerRules
    opening: Opening | None
    context: ssl.SSLContext
    users: KnownUsers
    faults: Faults
    outbox: Outbox
    patience: float


class _Over(Exception):
    """The conversation ends here."""


class Conversation:
    """Talks with one client, from the greeting to the end."""

    def __init__(self, stream: Stream, scene: Scene, seen: SeenSession) -> None:
        self._stream = stream
        self._scene = scene
        self._seen = seen
        self._is_stripped = scene.opening is None
        self._session = ServerSession(scene.clear_rules, sealed=True)
        self._pending = bytearray()
        self._chunk_left = 0
        self._body: list[bytes] = []
        self._injected = b""

    async def run(self) -> None:
        """Talk until either side ends it; what the client does wrong is in the dialogue."""
        try:
            await self._begin()
            while data := await self._stream.read(self._due()):
                self._pending += data
                await self._hear()
        except _Over:
            pass
        except MailError as error:
            self._note("--", str(error))
        finally:
            self._note("--", "the connection is closed")
            self._stream.close()

    async def _begin(self) -> None:
        scene = self._scene
        connecting = scene.faults.take(Phase.CONNECT)
        if connecting is not None and connecting.kind is FaultKind.STRIP:
            self._is_stripped = True
        elif connecting is not None:
            await self._misbehave(connecting)
        if not self._is_stripped:
            ends = await self._seal() if scene.opening is Opening.IMPLICIT else ChannelEnds()
            is_sealed = scene.opening is Opening.IMPLICIT
            self._session = ServerSession(scene.rules, sealed=is_sealed, channel=ends)
        await self._respond(Phase.GREETING, self._greet)

    # -- hearing ------------------------------------------------------------------------------

    async def _hear(self) -> None:
        """Let the engine hear what has come, step by step: each has an answer of its own."""
        while self._pending:
            if self._session.state is CHUNK:
                await self._hear_body(self._taken(self._chunk_left))
                continue
            end = self._pending.find(b"\n") + 1
            if not end and len(self._pending) < _MAX_LINE:
                return
            line = self._taken(end or len(self._pending))
            if self._session.state is BODY:
                await self._hear_body(line)
            else:
                await self._hear_line(line)

    async def _hear_line(self, line: bytes) -> None:
        if self._session.state is AUTHENTICATING:
            self._note("C:", "<response>")
            await self._respond(Phase.AUTH, partial(self._feed, line))
            return
        command = _command(line)
        is_auth = line[:5].upper() == b"AUTH "
        self._note("C:", b"AUTH " + b"".join(line[5:].split()[:1]) + b" <...>" if is_auth else line)
        if isinstance(command, Bdat):
            self._chunk_left = command.size
            await self._hear_body(line)
            return
        recipient = command.forward_path if isinstance(command, Rcpt) else None
        phase = None if command is None else command.phase
        await self._respond(phase, partial(self._feed, line), recipient)

    async def _hear_body(self, data: bytes) -> None:
        if self._session.state is CHUNK:
            self._chunk_left -= len(data)
        await self._feed(data)
        if self._session.state not in (BODY, CHUNK):
            await self._say()

    async def _feed(self, data: bytes) -> None:
        was_taking_a_body = self._session.state is BODY
        self._session.receive(data)
        await self._settle()
        is_due = self._session.state is HANDSHAKE or (
            self._session.state is BODY and not was_taking_a_body
        )
        if self._pending and is_due:
            # Nobody was told to go on, and the engine judges who did all the same.
            self._session.receive(self._taken(len(self._pending)))
            await self._settle()

    async def _greet(self) -> None:
        self._session.greet()

    def _taken(self, size: int) -> bytes:
        data = bytes(self._pending[:size])
        del self._pending[:size]
        return data

    # -- answering ----------------------------------------------------------------------------

    async def _respond(
        self,
        phase: Phase | None,
        act: Callable[[], Awaitable[None]],
        recipient: Address | None = None,
    ) -> None:
        fault = None if phase is None else self._scene.faults.take(phase, recipient)
        if fault is not None and fault.reply is not None:
            await self._write(fault.reply.encode())
            if fault.reply.code == 421:
                raise _Over
            return
        await self._misbehave(fault)
        await act()
        if self._session.state is HANDSHAKE and self._stream.has_input():
            # Sent before our 220 could be read, hence in clear: the session ends over it.
            if not (early := await self._stream.read(self._due())):
                raise Disconnected("the client left instead of starting TLS")
            await self._feed(early)
        await self._say()
        if self._session.state is HANDSHAKE:
            self._session.tls_established(await self._seal())

    async def _misbehave(self, fault: Fault | None) -> None:
        """Do what a fault does before the answer, or in its place."""
        if fault is None:
            return
        self._injected = fault.raw
        if fault.kind is FaultKind.DELAY:
            await asyncio.sleep(fault.seconds)
        elif fault.kind is FaultKind.DROP:
            if fault.phase is Phase.HANDSHAKE:
                # What is not read makes a reset of an end.
                await self._stream.read(self._due())
            raise _Over
        elif fault.kind is FaultKind.STALL:
            while await self._stream.read(self._due()):
                continue
            raise _Over

    async def _say(self) -> None:
        injected, self._injected = self._injected, b""
        await self._write(self._session.data_to_send() + injected)
        if self._session.state is CLOSED:
            if isinstance(self._stream, SealedStream):
                await self._stream.end(self._due())
            raise _Over

    async def _write(self, octets: bytes) -> None:
        if octets:
            self._note("S:", octets)
            await self._stream.write(octets, self._due())

    async def _seal(self) -> ChannelEnds:
        await self._misbehave(self._scene.faults.take(Phase.HANDSHAKE))
        opening = self._scene.opening or Opening.STARTTLS
        channel = Channel.server(self._scene.context, opening=opening)
        sealed = await SealedStream.establish(self._stream, channel, self._due())
        self._stream = sealed
        self._seen.tls = sealed.outcome()
        self._note("--", str(self._seen.tls))
        return ChannelEnds(channel_binding=sealed.channel_binding())

    # -- judging ------------------------------------------------------------------------------

    async def _settle(self) -> None:
        while (event := self._session.next_event()) is not None:
            if isinstance(event, events.MessageReceived):
                await self._take(event.transaction)
            else:
                self._settle_one(event)

    def _settle_one(self, event: events.ServerEvent) -> None:
        session = self._session
        match event:
            case events.HelloReceived(name):
                self._seen.client_name = name
            case events.MailReceived() | events.RecipientReceived():
                session.answer(_OK)
            case events.BodyReceived(data):
                self._body.append(data)
            case events.MessageRefused() | events.MessageDropped():
                self._body.clear()
            case _ if isinstance(event, events.AUTHENTICATION_QUESTIONS):
                self._scene.users.answer(session, event)
                self._seen.authenticated_as = session.authenticated_as
            case events.SessionEnded(error) if error is not None:
                self._note("--", str(error))

    async def _take(self, transaction: events.Transaction) -> None:
        octets = b"".join(self._body)
        self._body.clear()
        self._note("C:", f"<{len(octets)} octets of a message>")
        fault = self._scene.faults.take(Phase.BODY)
        if fault is not None and fault.reply is not None:
            self._session.answer(fault.reply)
            return
        await self._misbehave(fault)
        outgoing = Outgoing(
            envelope=Envelope(transaction.reverse_path, transaction.recipients),
            content=(octets,),
            size=len(octets),
            is_8bit=transaction.is_8bit,
            is_internationalized=transaction.is_internationalized,
            is_binary=transaction.is_binary,
        )
        await self._scene.outbox.deliver(outgoing, deadline=self._due())
        self._session.answer(_OK)

    def _due(self) -> float:
        return asyncio.get_running_loop().time() + self._scene.patience

    def _note(self, who: str, said: str | bytes) -> None:
        if isinstance(said, bytes):
            said = said.decode("latin-1").rstrip("\r\n").replace("\r\n", " / ")
        self._seen.dialogue.append(f"{who} {ascii(said)[1:-1]}")


def _command(line: bytes) -> Command | None:
    """Read a command, for the fault that may be meant for it; None for what is none."""
    try:
        return parse_command(line.rstrip(b"\r\n"))
    except Refusal:
        return None
