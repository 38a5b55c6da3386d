"""One message over an open connection: envelope, body, and what became of each recipient."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from postseal.address import Address
from postseal.errors import LocalProtocolError, MailError, PermanentlyRejected, Phase
from postseal.mail import Envelope
from postseal.send.connection import Connection
from postseal.send.results import Delivery, Refusal
from postseal.smtp import ClientState, Reply
from postseal.smtp.commands import Command, Data, Mail, Rcpt, Rset

__all__ = ["Content", "Deliveries", "Outgoing", "deliver"]

Content: TypeAlias = Iterable[bytes] | AsyncIterable[bytes]
"""The octets of a message, in pieces of any size."""

# RFC 2920 3.1: a flight must not grow beyond what the peer can answer while we still write.
_COMMANDS_IN_FLIGHT: Final = 100
_BLOCK: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message on its way out: its envelope, its octets and what they demand of the server.

    `size` in octets, where known, is checked against the server's limit before anything is sent.
    `is_8bit` content needs 8BITMIME (RFC 6152), `is_internationalized` SMTPUTF8 (RFC 6531).
    """

    envelope: Envelope
    content: Content
    size: int | None = None
    is_8bit: bool = False
    is_internationalized: bool = False


async def deliver(connection: Connection, outgoing: Outgoing, *, deadline: float) -> Delivery:
    """Hand one message to the server; see `Deliveries.deliver`."""
    return await Deliveries(connection).deliver(outgoing, deadline=deadline)


def _nothing_follows() -> None:
    return None


