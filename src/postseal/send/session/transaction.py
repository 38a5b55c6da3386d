"""One message over an open connection: envelope, body, and what became of each recipient."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import replace
from typing import Final, NamedTuple

from postseal.address import Address
from postseal.errors import (
    DeliveryUnknown,
    InvalidInput,
    LocalProtocolError,
    MailError,
    Phase,
    PolicyNotMet,
)
from postseal.send.outgoing import Outgoing, can_be_read_again
from postseal.send.results import Delivery, Refusal
from postseal.send.session.bodies import ChunkedBody, DataBody
from postseal.send.session.connection import Connection
from postseal.send.session.converted import in_7_bits, wants_7_bits
from postseal.send.terms import terms_for
from postseal.send.transport import Following, nothing_follows
from postseal.smtp import ClientState, Reply
from postseal.smtp.client_parameters import Terms
from postseal.smtp.commands import Command, Data, Mail, Rcpt, Rset
from postseal.smtp.limits import Allowance
from postseal.smtp.protocol import Protocol
from postseal.tls import TLSLevel

__all__ = ["Deliveries", "deliver"]

# RFC 2920 3.1: a flight must not grow beyond what the peer can answer while we still write.
_COMMANDS_IN_FLIGHT: Final = 100

_SMTP: Final = Protocol.SMTP

# What the server would say (RFC 9422 3), had it been asked.
_USED_UP: Final = Reply(452, ("the limits of the session are reached",), "4.5.3")


async def deliver(connection: Connection, outgoing: Outgoing, *, deadline: float) -> Delivery:
    """Hand one message to the server; see `Deliveries.deliver`."""
    return await Deliveries(connection).deliver(outgoing, deadline=deadline)


class _Transaction(NamedTuple):
    """A message to some of its recipients, on the terms of one server."""

    outgoing: Outgoing
    recipients: tuple[Address, ...]
    terms: Terms
    is_converted: bool = False

    def envelope(self) -> list[Command]:
        """MAIL and each RCPT."""
        terms = self.terms
        commands: list[Command] = [Mail(self.outgoing.envelope.sender, terms.mail)]
        commands += [Rcpt(recipient, terms.rcpt(recipient)) for recipient in self.recipients]
        return commands

    def go_ahead(self) -> tuple[Command, ...]:
        """DATA, unless the body goes by BDAT, which asks for no permission.

        A chunk could be sent together with the envelope; but a server that does not follow would
        take that of a refused sender for commands.
        """
        return () if self.outgoing.goes_by_bdat else (Data(),)


class Deliveries:
    """The messages that go over one connection, one behind the other.

    Where the server takes PIPELINING, the envelope of the next message rides behind the body of
    the one before (RFC 2920 3.1), so that a busy connection costs one round trip a message.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session = connection.session
        self._body = DataBody(connection)
        self._deadline = 0.0
        self._announced: _Transaction | None = None
        # Of the transaction under way: whether anybody is to get it, and what cut off its verdicts.
        self._has_takers = False
        self._cut: DeliveryUnknown | None = None

    @property
    def has_announced(self) -> bool:
        """True when the envelope of the next message has been said already."""
        return self._announced is not None

    async def deliver(
        self,
        outgoing: Outgoing,
        *,
        deadline: float,
        following: Following = nothing_follows,
    ) -> Delivery:
        """Hand one message to the server, in several transactions where it limits one.

        `following` may be asked once, as the body ends, for the message to come next, which must
        then be the next one delivered here. Refusals are part of the result. What breaks the
        connection raises, and closes it; `DeliveryUnknown` where the server did not tell what
        became of the message. One that was only announced was not taken. Raises
        `PermanentlyRejected` before anything is sent when the server lacks what the message needs,
        `PolicyNotMet` when the message requires TLS and the connection has less, and
        `InvalidInput` when the content had to be read more often than it can be.
        """
        announced = self._announced
        if announced is not None and announced.outgoing is not outgoing:
            raise LocalProtocolError("another message has been announced to the server")
        if announced is not None:
            whole = announced
        elif wants_7_bits(outgoing, self._connection.extensions):
            whole = await self._converted(outgoing)
        else:
            whole = self._transaction(outgoing)
        self._deadline = deadline
        self._connection.usage.messages += 1
        try:
            allowance = self._connection.allowance
            if allowance is None:
                return await self._run(whole, following)
            return await self._run_in_parts(whole, allowance, following)
        except MailError as error:
            self._connection.close()
            # Only while the body is sent is nothing unanswered.
            phase = self._session.waiting_for or Phase.BODY
            error.at(phase=phase, host=self._connection.endpoint.host)
            if self._has_takers and self._session.awaits_verdict:
                raise _unknown(error) from error
            raise
        except BaseException:
            # Cancelled, or the content failed: half a body must not become a message.
            self._connection.close()
            raise

    async def _run_in_parts(
        self,
        whole: _Transaction,
        allowance: Allowance,
        following: Following,
    ) -> Delivery:
        left = whole.recipients
        # One that was announced is counted already, and whole.
        part = allowance.take(left) if self._announced is None else left
        if len(part) < len(left) and not can_be_read_again(whole.outgoing.content):
            raise InvalidInput(
                f"the server takes {len(part)} of the {len(left)} recipients at a time, and the "
                "content can be read only once",
                phase=Phase.MAIL,
                hint="Give the content as a list, or send to fewer recipients.",
            )
        delivery: Delivery | None = None
        while part:
            taken = set(part)
            left = tuple(one for one in left if one not in taken)
            try:
                done = await self._run(
                    whole._replace(recipients=part), nothing_follows if left else following
                )
            except MailError as error:
                if delivery is None:
                    raise
                self._connection.close()
                error.at(phase=self._session.waiting_for or Phase.BODY)
                if self._has_takers and self._session.awaits_verdict:
                    error = _unknown(error)
                return replace(delivery.broken_off(part, error), untried=left)
            delivery = done if delivery is None else delivery.joined_with(done)
            part = allowance.take(left)
        if delivery is None:
            delivery = self._result(whole, (), _USED_UP)
        if self._announced is None and (left or allowance.is_spent):
            await self._connection.quit(deadline=self._deadline)
        return replace(delivery, untried=left)

    async def _run(self, transaction: _Transaction, following: Following) -> Delivery:
        outgoing, recipients = transaction.outgoing, transaction.recipients
        self._begin()
        if self._announced is None:
            replies = await self._say_envelope(transaction)
        else:
            self._announced = None
            replies = await self._replies(1 + len(recipients) + len(transaction.go_ahead()))
        mail, answers, data = replies[0], replies[1 : len(recipients) + 1], replies[-1]
        if not mail.is_positive:
            refused = tuple(Refusal(one, Phase.MAIL, mail) for one in recipients)
            return await self._finish(transaction, refused, mail)
        refused = tuple(
            [
                Refusal(one, Phase.RCPT, reply)
                for one, reply in zip(recipients, answers, strict=True)
                if not reply.is_positive
            ]
        )
        accepted = recipients
        if refused:
            lost = {refusal.recipient for refusal in refused}
            accepted = tuple([one for one in recipients if one not in lost])
        if not accepted:
            return await self._finish(transaction, refused, answers[-1])
        self._has_takers = True
        if outgoing.goes_by_bdat:
            verdicts = await self._send_chunks(outgoing, accepted)
        elif data.code != 354:
            refused += tuple(Refusal(one, Phase.DATA, data) for one in accepted)
            return await self._finish(transaction, refused, data)
        else:
            await self._body.send(
                outgoing.content,
                following=lambda: self._announce(following()),
                deadline=self._deadline,
            )
            verdicts = await self._verdicts(accepted)
        heard = accepted[: len(verdicts)]
        judged = zip(heard, verdicts, strict=True)
        delivery = self._result(transaction, refused, verdicts[-1], judged)
        cut = self._cut
        return delivery if cut is None else delivery.broken_off(accepted[len(heard) :], cut)

    def _begin(self) -> None:
        self._has_takers = False
        self._cut = None

    async def _say_envelope(self, transaction: _Transaction) -> list[Reply]:
        """Say MAIL, each RCPT and, where it is wanted, DATA; return their replies."""
        replies: list[Reply] = []
        if "PIPELINING" in self._connection.extensions:
            commands = (*transaction.envelope(), *transaction.go_ahead())
            for start in range(0, len(commands), _COMMANDS_IN_FLIGHT):
                flight = commands[start : start + _COMMANDS_IN_FLIGHT]
                await self._write(self._connection.encode(*flight))
                replies += await self._replies(len(flight))
            return replies
        for command in transaction.envelope():
            replies.append(await self._ask(command))
            if not replies[0].is_positive:
                return replies
        if any(reply.is_positive for reply in replies[1:]):
            replies += [await self._ask(command) for command in transaction.go_ahead()]
        return replies

    async def _send_chunks(
        self, outgoing: Outgoing, accepted: tuple[Address, ...]
    ) -> tuple[Reply, ...]:
        body = ChunkedBody(self._connection, is_binary=outgoing.is_binary, deadline=self._deadline)
        # Nothing rides behind it: after a refused chunk some servers keep the transaction open
        # (RFC 3030 2 calls the state indeterminate), and the next MAIL would be a nested one.
        refusal = await body.send(outgoing.content)
        if refusal is None:
            verdicts = await self._verdicts(accepted)
        else:
            verdicts = (refusal,) * len(accepted)
        if not any(verdict.is_positive for verdict in verdicts) and self._connection.is_open:
            try:
                await self._ask(Rset())
            except MailError:
                # The refusal stands; only the connection is of no more use.
                self._connection.close()
        return verdicts

    async def _verdicts(self, accepted: tuple[Address, ...]) -> tuple[Reply, ...]:
        """Read what the server says of the message, for each recipient that was taken.

        Where the connection breaks between two verdicts, those before it are given.
        """
        first = await self._reply()
        if self._session.protocol is _SMTP:
            return (first,) * len(accepted)
        verdicts = [first]
        try:
            while len(verdicts) < len(accepted):
                verdicts.append(await self._reply())
        except MailError as error:
            # Those who have a verdict must not get the message a second time.
            self._connection.close()
            self._cut = _unknown(error)
        return tuple(verdicts)

    def _announce(self, rider: Outgoing | None) -> bytes:
        """Give the envelope that can ride behind a body; nothing when it cannot."""
        if rider is None or "PIPELINING" not in self._connection.extensions:
            return b""
        if len(rider.envelope.recipients) + 2 > _COMMANDS_IN_FLIGHT:
            return b""
        try:
            transaction = self._transaction(rider)
        except MailError:
            # Said again, and to the right caller, when its turn comes.
            return b""
        allowance = self._connection.allowance
        if allowance is not None and not allowance.take_all(transaction.recipients):
            return b""
        self._announced = transaction
        return self._connection.encode(*transaction.envelope(), *transaction.go_ahead())

    async def _finish(
        self, transaction: _Transaction, refused: tuple[Refusal, ...], verdict: Reply
    ) -> Delivery:
        """Leave the session, which did not take the message, ready for the next one."""
        if self._session.state is ClientState.BODY:
            # RFC 2920 3.1: 354 although no recipient was taken; a lone dot ends it.
            await self._write(self._session.end_body())
            await self._reply()
        elif self._session.state is ClientState.TRANSACTION:
            await self._ask(Rset())
        return self._result(transaction, refused, verdict)

    def _result(
        self,
        transaction: _Transaction,
        refused: tuple[Refusal, ...],
        reply: Reply,
        judged: Iterable[tuple[Address, Reply]] = (),
    ) -> Delivery:
        accepted: list[Address] = []
        verdicts: list[Reply] = []
        for recipient, verdict in judged:
            if verdict.is_positive:
                accepted.append(recipient)
                verdicts.append(verdict)
            else:
                refused += (Refusal(recipient, Phase.BODY, verdict),)
        return Delivery(
            accepted=tuple(accepted),
            verdicts=tuple(verdicts),
            refused=refused,
            reply=reply,
            host=self._connection.endpoint.host,
            peer_address=self._connection.peer_address,
            tls=self._connection.tls,
            dropped=transaction.terms.dropped,
            is_converted=transaction.is_converted,
        )

    def _transaction(self, outgoing: Outgoing) -> _Transaction:
        try:
            self._require_tls(outgoing)
            terms = terms_for(outgoing, self._connection.extensions)
        except MailError as error:
            error.at(host=self._connection.endpoint.host)
            raise
        return _Transaction(outgoing, outgoing.envelope.recipients, terms)

    async def _converted(self, outgoing: Outgoing) -> _Transaction:
        try:
            ready = await in_7_bits(outgoing)
        except MailError as error:
            error.at(host=self._connection.endpoint.host)
            raise
        is_converted = ready.content is not outgoing.content
        return self._transaction(ready)._replace(is_converted=is_converted)

    def _require_tls(self, outgoing: Outgoing) -> None:
        # RFC 8689 4.2.1: the server proved who it is, or the message is not sent.
        if outgoing.options is None or not outgoing.options.requires_tls:
            return
        level = self._connection.tls.level
        if level < TLSLevel.AUTHENTICATED:
            raise PolicyNotMet(
                "the message requires TLS with an authenticated server, and the connection is "
                f"{level.word}",
                phase=Phase.MAIL,
                hint="Use smtp:// or smtps://.",
            )

    def _replies(self, count: int) -> Awaitable[list[Reply]]:
        return self._connection.replies(count, deadline=self._deadline)

    def _ask(self, command: Command) -> Awaitable[Reply]:
        return self._connection.ask(command, deadline=self._deadline)

    def _write(self, data: bytes) -> Awaitable[None]:
        return self._connection.write(data, deadline=self._deadline)

    def _reply(self) -> Awaitable[Reply]:
        return self._connection.reply(deadline=self._deadline)


def _unknown(error: MailError) -> DeliveryUnknown:
    return DeliveryUnknown(
        f"the message was handed over, and the server did not say what became of it: {error.text}",
        phase=Phase.BODY,
        host=error.host,
        hint="It may have been taken. Sent again, it may arrive twice.",
    )
