"""One connection of a client to a hostile server, from its first octet to its end."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from postseal.audit.lab.canaries import Canaries
from postseal.audit.lab.case import Mode, Server
from postseal.audit.lab.certificates import Certificates, load_chain
from postseal.audit.lab.deviations import (
    ANYTHING,
    AUTH_RESPONSE,
    CONNECT,
    END_OF_DATA,
    Advertise,
    Answer,
    Append,
    Channel,
    Drip,
    Flood,
    Then,
    Trap,
)
from postseal.audit.lab.handshakes import ByHand, OpenSSL
from postseal.audit.lab.records import Connection, Delivered
from postseal.audit.lab.wire import Ended, Wire
from postseal.errors import MailError
from postseal.smtp import Reply, ServerSession
from postseal.smtp.events import (
    AUTHENTICATION_QUESTIONS,
    BodyReceived,
    MailReceived,
    MessageReceived,
    MessageRefused,
    RecipientReceived,
    ServerEvent,
    SessionEnded,
    TLSRequested,
)
from postseal.smtp.known_users import KnownUsers
from postseal.smtp.protocol import Extension
from postseal.smtp.rules import Offer, ServerRules
from postseal.smtp.server_states import AUTHENTICATING, BODY
from postseal.tls import Opening

__all__ = ["Conversation", "Scene"]

_TAKEN: Final = Reply(250, ("OK",), "2.0.0")
_OFFERED: Final = frozenset(
    {
        Extension.PIPELINING,
        Extension.SIZE,
        Extension.EIGHT_BIT_MIME,
        Extension.ENHANCED_STATUS_CODES,
    }
)
_CLIENT_HELLO: Final = b"\x16\x03"
_SHOWN: Final = 200
_NOTES: Final = 200
_LAST_WORDS: Final = 0.5
_FLOOD_WRITE: Final = 65536
_ACCEPTANCE: Final = re.compile(rb"(?:250[ -][^\0\r\n]*\r\n)+")

D = TypeVar("D", Answer, Append, Advertise, Drip, Flood, Trap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What all connections of one case share; `given` is what the client was given to send."""

    mode: Mode
    given: Canaries
    certificates: Certificates


