"""What each answer of a server changes for the client."""

from __future__ import annotations

from typing import Final

from postseal.errors import RemoteProtocolError
from postseal.smtp.client_core import ClientCore, injection
from postseal.smtp.client_states import (
    BODY,
    CHUNK_REFUSED,
    CHUNKING,
    CLOSED,
    GREETED,
    HANDSHAKE,
    READY,
    TRANSACTION,
)
from postseal.smtp.commands import (
    Auth,
    AuthCancel,
    AuthResponse,
    Bdat,
    Command,
    Data,
    Ehlo,
    EndOfData,
    Helo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTLS,
)
from postseal.smtp.extensions import Extensions
from postseal.smtp.protocol import Protocol
from postseal.smtp.reply import Reply
from postseal.smtp.xclient import Xclient

__all__ = ["AnswerReading"]

# RFC 5321 4.2.1: the first digit decides. But these 2yz answer HELP, a connection, QUIT or AUTH
# alone: behind anything else they tell that client and server are out of step.
_ANSWERS_ELSEWHERE: Final = frozenset({211, 214, 220, 221, 235})


class AnswerReading(ClientCore):
    """The answers, command by command."""

    _mail_refused = False

    def _apply(self, command: Command, reply: Reply) -> None:
        match command:
            case Rcpt():
                self._expect_final(command, reply)
                self._taken += reply.is_positive
            case EndOfData():
                self._expect_final(command, reply)
            case Mail():
                self._expect_final(command, reply)
                self._taken = 0
                self._mail_refused = not reply.is_positive
                if self._mail_refused and self._nothing_rides_behind_mail():
                    self.state = READY
            case Data():
                self._data_answered(reply)
            case Noop() | Rset():
                self._expect_final(command, reply)
            case Bdat():
                self._chunk_answered(command, reply)
            case Ehlo():
                self._expect_final(command, reply)
                if reply.is_positive:
                    # RFC 5321 4.1.1.1: to HELO nothing is offered, whatever the reply's lines say.
                    is_offer = not isinstance(command, Helo)
                    self.extensions = Extensions.from_reply(reply) if is_offer else Extensions()
                    self.state = READY
            case StartTLS():
                self._starttls_answered(reply)
            case Xclient():
                self._xclient_answered(reply)
            case Auth() | AuthResponse() | AuthCancel():
                self._auth_answered(command, reply)
            case Quit():
                self.state = CLOSED

    def _data_answered(self, reply: Reply) -> None:
        if reply.code == 354:
            if self.protocol is Protocol.LMTP and not self._taken:
                # RFC 2033 4.2: 503 is due, and for a body none could tell how many answers.
                raise RemoteProtocolError("DATA was answered with 354 although nobody was taken")
            self.state = BODY
        elif reply.code < 400:
            raise RemoteProtocolError(f"DATA was answered with {reply}, not with 354")
        else:
            # With MAIL accepted, the transaction is still open at the server: RSET is due.
            self.state = READY if self._mail_refused else TRANSACTION

    def _chunk_answered(self, command: Bdat, reply: Reply) -> None:
        self._expect_final(command, reply)
        if not reply.is_positive and self.state is CHUNKING:
            # RFC 3030 2: the transaction has failed; nothing but RSET can follow.
            self.state = CHUNK_REFUSED

    def _starttls_answered(self, reply: Reply) -> None:
        if reply.code != 220:
            if reply.code < 400:
                raise RemoteProtocolError(f"STARTTLS was answered with {reply}, not with 220")
            self.state = READY
            return
        if not self._parser.is_empty:
            # Promise 3: in clear, nothing follows the 220.
            raise injection("the server sent data in clear behind its reply to STARTTLS")
        self.state = HANDSHAKE
        self._forget_server()

    def _xclient_answered(self, reply: Reply) -> None:
        if reply.code == 220:
            # The session begins anew, with the greeting.
            self.state = GREETED
            self._forget_server()
        elif reply.code < 400:
            raise RemoteProtocolError(f"XCLIENT was answered with {reply}, not with 220")

    def _auth_answered(self, command: Command, reply: Reply) -> None:
        if reply.code == 334:
            return
        if reply.code < 400 and reply.code != 235:
            raise RemoteProtocolError(f"{command.verb} was answered with {reply}, not with 235")
        self.is_authenticated = reply.code == 235
        self.state = READY

    def _forget_server(self) -> None:
        self.extensions = Extensions()
        self.is_authenticated = False

    def _expect_final(self, command: Command, reply: Reply) -> None:
        if 300 <= reply.code < 400 or reply.code in _ANSWERS_ELSEWHERE:
            raise RemoteProtocolError(f"{command.verb} was answered with {reply}")

    def _nothing_rides_behind_mail(self) -> bool:
        return self.state is TRANSACTION and not any(
            isinstance(command, (Mail, Rcpt, Data)) for command in self._unanswered
        )
