"""What every part of a client session shares: its state, what is unanswered, and its end.

`ClientCore` is the lowest layer of `ClientSession`; `client_answers`, `client_body` and `client`
stand on it in this order, each knowing only those below.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Final, NamedTuple

from postseal.errors import (
    Disconnected,
    MailError,
    Phase,
    RemoteProtocolError,
    StartTLSInjection,
)
from postseal.smtp.client_states import (
    CLOSED,
    CONNECTED,
    GREETED,
    HANDSHAKE,
    READY,
)
from postseal.smtp.commands import Bdat, Command, EndOfData, Quit
from postseal.smtp.extensions import Extensions
from postseal.smtp.protocol import Protocol
from postseal.smtp.reply import Reply, ReplyParser

__all__ = ["ClientCore", "ReplyReceived", "injection"]

_DEAF: Final = (HANDSHAKE, CLOSED)
# By a name of its own: see `client_states`.
_LMTP: Final = Protocol.LMTP


class ReplyReceived(NamedTuple):
    """A whole reply; `command` is what it answers, None for the greeting and a farewell."""

    command: Command | None
    reply: Reply


class ClientCore(ABC):
    """The state of a session and how it listens."""

    def __init__(self, protocol: Protocol) -> None:
        self.state = CONNECTED
        self.protocol = protocol
        self.extensions = Extensions()
        self.is_authenticated = False
        self.failure: MailError | None = None
        self._parser = ReplyParser()
        self._unanswered: deque[Command] = deque()
        # Recipients that were taken in the transaction whose answers come in, and how many of
        # their verdicts on its body are still due; both are of use to LMTP alone.
        self._taken = 0
        self._verdicts_due = 0

    @property
    def waiting_for(self) -> Phase | None:
        """The phase whose reply is due next; None when nothing is unanswered."""
        if self._unanswered:
            return self._unanswered[0].phase
        return Phase.GREETING if self.state is CONNECTED else None

    @property
    def awaits_verdict(self) -> bool:
        """True when the end of a message was said, and what the server makes of it is not known."""
        return any(map(_ends_a_message, self._unanswered))

    @property
    def is_idle(self) -> bool:
        """True when a transaction may begin, and nothing is unanswered or half received."""
        return self.state is READY and not self._unanswered and self._parser.is_empty

    def receive(self, data: bytes) -> list[ReplyReceived]:
        """Take octets from the server; return the replies they complete.

        Empty `data` is the end of the stream: `Disconnected`, unless goodbye was said. What comes
        once the session is closed is passed over.
        """
        if self.failure is not None:
            raise self.failure
        if not data:
            return self._end_of_stream()
        if self.state is CLOSED:
            return []
        if self.state is HANDSHAKE:
            self.state = CLOSED
            raise injection("the server sent data in clear where the TLS handshake was due")
        parser = self._parser
        parser.feed(data)
        events: list[ReplyReceived] = []
        try:
            while (reply := parser.next_reply()) is not None:
                events.append(self._answered(reply))
                if self._is_deaf():
                    break
        except MailError as error:
            error.at(phase=self.waiting_for)
            self.state = CLOSED
            if not events:
                raise
            # A verdict that came whole must not be lost for what came behind it.
            self.failure = error
        return events

    @abstractmethod
    def _apply(self, command: Command, reply: Reply) -> None:
        """Change the state as the answer to a command asks for."""

    def _is_deaf(self) -> bool:
        return self.state in _DEAF

    def _answered(self, reply: Reply) -> ReplyReceived:
        if not self._unanswered:
            return self._unasked(reply)
        command = self._unanswered.popleft()
        if reply.code == 421:
            # RFC 5321 3.8: the server closes; nothing else will be answered.
            self.state = CLOSED
            return ReplyReceived(command, reply)
        try:
            self._apply(command, reply)
        except MailError as error:
            error.at(phase=command.phase)
            raise
        if self.protocol is _LMTP and _ends_a_message(command):
            self._count_verdict(command)
        return ReplyReceived(command, reply)

    def _count_verdict(self, command: Command) -> None:
        # RFC 2033 4.2 and 4.3: one for each recipient that was taken, and one if none was.
        if not self._verdicts_due:
            self._verdicts_due = max(self._taken, 1)
        self._verdicts_due -= 1
        if self._verdicts_due:
            self._unanswered.appendleft(command)

    def _unasked(self, reply: Reply) -> ReplyReceived:
        if self.state is CONNECTED:
            # RFC 5321 3.1: 220, or 554 (and 421) to say that there is no service.
            self.state = GREETED if reply.code == 220 else CLOSED
        elif reply.code == 421:
            self.state = CLOSED
        else:
            raise RemoteProtocolError(f"the server sent a reply that nothing asked for: {reply}")
        return ReplyReceived(None, reply)

    def _end_of_stream(self) -> list[ReplyReceived]:
        if self.state is CLOSED or self._only_goodbye_is_due():
            self.state = CLOSED
            return []
        phase = self.waiting_for
        self.state = CLOSED
        raise Disconnected("the server closed the connection", phase=phase)

    def _only_goodbye_is_due(self) -> bool:
        unanswered = self._unanswered
        return bool(unanswered) and isinstance(unanswered[0], Quit) and self._parser.is_empty


def _ends_a_message(command: Command) -> bool:
    return isinstance(command, EndOfData) or (isinstance(command, Bdat) and command.is_last)


def injection(text: str) -> StartTLSInjection:
    """The error for what came in clear where only TLS may come."""
    return StartTLSInjection(
        text,
        phase=Phase.STARTTLS,
        hint="Somebody on the path may be injecting replies. Nothing was sent.",
    )
