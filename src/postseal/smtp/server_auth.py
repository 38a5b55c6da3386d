"""How a client authenticates (RFC 4954): exchanges, their questions, and their failures."""

from __future__ import annotations

from base64 import b64encode

from postseal.errors import LocalProtocolError
from postseal.smtp.events import (
    AuthenticationFailed,
    AuthenticationQuestion,
    AuthenticationReceived,
    CertificateReceived,
    IdentityProven,
    ScramRecordRequested,
    ServerEvent,
    TokenReceived,
)
from postseal.smtp.login_replies import LET_IN, REFUSED
from postseal.smtp.parse import parse_response
from postseal.smtp.reply import Reply
from postseal.smtp.rules import Offer
from postseal.smtp.sasl import (
    BearerServer,
    CertificateClaimed,
    Challenge,
    ChannelEnds,
    Failed,
    FailureCause,
    PasswordReceived,
    RecordNeeded,
    ScramRecord,
    ScramServer,
    ServerMechanism,
    ServerStep,
    Succeeded,
    TokenPresented,
)
from postseal.smtp.server_body import BodyTaking
from postseal.smtp.server_states import AUTHENTICATING, READY

__all__ = ["AuthTaking"]


class AuthTaking(BodyTaking):
    """The command AUTH and the responses behind it."""

    _channel = ChannelEnds()
    _exchange: ServerMechanism | None = None
    # The platform's no to a bearer token, held back until the client has read why.
    _held_back: Reply | None = None
    _claimed_name = ""
    _failed_exchanges = 0

    def answer_record(self, record: ScramRecord | None) -> None:
        """Answer `ScramRecordRequested`; None where there is no such user, who is then made up.

        Raises `LocalProtocolError` for another question, and for a record of another hash.
        """
        if not isinstance(self._question, ScramRecordRequested):
            raise LocalProtocolError("no SCRAM record was asked for")
        assert isinstance(self._exchange, ScramServer)  # noqa: S101  # it has asked
        step = self._exchange.supply(record)
        self._question = None
        self._follow(step)

    def authenticate_as(self, username: str) -> None:
        """Answer `CertificateReceived` or `TokenReceived` with 235: it is this user's.

        Raises `LocalProtocolError` for another question.
        """
        if not isinstance(self._question, CertificateReceived | TokenReceived):
            raise LocalProtocolError("no certificate or token is to be judged")
        self._question = None
        self._conclude(LET_IN, username)

    @property
    def _mechanism(self) -> str:
        return self._exchange.name if self._exchange else ""

    @property
    def _auth_line(self) -> str:
        """The mechanisms as EHLO names them now; empty where AUTH is not taken."""
        if not self.is_sealed or self.rules.authentication is Offer.UNAVAILABLE:
            return ""
        names = self.rules.sasl.names(self._channel)
        return " ".join(("AUTH", *names)) if names else ""

    def _auth(self, name: str, response: bytes | None) -> ServerEvent | None:
        if self.rules.authentication is Offer.UNAVAILABLE:
            self._fault(Reply(502, ("AUTH is not available here",), "5.5.1"))
        elif not self.is_sealed:
            # Promise 1, from this side: whoever has sent a password has sent it in clear.
            self._fault(Reply(538, ("AUTH is taken under TLS only",), "5.7.11"))
        elif self._offered is None:
            self._fault(Reply(503, ("send EHLO first",), "5.5.1"))
        elif self.authenticated_as is not None:
            self._fault(Reply(503, ("already authenticated",), "5.5.1"))
        elif (exchange := self.rules.sasl.begin(name, self._channel)) is None:
            self._fault(Reply(504, ("mechanism not available",), "5.5.4"))
        else:
            self._exchange, self._claimed_name = exchange, ""
            return self._follow(exchange.receive(response))
        return None

    def _sasl_response(self, line: bytes) -> ServerEvent | None:
        # Unless it is taken further, the exchange is over.
        self.state = READY
        held_back, self._held_back = self._held_back, None
        if held_back is not None:
            # RFC 7628 3.2.3: whatever this is, it only says that the challenge was read.
            self._refuse(held_back, "the token was refused")
            return None
        response = parse_response(line)
        if response is None:
            self._fault(Reply(501, ("authentication cancelled",), "5.7.0"))
        elif self._exchange is not None:
            return self._follow(self._exchange.receive(response))
        return None

    def _follow(self, step: ServerStep) -> ServerEvent | None:
        """Do what the mechanism says; the question that it raises, if any, is given back."""
        match step:
            case Challenge(data):
                self._challenge(data)
            case Failed(_, FailureCause.MALFORMED):
                self._fault(
                    Reply(501, (f"the response is not that of {self._mechanism}",), "5.5.2")
                )
            case Failed(reason):
                self._refuse(REFUSED, reason)
            case PasswordReceived(credentials):
                self._claimed_name = credentials.username
                return self._ask(AuthenticationReceived(credentials))
            case RecordNeeded(username, hash_):
                self._claimed_name = username
                return self._ask(ScramRecordRequested(username, hash_))
            case Succeeded(username, identity):
                return self._ask(IdentityProven(username, identity))
            case TokenPresented(username, token):
                self._claimed_name = username
                return self._ask(TokenReceived(username, token))
            case CertificateClaimed(identity):
                self._claimed_name = identity
                return self._ask(CertificateReceived(identity, self._channel.client_certificate))
        return None

    def _judge(self, question: AuthenticationQuestion, reply: Reply) -> None:
        """Do what the platform's answer to a question of authentication says."""
        if reply.code == 235:
            match question:
                case AuthenticationReceived(credentials):
                    username = credentials.username
                case IdentityProven(username):
                    pass
                case _:
                    raise LocalProtocolError(f"{type(question).__name__} is not answered with 235")
            self._question = None
            self._conclude(reply, username)
            return
        self._question = None
        self.state = READY
        if reply.code >= 500 and isinstance(self._exchange, BearerServer):
            self._held_back = reply
            self._challenge(self._exchange.refuse().data)
        elif reply.code >= 500:
            self._refuse(reply, "the platform refused it")
        else:
            self._reply(reply)
            if reply.code == 421:
                self._end(None)

    def _challenge(self, data: bytes) -> None:
        self._reply(Reply(334, (b64encode(data).decode("ascii"),)))
        self.state = AUTHENTICATING

    def _conclude(self, reply: Reply, username: str) -> None:
        self.state = READY
        self.authenticated_as = username
        self._exchange = None
        self._reply(reply)

    def _refuse(self, reply: Reply, reason: str) -> None:
        self._reply(reply)
        self._queue.append(AuthenticationFailed(self._mechanism, self._claimed_name, reason))
        self._failed_exchanges += 1
        if self._failed_exchanges >= self.rules.max_failed_authentications:
            self._give_up(421, "4.7.0", "too many failed authentications")
