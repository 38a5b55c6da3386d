"""The client's half of an SMTP session, without I/O: commands and octets in, replies out.

The session knows which command each reply answers, what may be said in which state, and what must
be forgotten at STARTTLS. It never waits, so one flight may hold a whole envelope (RFC 2920).
"""

from __future__ import annotations

from collections import deque
from enum import Enum, unique
from typing import Final, NamedTuple

from postseal.errors import (
    Disconnected,
    LocalProtocolError,
    MailError,
    Phase,
    RemoteProtocolError,
    StartTLSInjection,
)
from postseal.smtp.commands import (
    Auth,
    AuthCancel,
    AuthResponse,
    Command,
    Data,
    Ehlo,
    EndOfData,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTLS,
)
from postseal.smtp.data import DataWriter
from postseal.smtp.extensions import Extensions
from postseal.smtp.reply import Reply, ReplyParser

__all__ = ["ClientSession", "ClientState", "ReplyReceived"]


@unique
class ClientState(Enum):
    """Where the client stands, counting what it has said and not yet heard answered."""

    CONNECTED = "waiting for the greeting"
    GREETED = "greeted"
    READY = "ready"
    STARTING_TLS = "waiting for the reply to STARTTLS"
    HANDSHAKE = "in the TLS handshake"
    AUTHENTICATING = "authenticating"
    TRANSACTION = "in a transaction"
    DATA_SENT = "waiting for the reply to DATA"
    BODY = "sending the body"
    QUITTING = "saying goodbye"
    CLOSED = "closed"


_S = ClientState

# What may be sent in which state. Sending moves on; some replies move back.
_ALLOWED: Final[dict[ClientState, tuple[type[Command], ...]]] = {
    _S.CONNECTED: (),
    _S.GREETED: (Ehlo, Quit),
    _S.READY: (Ehlo, StartTLS, Auth, Mail, Rset, Noop, Quit),
    _S.STARTING_TLS: (),
    _S.HANDSHAKE: (),
    _S.AUTHENTICATING: (AuthResponse, AuthCancel),
    _S.TRANSACTION: (Rcpt, Data, Rset, Noop, Quit),
    _S.DATA_SENT: (),
    _S.BODY: (),
    _S.QUITTING: (),
    _S.CLOSED: (),
}

_MOVES: Final[dict[type[Command], ClientState]] = {
    StartTLS: _S.STARTING_TLS,
    Auth: _S.AUTHENTICATING,
    Mail: _S.TRANSACTION,
    Data: _S.DATA_SENT,
    Rset: _S.READY,
    Quit: _S.QUITTING,
}

# RFC 2920 3.1: these change what may follow, so nothing may be sent behind them unanswered.
_ENDS_A_GROUP: Final = (Ehlo, StartTLS, Auth, AuthResponse, AuthCancel, Data, Quit)


class ReplyReceived(NamedTuple):
    """A whole reply; `command` is what it answers, None for the greeting and a farewell."""

    command: Command | None
    reply: Reply


