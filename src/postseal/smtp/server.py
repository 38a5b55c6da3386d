"""The server's half of an SMTP session, without I/O: octets in, events out, answers back.

The session speaks the protocol by itself and asks the platform only what the platform decides:
who may come in, which envelope is taken, and whether a message is safely stored.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, unique
from typing import Final

from postseal.errors import LocalProtocolError, Phase, RemoteProtocolError, StartTLSInjection
from postseal.smtp.commands import Auth, Command, Data, Ehlo, Mail, Noop, Quit, Rcpt, Rset, StartTLS
from postseal.smtp.data import DataReader
from postseal.smtp.envelope_parameters import check_mail_parameters, check_rcpt_parameters
from postseal.smtp.events import (
    AuthenticationReceived,
    BodyReceived,
    HelloReceived,
    MailReceived,
    MessageReceived,
    MessageRefused,
    RecipientReceived,
    ServerEvent,
    SessionEnded,
    TLSRequested,
    Transaction,
)
from postseal.smtp.lines import BareLineEnding, LineBuffer, LineTooLong
from postseal.smtp.parse import Helo, Refusal, Vrfy, parse_command, parse_response
from postseal.smtp.reply import Reply
from postseal.smtp.rules import Offer, ServerRules
from postseal.smtp.sasl import decode_plain

__all__ = ["ServerSession", "ServerState"]

# RFC 4954 4: an AUTH line may have 12288 octets; RFC 5321 4.5.3.1.4 asks for 512 elsewhere.
_MAX_LINE: Final = 12288


@unique
class ServerState(Enum):
    """Where the session stands."""

    CONNECTED = "before the greeting"
    GREETED = "waiting for EHLO"
    READY = "ready"
    TRANSACTION = "in a transaction"
    AUTHENTICATING = "waiting for a SASL response"
    HANDSHAKE = "in the TLS handshake"
    BODY = "taking the body"
    CLOSED = "closed"


_S = ServerState

# RFC 5321 4.1.4: which command is in order in which state; the others get 503.
_IN_ORDER: Final[dict[type[Command], tuple[ServerState, ...]]] = {
    Ehlo: (_S.GREETED, _S.READY, _S.TRANSACTION),
    Helo: (_S.GREETED, _S.READY, _S.TRANSACTION),
    StartTLS: (_S.READY,),
    Auth: (_S.READY,),
    Mail: (_S.READY,),
    Rcpt: (_S.TRANSACTION,),
    Data: (_S.TRANSACTION,),
    Rset: (_S.GREETED, _S.READY, _S.TRANSACTION),
    Noop: (_S.GREETED, _S.READY, _S.TRANSACTION),
    Vrfy: (_S.GREETED, _S.READY, _S.TRANSACTION),
    Quit: (_S.GREETED, _S.READY, _S.TRANSACTION),
}

# RFC 3207 4: what a server that requires TLS may answer in clear.
_IN_CLEAR: Final = (Ehlo, Helo, Noop, StartTLS, Quit)

_NO_TRANSACTION: Final = Transaction(None)

# A browser that was lured to this port must not get a command through (cross-protocol attacks).
_HTTP_VERBS: Final = tuple(
    verb.encode() + b" "
    for verb in ("GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE")
)


class ServerSession:
    """One SMTP session seen from the server.

    Call `greet`, write `data_to_send`, then for all that is read: `receive`, and `next_event`
    until it gives None, writing `data_to_send` in between. `MailReceived`, `RecipientReceived`,
    `MessageReceived` and `AuthenticationReceived` wait for `answer`; nothing behind them is read
    before. Any input gives events; none raises.
    """

    def __init__(self, rules: ServerRules, *, sealed: bool = False) -> None:
        self.state = _S.CONNECTED
        self.rules = rules
        self.is_sealed = sealed
        self.authenticated_as: str | None = None
        self.client_name = ""
        self._extended = False
        self._lines = LineBuffer(_MAX_LINE)
        self._output = bytearray()
        self._question: ServerEvent | None = None
        self._transaction = _NO_TRANSACTION
        self._ended: SessionEnded | None = None
        self._reader = DataReader()
        self._body_size = 0
        self._body_refusal: Reply | None = None
        self._errors = 0
        self._commands = 0
        self._starved = False

    @property
    def protocol(self) -> str:
        """The word for the `with` clause of a Received line (RFC 3848, RFC 6531 4.3)."""
        if not self._extended:
            return "SMTP"
        name = "UTF8SMTP" if self._transaction.is_internationalized else "ESMTP"
        return f"{name}{'S' if self.is_sealed else ''}{'A' if self.authenticated_as else ''}"

    def greet(self) -> None:
        """Open the session with 220."""
        if self.state is not _S.CONNECTED:
            raise LocalProtocolError("the session was greeted already, or is closed")
        self._reply(Reply(220, (f"{self.rules.hostname} ESMTP Postseal",)))
        self.state = _S.GREETED

    def data_to_send(self) -> bytes:
        """Take the octets due to the client."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def receive(self, data: bytes) -> None:
        """Take octets from the client."""
        if self.state is _S.CLOSED:
            return
        if self.state is _S.CONNECTED:
            # RFC 5321 4.3.1: a client waits for the greeting; programs that spray mail do not.
            self._give_up(554, "5.5.0", "data was sent before the greeting")
        elif self.state is _S.HANDSHAKE:
            # Whoever is being tricked is not told to go on.
            self._output.clear()
            self._end(StartTLSInjection("data in clear behind STARTTLS", phase=Phase.STARTTLS))
        elif self.state is _S.BODY and self._output:
            self._refuse_impatience()
        else:
            self._lines.feed(data)

    def next_event(self) -> ServerEvent | None:
        """Give the next event; None when more octets are needed, or nothing more will come."""
        if self._question is not None:
            raise LocalProtocolError(f"{type(self._question).__name__} has not been answered")
        while self.state not in (_S.HANDSHAKE, _S.CLOSED):
            event = self._body_event() if self.state is _S.BODY else self._command_event()
            if event is not None:
                return event
            if self._starved:
                return None
        ended, self._ended = self._ended, None
        return ended

    def answer(self, reply: Reply) -> None:
        """Answer the event that waits: 2yz takes what was asked for, all else leaves it."""
        question, self._question = self._question, None
        match question:
            case AuthenticationReceived(credentials):
                self.state = _S.READY
                if reply.code == 235:
                    self.authenticated_as = credentials.username
            case MailReceived():
                if not reply.is_positive:
                    self._transaction = _NO_TRANSACTION
                    self.state = _S.READY
            case RecipientReceived(recipient):
                if reply.is_positive:
                    recipients = (*self._transaction.recipients, recipient)
                    self._transaction = replace(self._transaction, recipients=recipients)
            case MessageReceived():
                self._forget_transaction()
            case _:
                raise LocalProtocolError("there is no event to answer")
        self._reply(reply)
        if reply.code == 421:
            self._end(None)

    def refuse_body(self, reply: Reply) -> None:
        """Have the body that is coming in answered with `reply`, once the client has said it all.

        Nothing more of it is handed on. What the client says in the middle of a body is the body:
        a reply before its end would not be heard.
        """
        if self.state is not _S.BODY:
            raise LocalProtocolError(f"no body can be refused while {self.state.value}")
        self._body_refusal = reply

    def tls_established(self) -> None:
        """Go on above the handshake with all session state forgotten (RFC 3207 4.2)."""
        if self.state is not _S.HANDSHAKE:
            raise LocalProtocolError(f"no TLS handshake is due while {self.state.value}")
        self.is_sealed = True
        self.client_name = ""
        self._extended = False
        self.authenticated_as = None
        self._transaction = _NO_TRANSACTION
        self.state = _S.GREETED

    def shut_down(self, text: str = "the service is closing; try again later") -> None:
        """Say goodbye with 421 (RFC 5321 3.8)."""
        if self.state is not _S.CLOSED:
            self._question = None
            self._reply(Reply(421, (text,), "4.3.2"))
            self._end(None)

    # -- lines --------------------------------------------------------------------------------

    def _command_event(self) -> ServerEvent | None:
        self._starved = False
        try:
            line = self._lines.next_line()
        except LineTooLong:
            return self._give_up(500, "5.5.2", "the line is too long")
        except BareLineEnding:
            return self._give_up(500, "5.5.2", "lines end with CRLF, and hold no other CR or LF")
        if line is None:
            self._starved = True
            return None
        try:
            if self.state is _S.AUTHENTICATING:
                return self._sasl_response(line)
            if line[:8].upper().startswith(_HTTP_VERBS):
                return self._give_up(421, "4.7.0", "this is not a web server")
            return self._command(parse_command(line))
        except Refusal as refusal:
            self.state = _S.READY if self.state is _S.AUTHENTICATING else self.state
            return self._fault(refusal.reply)

    def _command(self, command: Command) -> ServerEvent | None:
        kind = type(command)
        if not isinstance(command, (Rcpt, Data)):
            self._commands += 1
            if self._commands > self.rules.max_commands:
                return self._give_up(421, "4.7.0", "too many commands")
        if self.rules.starttls is Offer.REQUIRED and not self.is_sealed and kind not in _IN_CLEAR:
            return self._fault(Reply(530, ("Must issue a STARTTLS command first",), "5.7.0"))
        if self.state not in _IN_ORDER[kind]:
            return self._fault(Reply(503, (self._order_hint(command),), "5.5.1"))
        match command:
            case Ehlo(name):
                return self._hello(name, extended=kind is Ehlo)
            case StartTLS():
                return self._starttls()
            case Auth(mechanism, response):
                return self._auth(mechanism, response)
            case Mail():
                return self._mail(command)
            case Rcpt():
                return self._rcpt(command)
            case Data():
                return self._data()
            case Rset():
                self._forget_transaction()
                self._reply(Reply(250, ("OK",), "2.0.0"))
            case Vrfy():
                self._reply(Reply(252, ("Send some mail; it will be tried",), "2.5.0"))
            case Noop():
                self._reply(Reply(250, ("OK",), "2.0.0"))
            case Quit():
                self._reply(Reply(221, ("Bye",), "2.0.0"))
                self._end(None)
        return None

    def _order_hint(self, command: Command) -> str:
        if self.state is _S.GREETED:
            return "send EHLO first"
        if isinstance(command, (Rcpt, Data)):
            return "send MAIL first"
        return f"{command.verb} is out of order while {self.state.value}"

    # -- commands -----------------------------------------------------------------------------

    def _hello(self, name: str, *, extended: bool) -> ServerEvent:
        self._transaction = _NO_TRANSACTION
        self.state = _S.READY
        self.client_name = name
        self._extended = extended
        lines = [self.rules.hostname]
        if extended:
            lines += ["PIPELINING", f"SIZE {self.rules.max_message_size}"]
            lines += ["8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
            if not self.is_sealed and self.rules.starttls is not Offer.UNAVAILABLE:
                lines.append("STARTTLS")
            if self._takes_auth:
                lines.append("AUTH PLAIN")
        # RFC 2034 3: the replies to EHLO and HELO carry no enhanced code.
        self._reply(Reply(250, tuple(lines)))
        return HelloReceived(name)

    def _starttls(self) -> ServerEvent | None:
        if self.is_sealed or self.rules.starttls is Offer.UNAVAILABLE:
            return self._fault(Reply(503, ("STARTTLS is not available here",), "5.5.1"))
        if self._lines:
            # Promise 3: nothing may wait behind STARTTLS in clear.
            self._end(StartTLSInjection("data in clear behind STARTTLS", phase=Phase.STARTTLS))
            return None
        self._reply(Reply(220, ("Ready to start TLS",), "2.0.0"))
        self.state = _S.HANDSHAKE
        return TLSRequested()

    @property
    def _takes_auth(self) -> bool:
        return self.is_sealed and self.rules.authentication is not Offer.UNAVAILABLE

    def _auth(self, mechanism: str, response: bytes | None) -> ServerEvent | None:
        if not self._takes_auth:
            return self._fault(Reply(502, ("AUTH is not available here",), "5.5.1"))
        if self.authenticated_as is not None:
            return self._fault(Reply(503, ("already authenticated",), "5.5.1"))
        if mechanism != "PLAIN":
            return self._fault(Reply(504, ("mechanism not available",), "5.5.4"))
        if response is None:
            self._reply(Reply(334))
            self.state = _S.AUTHENTICATING
            return None
        return self._credentials(response)

    def _sasl_response(self, line: bytes) -> ServerEvent | None:
        response = parse_response(line)
        if response is None:
            self.state = _S.READY
            return self._fault(Reply(501, ("authentication cancelled",), "5.7.0"))
        return self._credentials(response)

    def _credentials(self, response: bytes) -> ServerEvent | None:
        credentials = decode_plain(response)
        if credentials is None:
            self.state = _S.READY
            return self._fault(Reply(501, ("the response is not that of PLAIN",), "5.5.2"))
        return self._ask(AuthenticationReceived(credentials))

    def _mail(self, command: Mail) -> ServerEvent | None:
        if self.rules.authentication is Offer.REQUIRED and self.authenticated_as is None:
            return self._fault(Reply(530, ("Authentication required",), "5.7.0"))
        self._transaction = check_mail_parameters(
            command, extended=self._extended, max_size=self.rules.max_message_size
        )
        self.state = _S.TRANSACTION
        return self._ask(MailReceived(command.reverse_path))

    def _rcpt(self, command: Rcpt) -> ServerEvent | None:
        check_rcpt_parameters(command, self._transaction)
        if len(self._transaction.recipients) >= self.rules.max_recipients:
            # RFC 5321 4.5.3.1.10: 452, so that the client brings the others in another message.
            self._reply(Reply(452, ("too many recipients",), "4.5.3"))
            return None
        return self._ask(RecipientReceived(command.forward_path))

    def _data(self) -> ServerEvent | None:
        if not self._transaction.recipients:
            return self._fault(Reply(554, ("no valid recipients",), "5.5.1"))
        if self._lines:
            self._refuse_impatience()
            return None
        self._reply(Reply(354, ("End data with <CR><LF>.<CR><LF>",)))
        self._reader = DataReader()
        self._body_size = 0
        self._body_refusal = None
        self.state = _S.BODY
        return None

    # -- the body -----------------------------------------------------------------------------

    def _body_event(self) -> ServerEvent | None:
        self._starved = False
        if not self._reader.finished:
            decoded, rest = self._reader.read(self._lines.take_all())
            self._lines.feed(rest)
            self._body_size += len(decoded)
            if self._body_size > 2 * self.rules.max_message_size:
                return self._give_up(552, "5.3.4", "the message is far too large")
            # What was refused is read to its end, to stay in step, but not handed on.
            if decoded and self._body_fault() is None:
                return BodyReceived(decoded)
        self._starved = not self._reader.finished
        if self._starved:
            return None
        self._commands = 0
        if fault := self._body_fault():
            self._forget_transaction()
            self._reply(fault)
            return MessageRefused(str(fault))
        return self._ask(MessageReceived(self._transaction))

    def _body_fault(self) -> Reply | None:
        if self._body_size > self.rules.max_message_size:
            return Reply(552, ("the message is too large",), "5.3.4")
        if self._reader.fault is not None:
            return Reply(550, (f"the message holds {self._reader.fault}",), "5.6.0")
        return self._body_refusal

    # -- replies and ends -----------------------------------------------------------------------

    def _reply(self, reply: Reply) -> None:
        self._output += reply.encode()

    def _ask(self, event: ServerEvent) -> ServerEvent:
        self._question = event
        return event

    def _fault(self, reply: Reply) -> ServerEvent | None:
        self._reply(reply)
        self._errors += 1
        if self._errors >= self.rules.max_errors:
            return self._give_up(421, "4.7.0", "too many errors")
        return None

    def _give_up(self, code: int, enhanced_code: str, text: str) -> ServerEvent | None:
        self._reply(Reply(code, (text,), enhanced_code))
        self._end(RemoteProtocolError(text, code=code, enhanced_code=enhanced_code))
        return None

    def _refuse_impatience(self) -> None:
        # RFC 2920 3.1: DATA is the last of its group. Whoever does not wait for 354 may be
        # passing on a body in which another sender's commands are hidden.
        self._give_up(503, "5.5.0", "data was sent before the go-ahead")

    def _end(self, error: RemoteProtocolError | StartTLSInjection | None) -> None:
        self.state = _S.CLOSED
        self._ended = SessionEnded(error)

    def _forget_transaction(self) -> None:
        self._transaction = _NO_TRANSACTION
        if self.state is not _S.GREETED:
            self.state = _S.READY
