"""What every part of a server session shares: its state, its replies, its errors and its end.

`SessionCore` is the lowest layer of `ServerSession`; `server_body`, `server_commands` and
`server` stand on it in this order, each knowing only those below.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from postseal.defaults import Clock
from postseal.errors import RemoteProtocolError, StartTLSInjection
from postseal.smtp.events import ServerEvent, SessionEnded
from postseal.smtp.lines import LineBuffer
from postseal.smtp.protocol import Extension, Protocol
from postseal.smtp.reply import Reply
from postseal.smtp.rules import ServerRules
from postseal.smtp.server_envelope import ServerEnvelope
from postseal.smtp.server_states import CLOSED, CONNECTED, GREETED, READY

__all__ = ["SessionCore"]

# RFC 4954 4: an AUTH line may have 12288 octets; RFC 5321 4.5.3.1.4 asks for 512 elsewhere.
_MAX_LINE: Final = 12288


class SessionCore:
    """The state of a session and how it speaks."""

    def __init__(
        self,
        rules: ServerRules,
        *,
        sealed: bool,
        peer: IPv4Address | IPv6Address | None,
        clock: Clock,
    ) -> None:
        self.state = CONNECTED
        self.rules = rules
        self.is_sealed = sealed
        self.authenticated_as: str | None = None
        self.client_name = ""
        self._peer = peer
        self._clock = clock
        # RFC 5321 4.1.1.1: None before a greeting, and for who says HELO.
        self._offered: frozenset[Extension] | None = None
        self._lines = LineBuffer(_MAX_LINE)
        self._output = bytearray()
        self._queue: deque[ServerEvent] = deque()
        self._question: ServerEvent | None = None
        self._envelope = ServerEnvelope(rules)
        self._errors = 0
        self._commands = 0
        self._starved = False
        self._shows_status_codes = Extension.ENHANCED_STATUS_CODES in rules.extensions

    @property
    def _takes_lmtp(self) -> bool:
        return self.rules.protocol is Protocol.LMTP

    def _reply(self, reply: Reply) -> None:
        if not self._shows_status_codes:
            reply = replace(reply, enhanced_code=None)
        self._output += reply.encode()

    def _greet(self) -> None:
        self._reply(Reply(220, (f"{self.rules.hostname} {self._name_of_service} Postseal",)))
        self.state = GREETED

    @property
    def _name_of_service(self) -> str:
        # RFC 2033 4.1: a client that speaks the wrong protocol sees it from the first line.
        return "LMTP" if self._takes_lmtp else "ESMTP"

    def _ask(self, event: ServerEvent) -> ServerEvent:
        self._question = event
        return event

    def _fault(self, reply: Reply) -> None:
        self._reply(reply)
        self._errors += 1
        if self._errors >= self.rules.max_errors:
            self._give_up(421, "4.7.0", "too many errors")

    def _count_command(self) -> None:
        self._commands += 1
        if self._commands > self.rules.max_commands:
            self._give_up(421, "4.7.0", "too many commands")

    def _give_up(self, code: int, enhanced_code: str, text: str) -> None:
        self._reply(Reply(code, (text,), enhanced_code))
        self._end(RemoteProtocolError(text, code=code, enhanced_code=enhanced_code))

    def _refuse_impatience(self) -> None:
        # RFC 2920 3.1: DATA is the last of its group. Whoever does not wait for 354 may be
        # passing on a body in which another sender's commands are hidden.
        self._give_up(503, "5.5.0", "data was sent before the go-ahead")

    def _end(self, error: RemoteProtocolError | StartTLSInjection | None) -> None:
        self.state = CLOSED
        self._queue.append(SessionEnded(error))

    def _forget_transaction(self) -> None:
        self._envelope.forget()
        self.state = READY if self.client_name else GREETED

    def _forget_client(self) -> None:
        """Forget all that the client said of itself, as if it had just connected."""
        self.client_name = ""
        self._offered = None
        self.authenticated_as = None
        self._forget_transaction()