class Conversation:
    """Speaks as the engine does, but for the deviations of `server`."""

    def __init__(self, wire: Wire, server: Server, scene: Scene) -> None:
        self._wire = wire
        self._server = server
        self._scene = scene
        self._users = KnownUsers({scene.given.user: scene.given.password})
        self._record: Connection = wire.record
        is_implicit = scene.mode is Mode.IMPLICIT
        self._session = self._new_session(sealed=server.feigns_tls or is_implicit)
        self._pending = b""
        self._body: list[bytes] = []
        self._said: dict[Answer, int] = {}
        self._wants_tls = False
        self._is_over = False
        self._is_challenged = False
        self._taken: MessageReceived | None = None

    async def run(self) -> None:
        """Talk until either side ends it."""
        try:
            if self._server.refuses:
                raise Ended(Then.RESET)
            if self._scene.mode is Mode.IMPLICIT and not self._server.greets_in_clear:
                await self._seal()
            await self._respond(CONNECT, self._session.greet)
            while data := await self._wire.read():
                self._pending += data
                await self._hear()
        except Ended as ended:
            await self._end(ended.then)
        except (MailError, OSError) as error:
            self._note("--", str(error).encode())
        finally:
            self._wire.close()

    async def _end(self, then: Then) -> None:
        self._note("--", f"the server {then.value}".encode())
        if then is Then.RESET:
            self._wire.reset()
        elif then is Then.CUT:
            self._wire.cut()
        elif then is Then.CLOSE:
            # A client may go on talking to a server that has said good-bye.
            await self._wire.finish()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS):
                    while await self._wire.read():
                        continue
        elif then is Then.STALL:
            while await self._wire.read():
                continue

    async def _hear(self) -> None:
        """Take what the client said line by line, as far as it has come."""
        while self._pending:
            if self._session.state is BODY:
                await self._hear_body()
                continue
            if not self._wire.is_sealed and self._pending.startswith(_CLIENT_HELLO):
                await self._begin_unasked()
                continue
            line, newline, rest = self._pending.partition(b"\n")
            if not newline:
                return
            self._pending = rest
            await self._hear_line(line + newline)

    async def _hear_line(self, line: bytes) -> None:
        self._note("C:", line)
        if self._session.state is AUTHENTICATING or self._is_challenged:
            moment = AUTH_RESPONSE
        else:
            moment = line.split(b" ", 1)[0].strip().upper().decode("ascii", "replace")
        for trap in self._deviations(Trap):
            if trap.to == moment and trap.holding in line:
                self._record.trapped.append(trap.told)
        await self._respond(moment, lambda: self._session.receive(line))
        if self._wants_tls:
            self._wants_tls = False
            # What was sent behind the command came in clear, and is recorded as that, unless it
            # is the handshake of a client that was told beforehand to begin it.
            if self._pending.startswith(_CLIENT_HELLO):
                self._wire.unread(self._pending)
            self._pending = b""
            await self._seal()
            self._session.tls_established()

    async def _hear_body(self) -> None:
        line, newline, self._pending = self._pending.partition(b"\n")
        self._session.receive(line + newline)
        self._settle()
        if self._session.state is not BODY:
            await self._respond(END_OF_DATA, lambda: None)

    async def _begin_unasked(self) -> None:
        """Meet a handshake that begins where the engine awaits a command."""
        self._wire.unread(self._pending)
        self._pending = b""
        await self._seal()
        if not self._wire.is_sealed:
            return
        self._session = self._new_session(sealed=True)
        self._session.greet()
        greeting = self._session.data_to_send()
        if self._server.greets_in_clear:
            await self._say(greeting)

    async def _respond(self, moment: str, act: Callable[[], None]) -> None:
        """Let the engine act and say what it answers, or what the case has in its place."""
        for flood in self._deviations(Flood):
            if flood.to == moment:
                await self._flood(flood)
        answer = self._answer_to(moment)
        if answer is None or answer.then is Then.OBEY:
            act()
            self._settle()
        said = self._session.data_to_send()
        taken, self._taken = self._taken, None
        if answer is not None:
            said = answer.raw
        elif moment == "EHLO" and said.startswith(b"250"):
            said = self._advertised(said)
        if taken is not None and _ACCEPTANCE.fullmatch(said):
            self._record.delivered.append(
                Delivered(
                    recipients=taken.transaction.recipients,
                    content=b"".join(self._body),
                    was_sealed=self._wire.is_sealed,
                )
            )
        late: list[Append] = []
        for extra in self._deviations(Append):
            if extra.to == moment and extra.seconds:
                late.append(extra)
            elif extra.to == moment:
                said += extra.raw
        self._is_challenged = said.startswith(b"334") and moment in ("AUTH", AUTH_RESPONSE)
        await self._say(said)
        for extra in late:
            await self._wire.pause(extra.seconds)
            await self._say(extra.raw)
        if answer is not None and answer.then not in (Then.GO_ON, Then.OBEY):
            raise Ended(answer.then)
        if self._is_over:
            raise Ended(Then.CLOSE)

    def _settle(self) -> None:
        """Answer what the engine asks, as an honest and generous platform would."""
        while (event := self._session.next_event()) is not None:
            self._settle_one(event)

    def _settle_one(self, event: ServerEvent) -> None:
        session = self._session
        match event:
            case TLSRequested():
                self._wants_tls = True
            case MailReceived() | RecipientReceived():
                self._body.clear()
                session.answer(_TAKEN)
            case BodyReceived(data):
                self._body.append(data)
            case MessageReceived():
                self._taken = event
                session.answer(_TAKEN)
            case MessageRefused():
                self._body.clear()
            case _ if isinstance(event, AUTHENTICATION_QUESTIONS):
                self._users.answer(session, event)
            case SessionEnded():
                self._is_over = True

    async def _seal(self) -> None:
        handshake = self._server.handshake
        if isinstance(handshake, OpenSSL):
            context = await self._context(handshake)
            await self._wire.begin_tls(context, Opening(self._scene.mode.value))
            self._note("--", f"TLS: {self._record.tls}".encode())
            return
        if isinstance(handshake, ByHand):
            answer = handshake.begin(self._scene.certificates)
            await self._say(answer(await self._wire.first_flight()))
            self._wire.answer_records(answer, handshake.consent)
            raise Ended(Then.STALL)
        await self._say(handshake.answer(await self._wire.first_flight()))
        if handshake.then is not Then.GO_ON:
            raise Ended(handshake.then)

    async def _context(self, handshake: OpenSSL) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            if handshake.shape is not None:
                handshake.shape(context)
            # Making a key may take a second, which no other conversation is to lose.
            chain = await asyncio.to_thread(handshake.certificate, self._scene.certificates)
            load_chain(context, chain)
        except ssl.SSLError as error:
            # Else it would pass for the end of a connection.
            raise RuntimeError(f"OpenSSL does not take what the case shows: {error}") from error
        return context

    def _new_session(self, *, sealed: bool) -> ServerSession:
        rules = ServerRules(
            self._scene.certificates.host,
            starttls=Offer.REQUIRED if self._scene.mode is Mode.STARTTLS else Offer.UNAVAILABLE,
            authentication=Offer.OFFERED,
            extensions=_OFFERED,
            sasl=self._server.offer,
            max_errors=1000,
            max_commands=10_000,
        )
        return ServerSession(rules, sealed=sealed)

    def _advertised(self, said: bytes) -> bytes:
        lines = said.decode("ascii").split("\r\n")[:-1]
        for change in self._deviations(Advertise):
            lines = [line for line in lines if line[4:].split(" ")[0].upper() not in change.without]
            lines += [f"250-{line}" for line in change.also]
        marked = [f"{line[:3]}-{line[4:]}\r\n" for line in lines[:-1]]
        last = lines[-1]
        return "".join([*marked, f"{last[:3]} {last[4:]}\r\n"]).encode("ascii")

    def _answer_to(self, moment: str) -> Answer | None:
        for answer in self._deviations(Answer):
            spent = self._said.get(answer, 0)
            is_due = answer.to == moment or (answer.to == ANYTHING and moment != CONNECT)
            if is_due and (answer.times is None or spent < answer.times):
                self._said[answer] = spent + 1
                return answer
        return None

    def _deviations(self, kind: type[D]) -> list[D]:
        here = Channel.SEALED if self._wire.is_sealed else Channel.CLEAR
        return [
            one
            for one in self._server.deviations
            if isinstance(one, kind) and one.on in (here, Channel.ANY)
        ]

    async def _flood(self, flood: Flood) -> None:
        self._note("S:", flood.piece)
        pieces = flood.piece * max(1, _FLOOD_WRITE // len(flood.piece))
        said = 0
        while said < flood.octets:
            await self._wire.write(pieces)
            if self._wire.is_gone:
                raise Ended(Then.CLOSE)
            said += len(pieces)
        self._record.swallowed = said
        raise Ended(Then.CLOSE)

    async def _say(self, raw: bytes) -> None:
        if not raw:
            return
        self._note("S:", raw)
        drips = self._deviations(Drip)
        await self._wire.write(raw, pace=drips[0].seconds if drips else 0.0)

    def _note(self, who: str, octets: bytes) -> None:
        if len(self._record.dialogue) == _NOTES:
            self._record.dialogue.append("-- and so on")
        if len(self._record.dialogue) > _NOTES:
            return
        shown = ascii(octets[:_SHOWN].decode("latin-1"))[1:-1]
        more = f" ... {len(octets)} octets in all" if len(octets) > _SHOWN else ""
        self._record.dialogue.append(f"{who} {shown}{more}")