class ClientSession:
    """One SMTP session seen from the client.

    `peer_authenticated` says that the channel is sealed by TLS to a peer whose identity was
    verified; without it AUTH is refused (promise 1), unless `dangerous_auth_in_clear`.

    Every method that sends returns the octets to be written, in order. Calls that the state does
    not allow raise `LocalProtocolError`; whatever the server sends gives `ReplyReceived` or raises
    `RemoteProtocolError` or `StartTLSInjection`. After a raised error the session is closed.
    Replies that came whole before the fault are given first; `failure` then holds the error,
    which the next call raises.
    """

    def __init__(
        self, *, peer_authenticated: bool = False, dangerous_auth_in_clear: bool = False
    ) -> None:
        self.state = _S.CONNECTED
        self.extensions = Extensions()
        self.is_authenticated = False
        self.failure: MailError | None = None
        self._is_sealed = peer_authenticated
        self._may_authenticate = peer_authenticated or dangerous_auth_in_clear
        self._parser = ReplyParser()
        self._unanswered: deque[Command] = deque()
        self._writer = DataWriter()
        self._mail_refused = False

    @property
    def waiting_for(self) -> Phase | None:
        """The phase whose reply is due next; None when nothing is unanswered."""
        if self._unanswered:
            return self._unanswered[0].phase
        return Phase.GREETING if self.state is _S.CONNECTED else None

    @property
    def is_idle(self) -> bool:
        """True when a transaction may begin, and nothing is unanswered or half received."""
        return self.state is _S.READY and not self._unanswered and self._parser.is_empty

    # -- what the client says ---------------------------------------------------------------

    def send(self, command: Command) -> bytes:
        """Say `command`; return its octets."""
        if self.failure is not None:
            raise self.failure
        kind: type[Command] = type(command)
        if kind not in _ALLOWED[self.state]:
            self._refuse(command)
        if self._unanswered:
            self._check_pipelining(command)
        if kind is Auth:
            self._check_auth()
        elif kind is StartTLS and self._is_sealed:
            raise LocalProtocolError("the session is under TLS already (RFC 3207 4.2)")
        elif kind is Data:
            self._writer = DataWriter()
        self.state = _MOVES.get(kind, self.state)
        self._unanswered.append(command)
        return command.encode()

    def write_body(self, data: bytes) -> bytes:
        """Encode a piece of the body; legal once DATA was answered 354."""
        if self.state is not _S.BODY:
            raise LocalProtocolError(f"no body may be sent while {self.state.value}")
        return self._writer.write(data)

    def end_body(self) -> bytes:
        """Encode the end of data; the server's verdict on the message comes as its reply."""
        if self.state is not _S.BODY:
            raise LocalProtocolError(f"no body can end while {self.state.value}")
        self.state = _S.READY
        self._unanswered.append(EndOfData())
        return self._writer.finish()

    def tls_established(self, *, peer_authenticated: bool) -> None:
        """Go on above the handshake; what came in clear is forgotten (RFC 3207 4.2)."""
        if self.state is not _S.HANDSHAKE:
            raise LocalProtocolError(f"no TLS handshake was asked for while {self.state.value}")
        self.state = _S.GREETED
        self._is_sealed = True
        self._may_authenticate = peer_authenticated

    # -- what the server says ---------------------------------------------------------------

    def receive(self, data: bytes) -> list[ReplyReceived]:
        """Take octets from the server; return the replies they complete.

        Empty `data` is the end of the stream: `Disconnected`, unless goodbye was said. What comes
        once the session is closed is passed over.
        """
        if self.failure is not None:
            raise self.failure
        if not data:
            return self._end_of_stream()
        if self.state is _S.CLOSED:
            return []
        if self.state is _S.HANDSHAKE:
            self.state = _S.CLOSED
            raise _injection("the server sent data in clear where the TLS handshake was due")
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
            self.state = _S.CLOSED
            if not events:
                raise
            # A verdict that came whole must not be lost for what came behind it.
            self.failure = error
        return events

    def _is_deaf(self) -> bool:
        return self.state in (_S.HANDSHAKE, _S.CLOSED)

    def _answered(self, reply: Reply) -> ReplyReceived:
        if not self._unanswered:
            return self._unasked(reply)
        command = self._unanswered.popleft()
        if reply.code == 421:
            # RFC 5321 3.8: the server closes; nothing else will be answered.
            self.state = _S.CLOSED
            return ReplyReceived(command, reply)
        try:
            self._apply(command, reply)
        except MailError as error:
            error.at(phase=command.phase)
            raise
        return ReplyReceived(command, reply)

    def _apply(self, command: Command, reply: Reply) -> None:
        match command:
            case EndOfData() | Rcpt() | Noop() | Rset():
                self._expect_final(command, reply)
            case Mail():
                self._expect_final(command, reply)
                self._mail_refused = not reply.is_positive
                if self._mail_refused and self._nothing_rides_behind_mail():
                    self.state = _S.READY
            case Data():
                self._data_answered(reply)
            case Ehlo():
                self._expect_final(command, reply)
                if reply.is_positive:
                    self.extensions = Extensions.from_reply(reply)
                    self.state = _S.READY
            case StartTLS():
                self._starttls_answered(reply)
            case Auth() | AuthResponse() | AuthCancel():
                self._auth_answered(command, reply)
            case Quit():
                self.state = _S.CLOSED

    def _data_answered(self, reply: Reply) -> None:
        if reply.code == 354:
            self.state = _S.BODY
        elif reply.code < 400:
            raise RemoteProtocolError(f"DATA was answered with {reply}, not with 354")
        else:
            # With MAIL accepted, the transaction is still open at the server: RSET is due.
            self.state = _S.READY if self._mail_refused else _S.TRANSACTION

    def _starttls_answered(self, reply: Reply) -> None:
        if reply.code != 220:
            if reply.code < 400:
                raise RemoteProtocolError(f"STARTTLS was answered with {reply}, not with 220")
            self.state = _S.READY
            return
        if not self._parser.is_empty:
            # Promise 3: in clear, nothing follows the 220.
            raise _injection("the server sent data in clear behind its reply to STARTTLS")
        self.state = _S.HANDSHAKE
        self.extensions = Extensions()
        self.is_authenticated = False

    def _auth_answered(self, command: Command, reply: Reply) -> None:
        if reply.code == 334:
            return
        if reply.is_positive and reply.code != 235:
            raise RemoteProtocolError(f"AUTH was answered with {reply}, not with 235")
        self._expect_final(command, reply)
        self.is_authenticated = reply.code == 235
        self.state = _S.READY

    def _unasked(self, reply: Reply) -> ReplyReceived:
        if self.state is _S.CONNECTED:
            # RFC 5321 3.1: 220, or 554 (and 421) to say that there is no service.
            self.state = _S.GREETED if reply.code == 220 else _S.CLOSED
        elif reply.code == 421:
            self.state = _S.CLOSED
        else:
            raise RemoteProtocolError(f"the server sent a reply that nothing asked for: {reply}")
        return ReplyReceived(None, reply)

    def _expect_final(self, command: Command, reply: Reply) -> None:
        if 300 <= reply.code < 400:
            raise RemoteProtocolError(f"{command.verb} was answered with {reply}")

    def _end_of_stream(self) -> list[ReplyReceived]:
        if self.state is _S.CLOSED or self._only_goodbye_is_due():
            self.state = _S.CLOSED
            return []
        phase = self.waiting_for
        self.state = _S.CLOSED
        raise Disconnected("the server closed the connection", phase=phase)

    # -- what may not be said -----------------------------------------------------------------

    def _nothing_rides_behind_mail(self) -> bool:
        return self.state is _S.TRANSACTION and not any(
            isinstance(command, (Mail, Rcpt, Data)) for command in self._unanswered
        )

    def _only_goodbye_is_due(self) -> bool:
        unanswered = self._unanswered
        return bool(unanswered) and isinstance(unanswered[0], Quit) and self._parser.is_empty

    def _check_pipelining(self, command: Command) -> None:
        unanswered = self._unanswered[-1]
        if isinstance(unanswered, _ENDS_A_GROUP):
            raise LocalProtocolError(
                f"nothing may be sent behind {unanswered.verb} until it is answered"
            )
        if "PIPELINING" not in self.extensions:
            raise LocalProtocolError(
                f"{command.verb} cannot be sent before {unanswered.verb} is answered: "
                "the server does not offer PIPELINING"
            )

    def _check_auth(self) -> None:
        if not self._may_authenticate:
            raise LocalProtocolError(
                "credentials are given only over TLS to an authenticated server",
                hint="Use smtp:// or smtps://, with a certificate that can be verified.",
            )
        if self.is_authenticated:
            # RFC 4954 4: no second AUTH in a session.
            raise LocalProtocolError("the session is authenticated already")

    def _refuse(self, command: Command) -> None:
        allowed = ", ".join(kind.verb for kind in _ALLOWED[self.state]) or "nothing"
        raise LocalProtocolError(
            f"{command.verb} is not allowed while {self.state.value}; allowed: {allowed}"
        )


def _injection(text: str) -> StartTLSInjection:
    return StartTLSInjection(
        text,
        phase=Phase.STARTTLS,
        hint="Somebody on the path may be injecting replies. Nothing was sent.",
    )
