"""The server's half of an SMTP session, without I/O: octets in, events out, answers back.

The session speaks the protocol by itself and asks the platform only what the platform decides:
who may come in, which envelope is taken, and whether a message is safely stored.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final

from postseal.defaults import Clock, utc_now
from postseal.errors import LocalProtocolError, Phase, StartTLSInjection
from postseal.smtp.events import (
    AUTHENTICATION_QUESTIONS,
    MailReceived,
    MessageReceived,
    RecipientReceived,
    ServerEvent,
)
from postseal.smtp.lines import BareLineEnding, LineTooLong
from postseal.smtp.parse import Refusal, parse_command
from postseal.smtp.reply import Reply
from postseal.smtp.rules import ServerRules
from postseal.smtp.sasl import ChannelEnds
from postseal.smtp.server_body import TAKING_A_BODY
from postseal.smtp.server_commands import CommandTaking
from postseal.smtp.server_states import (
    AUTHENTICATING,
    BODY,
    CLOSED,
    CONNECTED,
    HANDSHAKE,
    ServerState,
)

__all__ = ["ServerSession", "ServerState"]

# A browser that was lured to this port must not get a command through (cross-protocol attacks).
_HTTP_VERBS: Final = tuple(
    verb.encode() + b" "
    for verb in ("GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE")
)


class ServerSession(CommandTaking):
    """One SMTP or LMTP session seen from the server.

    Call `greet`, write `data_to_send`, then for all that is read: `receive`, and `next_event`
    until it gives None, writing `data_to_send` in between. `MailReceived`, `RecipientReceived`,
    `MessageReceived` and the questions of authentication wait for `answer`; nothing behind them is
    read before. Any input gives events; none raises. `peer` is the other end of the connection,
    where the rules trust some with more than others, and `channel` what TLS knows of both.
    """

    def __init__(
        self,
        rules: ServerRules,
        *,
        sealed: bool = False,
        channel: ChannelEnds = ChannelEnds(),  # noqa: B008  # a value
        peer: IPv4Address | IPv6Address | None = None,
        clock: Clock = utc_now,
    ) -> None:
        super().__init__(rules, sealed=sealed, peer=peer, clock=clock)
        self._channel = channel

    @property
    def protocol(self) -> str:
        """The word for the `with` clause of a Received line (RFC 3848, RFC 6531 4.3)."""
        if self._offered is None:
            return "SMTP"
        name = "LMTP" if self._takes_lmtp else "SMTP"
        if self._envelope.terms.is_internationalized:
            name = f"UTF8{name}"
        elif not self._takes_lmtp:
            name = f"E{name}"
        return f"{name}{'S' if self.is_sealed else ''}{'A' if self.authenticated_as else ''}"

    def greet(self) -> None:
        """Open the session with 220."""
        if self.state is not CONNECTED:
            raise LocalProtocolError("the session was greeted already, or is closed")
        self._greet()

    def data_to_send(self) -> bytes:
        """Take the octets due to the client."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def receive(self, data: bytes) -> None:
        """Take octets from the client."""
        if self.state is CLOSED:
            return
        if self.state is CONNECTED:
            # RFC 5321 4.3.1: a client waits for the greeting; programs that spray mail do not.
            self._give_up(554, "5.5.0", "data was sent before the greeting")
        elif self.state is HANDSHAKE:
            # Whoever is being tricked is not told to go on.
            self._output.clear()
            self._end(StartTLSInjection("data in clear behind STARTTLS", phase=Phase.STARTTLS))
        elif self.state is BODY and self._output:
            self._refuse_impatience()
        else:
            self._lines.feed(data)

    def next_event(self) -> ServerEvent | None:
        """Give the next event; None when more octets are needed, or nothing more will come."""
        if self._question is not None:
            raise LocalProtocolError(f"{type(self._question).__name__} has not been answered")
        while True:
            if self._queue:
                return self._queue.popleft()
            state = self.state
            if state is CLOSED or state is HANDSHAKE:
                return None
            taking_a_body = state in TAKING_A_BODY
            event = self._body_event() if taking_a_body else self._command_event()
            if event is not None:
                return event
            if self._starved:
                return None

    def answer(self, reply: Reply) -> None:
        """Answer the event that waits: 2yz takes what was asked for, all else leaves it.

        In LMTP the answer to `MessageReceived` counts for every recipient.
        """
        if isinstance(self._question, AUTHENTICATION_QUESTIONS):
            self._judge(self._question, reply)
            return
        question, self._question = self._question, None
        replies = 1
        match question:
            case MailReceived():
                if reply.is_positive:
                    self._messages += 1
                else:
                    self._forget_transaction()
            case RecipientReceived():
                if reply.is_positive:
                    self._envelope.take(question)
                else:
                    self._envelope.refuse()
            case MessageReceived():
                replies = self._replies_to_body
                self._forget_transaction()
            case _:
                raise LocalProtocolError("there is no event to answer")
        self._say((reply,) * replies)

    def answer_each(self, *replies: Reply) -> None:
        """Answer `MessageReceived` in LMTP: one reply for each recipient, in their order.

        Raises `LocalProtocolError` for another question, number or protocol (RFC 2033 4.2).
        """
        question = self._question
        if not (self._takes_lmtp and isinstance(question, MessageReceived)):
            raise LocalProtocolError("only a message that came by LMTP is answered one by one")
        if len(replies) != len(question.transaction.recipients):
            raise LocalProtocolError("there is one reply for each recipient")
        self._question = None
        self._forget_transaction()
        self._say(replies)

    def tls_established(self, channel: ChannelEnds = ChannelEnds()) -> None:  # noqa: B008  # a value
        """Go on above the handshake with all session state forgotten (RFC 3207 4.2)."""
        if self.state is not HANDSHAKE:
            raise LocalProtocolError(f"no TLS handshake is due while {self.state.value}")
        self.is_sealed = True
        self._channel = channel
        self._forget_client()

    def shut_down(self, text: str = "the service is closing; try again later") -> None:
        """Say goodbye with 421 (RFC 5321 3.8)."""
        if self.state is not CLOSED:
            self._question = None
            self._reply(Reply(421, (text,), "4.3.2"))
            self._end(None)

    def _say(self, replies: tuple[Reply, ...]) -> None:
        is_farewell = False
        for reply in replies:
            self._reply(reply)
            is_farewell = is_farewell or reply.code == 421
        if is_farewell:
            self._end(None)
        else:
            self._end_flood()

    def _command_event(self) -> ServerEvent | None:
        self._starved = False
        try:
            line = self._lines.next_line()
        except LineTooLong:
            # RFC 4954 6
            enhanced_code = "5.5.6" if self.state is AUTHENTICATING else "5.5.2"
            self._give_up(500, enhanced_code, "the line is too long")
            return None
        except BareLineEnding:
            self._give_up(500, "5.5.2", "lines end with CRLF, and hold no other CR or LF")
            return None
        if line is None:
            self._starved = True
            return None
        is_response = self.state is AUTHENTICATING
        try:
            if is_response:
                return self._sasl_response(line)
            return self._command(parse_command(line))
        except Refusal as refusal:
            self._refuse_line(refusal.reply, b"" if is_response else line[:8].upper())
            return None

    def _refuse_line(self, reply: Reply, verb: bytes) -> None:
        if verb.startswith(_HTTP_VERBS):
            self._give_up(421, "4.7.0", "this is not a web server")
            return
        if verb.startswith(b"PROXY "):
            # To go on would be to take the balancer for its clients.
            self._give_up(421, "4.7.0", "the PROXY protocol is not taken from this peer")
            return
        self._fault(reply)
        if verb.startswith(b"BDAT") and self.state is not CLOSED:
            # How much follows a BDAT that cannot be read is not known, so what follows cannot be
            # told from commands.
            self._give_up(421, "4.7.0", "BDAT without a size leaves us out of step")