class Deliveries:
    """The messages that go over one connection, one behind the other.

    Where the server takes PIPELINING, the envelope of the next message rides behind the body of
    the one before (RFC 2920 3.1), so that a busy connection costs one round trip a message.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session = connection.session
        self._deadline = 0.0
        self._block = bytearray()
        self._announced: Outgoing | None = None

    async def deliver(
        self,
        outgoing: Outgoing,
        *,
        deadline: float,
        following: Callable[[], Outgoing | None] = _nothing_follows,
    ) -> Delivery:
        """Hand one message to the server.

        `following` is asked once, as the body ends, for the message to come next, which must then
        be the next one delivered here. Refusals are part of the result. What breaks the connection
        raises, and closes it; a message whose fate the server did not tell is an error of phase
        `body`, and one that was only announced was not taken. Raises `PermanentlyRejected` before
        anything is sent when the server lacks what the message needs.
        """
        if self._announced is None:
            parameters = _mail_parameters(self._connection, outgoing)
        elif self._announced is outgoing:
            parameters = None
        else:
            raise LocalProtocolError("another message has been announced to the server")
        self._deadline = deadline
        try:
            return await self._run(outgoing, parameters, following)
        except MailError as error:
            self._connection.close()
            # Only while the body is sent is nothing unanswered.
            phase = self._session.waiting_for or Phase.BODY
            error.at(phase=phase, host=self._connection.endpoint.host)
            raise
        except BaseException:
            # Cancelled, or the content failed: half a body must not become a message.
            self._connection.close()
            raise

    async def _run(
        self,
        outgoing: Outgoing,
        parameters: tuple[str, ...] | None,
        following: Callable[[], Outgoing | None],
    ) -> Delivery:
        recipients = outgoing.envelope.recipients
        if parameters is None:
            self._announced = None
            replies = await self._replies(len(recipients) + 2)
        else:
            replies = await self._say_envelope(_commands(outgoing, parameters))
        mail, answers, data = replies[0], replies[1 : len(recipients) + 1], replies[-1]
        if not mail.is_positive:
            refused = tuple(Refusal(one, Phase.MAIL, mail) for one in recipients)
            return await self._finish((), refused, mail)
        accepted = tuple(
            one for one, reply in zip(recipients, answers, strict=True) if reply.is_positive
        )
        refused = tuple(
            Refusal(one, Phase.RCPT, reply)
            for one, reply in zip(recipients, answers, strict=True)
            if not reply.is_positive
        )
        if not accepted:
            return await self._finish((), refused, answers[-1])
        if self._session.state is not ClientState.BODY:
            refused += tuple(Refusal(one, Phase.DATA, data) for one in accepted)
            return await self._finish((), refused, data)
        verdict = await self._send_body(outgoing.content, following)
        if not verdict.is_positive:
            refused += tuple(Refusal(one, Phase.BODY, verdict) for one in accepted)
            accepted = ()
        return self._result(accepted, refused, verdict)

    async def _say_envelope(self, commands: list[Command]) -> list[Reply]:
        """Say MAIL, each RCPT and DATA; return their replies, the last being that to DATA."""
        replies: list[Reply] = []
        if "PIPELINING" in self._connection.extensions:
            for start in range(0, len(commands), _COMMANDS_IN_FLIGHT):
                flight = commands[start : start + _COMMANDS_IN_FLIGHT]
                await self._write(self._encode(flight))
                replies += await self._replies(len(flight))
            return replies
        for command in commands[:-1]:
            replies.append(await self._ask(command))
            if not replies[0].is_positive:
                return replies
        if any(reply.is_positive for reply in replies[1:]):
            replies.append(await self._ask(commands[-1]))
        return replies

    async def _send_body(self, content: Content, following: Callable[[], Outgoing | None]) -> Reply:
        self._block.clear()
        if isinstance(content, AsyncIterable):
            async for piece in content:
                await self._put(piece)
        else:
            for piece in content:
                await self._put(piece)
        self._block += self._session.end_body()
        if (rider := following()) is not None:
            self._block += self._announce(rider)
        await self._write(bytes(self._block))
        return await self._reply()

    async def _put(self, piece: bytes) -> None:
        # The time for a block is not made for a whole message in one piece, nor is our memory.
        for start in range(0, len(piece), _BLOCK):
            part = piece[start : start + _BLOCK] if len(piece) > _BLOCK else piece
            self._block += self._session.write_body(part)
            if len(self._block) >= _BLOCK:
                await self._write(bytes(self._block))
                self._block.clear()

    def _announce(self, rider: Outgoing) -> bytes:
        """Give the envelope that can ride behind a body; nothing when it cannot."""
        if len(rider.envelope.recipients) + 2 > _COMMANDS_IN_FLIGHT:
            return b""
        if "PIPELINING" not in self._connection.extensions:
            return b""
        try:
            parameters = _mail_parameters(self._connection, rider)
        except PermanentlyRejected:
            # Said again, and to the right caller, when its turn comes.
            return b""
        self._announced = rider
        return self._encode(_commands(rider, parameters))

    async def _finish(
        self, accepted: tuple[Address, ...], refused: tuple[Refusal, ...], verdict: Reply
    ) -> Delivery:
        """Leave the session ready for the next message, and say what became of this one."""
        if self._session.state is ClientState.BODY:
            # RFC 2920 3.1: 354 although no recipient was taken; a lone dot ends it.
            await self._write(self._session.end_body())
            await self._reply()
        elif self._session.state is ClientState.TRANSACTION:
            await self._ask(Rset())
        return self._result(accepted, refused, verdict)

    def _result(
        self, accepted: tuple[Address, ...], refused: tuple[Refusal, ...], verdict: Reply
    ) -> Delivery:
        return Delivery(
            accepted=accepted,
            refused=refused,
            reply=verdict,
            host=self._connection.endpoint.host,
            peer_address=self._connection.peer_address,
            tls=self._connection.tls,
        )

    def _encode(self, commands: Iterable[Command]) -> bytes:
        return b"".join([self._connection.encode(command) for command in commands])

    async def _replies(self, count: int) -> list[Reply]:
        return [await self._reply() for _ in range(count)]

    async def _ask(self, command: Command) -> Reply:
        return await self._connection.ask(command, deadline=self._deadline)

    async def _write(self, data: bytes) -> None:
        await self._connection.write(data, deadline=self._deadline)

    async def _reply(self) -> Reply:
        return await self._connection.reply(deadline=self._deadline)


def _commands(outgoing: Outgoing, parameters: tuple[str, ...]) -> list[Command]:
    envelope = outgoing.envelope
    return [
        Mail(envelope.sender, parameters),
        *(Rcpt(recipient) for recipient in envelope.recipients),
        Data(),
    ]


def _mail_parameters(connection: Connection, outgoing: Outgoing) -> tuple[str, ...]:
    extensions = connection.extensions
    parameters: list[str] = []
    if outgoing.size is not None and "SIZE" in extensions:
        limit = extensions.max_message_size
        if limit is not None and outgoing.size > limit:
            raise _not_possible(
                connection,
                "5.3.4",
                f"the message has {outgoing.size} octets, the server takes {limit}",
            )
        parameters.append(f"SIZE={outgoing.size}")
    if outgoing.is_8bit:
        if "8BITMIME" not in extensions:
            raise _not_possible(
                connection, "5.6.3", "the message is 8-bit, and the server does not take that"
            )
        parameters.append("BODY=8BITMIME")
    if outgoing.is_internationalized or outgoing.envelope.needs_smtputf8:
        if "SMTPUTF8" not in extensions:
            raise _not_possible(
                connection, "5.6.7", "the message needs SMTPUTF8, and the server does not offer it"
            )
        parameters.append("SMTPUTF8")
    return tuple(parameters)


def _not_possible(connection: Connection, enhanced_code: str, text: str) -> PermanentlyRejected:
    return PermanentlyRejected(
        text, phase=Phase.MAIL, host=connection.endpoint.host, enhanced_code=enhanced_code
    )
