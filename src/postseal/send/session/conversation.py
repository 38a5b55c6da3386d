"""Commands out and replies in, over a stream and in time: what talk with a server is made of."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import Final

from postseal.errors import Disconnected, MailError, Phase, TimedOut
from postseal.send.networks.network import Network, Stream
from postseal.send.observing import ConnectionWatch
from postseal.send.timeouts import Timeouts
from postseal.smtp import ClientSession, Extensions, Reply, ReplyReceived
from postseal.smtp.client_states import CLOSED
from postseal.smtp.commands import Command

__all__ = ["Conversation"]

# To read what is there already; in seconds.
_MOMENT: Final = 0.05


class Conversation:
    """A client session on its stream; `Connection` opens one, seals it and authenticates.

    Methods raise `MailError`s that say the phase; after one the conversation is of no more use.
    """

    def __init__(
        self,
        network: Network,
        stream: Stream,
        session: ClientSession,
        timeouts: Timeouts,
        watch: ConnectionWatch | None = None,
    ) -> None:
        self._network = network
        self._watch = watch or ConnectionWatch()
        self._stream = stream
        self._session = session
        self._timeouts = timeouts
        self._replies: deque[ReplyReceived] = deque()
        self._is_closed = False

    @property
    def session(self) -> ClientSession:
        """The protocol's state, for the transaction that runs over this connection."""
        return self._session

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""
        return self._session.extensions

    @property
    def is_open(self) -> bool:
        """True until either side has closed, as far as is known."""
        return not self._is_closed and self._session.state is not CLOSED

    def close(self) -> None:
        """Close without a word."""
        self._is_closed = True
        self._stream.close()
        self._watch.closed()

    async def ask(self, command: Command, *, deadline: float) -> Reply:
        """Send one command and wait for its reply."""
        await self.write(self.encode(command), deadline=deadline)
        return await self.reply(deadline=deadline)

    def encode(self, *commands: Command) -> bytes:
        """Give the octets of commands, to be written next in one flight."""
        self.heed_farewell()
        try:
            octets = self._session.send(*commands)
        except MailError as error:
            error.at(phase=commands[0].phase)
            raise
        self._watch.said(commands)
        return octets

    def handed_over(self, size: int) -> None:
        """Note that a message was written, as so many octets."""
        self._watch.handed_over(size)

    async def write(self, data: bytes, *, deadline: float) -> None:
        """Write what the session gave.

        Raises `Disconnected`, with the server's 421 where it said why.
        """
        limit = self._network.now() + self._timeouts.body_block
        try:
            await self._stream.write(data, min(deadline, limit))
        except Disconnected as error:
            # Nobody hears us any more, but the reason may have arrived before.
            with contextlib.suppress(MailError):
                await self._receive(deadline)
            if self._replies and self._replies[-1].reply.code == 421:
                raise _farewell(self._replies[-1]) from error
            raise

    async def reply(self, *, deadline: float) -> Reply:
        """Wait for the next reply that is due; the time of its phase is for the whole of it.

        Raises `Disconnected` when the server takes its leave with 421.
        """
        if not self._replies:
            await self._await_reply(deadline)
        return self._next_reply()

    async def replies(self, count: int, *, deadline: float) -> list[Reply]:
        """Wait for the next `count` replies that are due, each as long as its phase allows."""
        replies: list[Reply] = []
        while len(replies) < count:
            if not self._replies:
                await self._await_reply(deadline)
            replies.append(self._next_reply())
        return replies

    def heed_farewell(self) -> None:
        """Raise `Disconnected` for a 421 that came right behind another reply."""
        if self._replies and (last := self._replies[-1]).command is None and last.reply.code == 421:
            raise _farewell(last)

    async def check_silence(self, *, deadline: float) -> None:
        """Raise what the server says although nothing is due, such as a verdict given too early.

        What has not arrived yet cannot be told from an answer to what is said next.
        """
        if not self._stream.has_input():
            return
        # Under TLS what arrived may be none of the server's words.
        with contextlib.suppress(TimedOut):
            await self._receive(min(deadline, self._network.now() + _MOMENT))
        if self._replies:
            raise _farewell(self._replies.popleft())

    def _next_reply(self) -> Reply:
        received = self._replies.popleft()
        if received.reply.code == 421:
            raise _farewell(received)
        return received.reply

    async def _await_reply(self, deadline: float) -> None:
        phase = self._session.waiting_for or Phase.NOOP
        limit = self._until(deadline, phase)
        try:
            while not self._replies:
                await self._receive(limit)
        except MailError as error:
            error.at(phase=phase)
            raise

    async def _receive(self, limit: float) -> None:
        if self._session.failure is not None:
            raise self._session.failure
        data = await self._stream.read(limit)
        received = self._session.receive(data)
        self._watch.heard(received)
        self._replies.extend(received)
        if not data and not self._replies:
            # Goodbye was said and not answered: nothing more will come.
            raise Disconnected("the server closed the connection")

    def _until(self, deadline: float, phase: Phase) -> float:
        return min(deadline, self._network.now() + self._timeouts.of(phase))


def _farewell(received: ReplyReceived) -> Disconnected:
    return Disconnected(
        f"the server closes the connection: {received.reply.text}",
        phase=received.command.phase if received.command else None,
        code=received.reply.code,
        enhanced_code=received.reply.enhanced_code,
    )
