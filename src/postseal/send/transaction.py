"""One message over an open connection: envelope, body, and what became of each recipient."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from postseal.address import Address
from postseal.errors import MailError, PermanentlyRejected, Phase
from postseal.mail import Envelope
from postseal.send.connection import Connection
from postseal.send.results import Delivery, Refusal
from postseal.smtp import ClientState, Reply
from postseal.smtp.commands import Command, Data, Mail, Rcpt, Rset

__all__ = ["Content", "Outgoing", "deliver"]

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
    """Hand one message to the server.

    Refusals are part of the result. What breaks the connection raises, and closes it; a message
    whose fate the server did not tell is an error of phase `body`. Raises `PermanentlyRejected`
    before anything is sent when the server lacks what the message needs.
    """
    parameters = _mail_parameters(connection, outgoing)
    try:
        return await _Transaction(connection, outgoing, deadline).run(parameters)
    except MailError as error:
        connection.close()
        error.at(phase=connection.session.waiting_for, host=connection.endpoint.host)
        raise
    except BaseException:
        # Cancelled, or the content failed: half a body must not become a message.
        connection.close()
        raise


class _Transaction:
    def __init__(self, connection: Connection, outgoing: Outgoing, deadline: float) -> None:
        self._connection = connection
        self._session = connection.session
        self._outgoing = outgoing
        self._deadline = deadline

    async def run(self, parameters: tuple[str, ...]) -> Delivery:
        envelope = self._outgoing.envelope
        recipients = envelope.recipients
        commands: list[Command] = [Mail(envelope.sender, parameters)]
        commands += [Rcpt(recipient) for recipient in recipients]
        replies = await self._say_envelope(commands)
        mail, answers, data = replies[0], replies[1 : len(commands)], replies[-1]
        if not mail.is_positive:
            refused = tuple(Refusal(one, Phase.MAIL, mail) for one in recipients)
            return await self._finish((), refused, data)
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
        verdict = await self._send_body()
        if not verdict.is_positive:
            refused += tuple(Refusal(one, Phase.BODY, verdict) for one in accepted)
            accepted = ()
        return await self._finish(accepted, refused, verdict)

    async def _say_envelope(self, commands: list[Command]) -> list[Reply]:
        """Say MAIL, each RCPT and DATA; return their replies, the last being that to DATA."""
        if "PIPELINING" in self._connection.extensions:
            return await self._say_in_flights([*commands, Data()])
        replies: list[Reply] = []
        for command in commands:
            replies.append(await self._ask(command))
            if isinstance(command, Mail) and not replies[0].is_positive:
                return replies
        if any(reply.is_positive for reply in replies[1:]):
            replies.append(await self._ask(Data()))
        return replies

    async def _say_in_flights(self, commands: list[Command]) -> list[Reply]:
        replies: list[Reply] = []
        for start in range(0, len(commands), _COMMANDS_IN_FLIGHT):
            flight = commands[start : start + _COMMANDS_IN_FLIGHT]
            octets = b"".join([self._session.send(command) for command in flight])
            await self._write(octets)
            replies += [await self._reply() for _ in flight]
        return replies

    async def _send_body(self) -> Reply:
        block = bytearray()
        async for piece in _pieces(self._outgoing.content):
            block += self._session.write_body(piece)
            if len(block) >= _BLOCK:
                await self._write(bytes(block))
                block.clear()
        block += self._session.end_body()
        await self._write(bytes(block))
        return await self._reply()

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
        return Delivery(
            accepted=accepted,
            refused=refused,
            reply=verdict,
            host=self._connection.endpoint.host,
            peer_address=self._connection.peer_address,
            tls=self._connection.tls,
        )

    async def _ask(self, command: Command) -> Reply:
        return await self._connection.ask(command, deadline=self._deadline)

    async def _write(self, data: bytes) -> None:
        await self._connection.write(data, deadline=self._deadline)

    async def _reply(self) -> Reply:
        return await self._connection.reply(deadline=self._deadline)


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


async def _pieces(content: Content) -> AsyncIterator[bytes]:
    if isinstance(content, AsyncIterable):
        async for piece in content:
            yield piece
    else:
        for piece in content:
            yield piece
