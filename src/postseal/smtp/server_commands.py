"""What the commands of a session do, apart from those that bring a body."""

from __future__ import annotations

from postseal.errors import Phase, StartTLSInjection
from postseal.smtp.commands import (
    Auth,
    Bdat,
    Command,
    Data,
    Ehlo,
    Helo,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTLS,
)
from postseal.smtp.envelope_parameters import (
    MailTerms,
    check_mail_parameters,
    check_rcpt_parameters,
)
from postseal.smtp.events import (
    HelloReceived,
    MailReceived,
    RecipientReceived,
    ServerEvent,
    TLSRequested,
    XclientReceived,
)
from postseal.smtp.parse import Vrfy
from postseal.smtp.protocol import Extension
from postseal.smtp.reply import Reply
from postseal.smtp.rules import Offer
from postseal.smtp.server_auth import AuthTaking
from postseal.smtp.server_offers import extension_lines, offered_extensions
from postseal.smtp.server_states import (
    CLOSED,
    GREETED,
    HANDSHAKE,
    IN_CLEAR,
    IN_ORDER,
    READY,
    TRANSACTION,
)
from postseal.smtp.xclient import XCLIENT_ATTRIBUTES, ClientAttributes, Xclient

__all__ = ["CommandTaking"]


class CommandTaking(AuthTaking):
    """The commands, each in its order."""

    _messages = 0
    _mail_terms: MailTerms

    def _command(self, command: Command) -> ServerEvent | None:
        if self._output and not self._may_pipeline:
            # RFC 2920 3.1: who was not offered it waits for each reply. What comes sooner may be
            # another sender's, hidden in a body that ended early, and nothing honest is lost.
            self._give_up(503, "5.5.0", "commands were pipelined, which is not on offer")
            return None
        if isinstance(command, Bdat):
            self._bdat(command)
            return None
        self._stopped = False
        if not isinstance(command, (Rcpt, Data)):
            self._count_command()
        if self.state is CLOSED:
            return None
        kind = type(command)
        if self._is_foreign(command):
            self._fault(Reply(500, ("command not recognized",), "5.5.1"))
        elif not self.is_sealed and kind not in IN_CLEAR and self.rules.starttls is Offer.REQUIRED:
            self._fault(Reply(530, ("Must issue a STARTTLS command first",), "5.7.0"))
        elif self.state not in IN_ORDER[kind]:
            self._fault(Reply(503, (self._order_hint(command),), "5.5.1"))
        else:
            return self._ordered(command)
        return None

    def _ordered(self, command: Command) -> ServerEvent | None:
        match command:
            case Mail():
                return self._mail(command)
            case Rcpt():
                return self._rcpt(command)
            case Data():
                self._data()
            case Ehlo(name):
                self._hello(name, extended=not isinstance(command, Helo))
            case StartTLS():
                return self._starttls()
            case Auth(mechanism, response):
                return self._auth(mechanism, response)
            case Rset():
                self._drop_message()
                self._forget_transaction()
                self._reply(Reply(250, ("OK",), "2.0.0"))
            case Vrfy():
                self._reply(Reply(252, ("Send some mail; it will be tried",), "2.5.0"))
            case Noop():
                self._reply(Reply(250, ("OK",), "2.0.0"))
            case Xclient(attributes):
                self._xclient(attributes)
            case Quit():
                self._reply(Reply(221, ("Bye",), "2.0.0"))
                self._end(None)
        return None

    @property
    def _may_pipeline(self) -> bool:
        # Before a greeting there is nothing that commands could do.
        return not self.client_name or Extension.PIPELINING in (self._offered or ())

    def _is_foreign(self, command: Command) -> bool:
        # RFC 2033 4.1: LHLO takes the place of EHLO and HELO, which must not be taken.
        return isinstance(command, Ehlo) and isinstance(command, Lhlo) is not self._takes_lmtp

    def _order_hint(self, command: Command) -> str:
        if self.state is GREETED:
            return f"send {'LHLO' if self._takes_lmtp else 'EHLO'} first"
        if self.state is READY:
            return "send MAIL first"
        return f"{command.verb} is out of order while {self.state.value}"

    def _hello(self, name: str, *, extended: bool) -> None:
        self._drop_message()
        self.client_name = name
        self._offered = None
        self._forget_transaction()
        lines = [self.rules.hostname]
        if extended:
            self._offered = offered_extensions(self.rules, sealed=self.is_sealed)
            lines += extension_lines(self.rules, self._offered, now=self._clock())
            if not self.is_sealed and self.rules.starttls is not Offer.UNAVAILABLE:
                lines.append("STARTTLS")
            if auth_line := self._auth_line:
                lines.append(auth_line)
            if self._takes_xclient:
                lines.append(f"XCLIENT {' '.join(XCLIENT_ATTRIBUTES)}")
        self._mail_terms = MailTerms(
            offered=self._offered,
            max_size=self.rules.max_message_size,
            max_hold=self.rules.max_hold,
            clock=self._clock,
        )
        # RFC 2034 3: the replies to EHLO and HELO carry no enhanced code.
        self._reply(Reply(250, tuple(lines)))
        self._queue.append(HelloReceived(name))

    def _starttls(self) -> ServerEvent | None:
        if self.is_sealed or self.rules.starttls is Offer.UNAVAILABLE:
            self._fault(Reply(503, ("STARTTLS is not available here",), "5.5.1"))
            return None
        if self._lines:
            # Promise 3: nothing may wait behind STARTTLS in clear.
            self._end(StartTLSInjection("data in clear behind STARTTLS", phase=Phase.STARTTLS))
            return None
        self._reply(Reply(220, ("Ready to start TLS",), "2.0.0"))
        self.state = HANDSHAKE
        return TLSRequested()

    @property
    def _takes_xclient(self) -> bool:
        return self._peer is not None and any(self._peer in net for net in self.rules.xclient_from)

    def _xclient(self, attributes: ClientAttributes) -> None:
        if not self._takes_xclient:
            self._fault(Reply(550, ("XCLIENT is for trusted proxies",), "5.7.0"))
            return
        # The session is another client's from here on, which has said nothing yet.
        self._forget_client()
        self._queue.append(XclientReceived(attributes))
        self._greet()

    def _mail(self, command: Mail) -> ServerEvent | None:
        rules = self.rules
        if rules.authentication is Offer.REQUIRED and self.authenticated_as is None:
            self._fault(Reply(530, ("Authentication required",), "5.7.0"))
            return None
        if rules.max_messages is not None and self._messages >= rules.max_messages:
            # RFC 9422 4: MAILMAX. What is left goes over another connection.
            self._give_up(421, "4.7.0", "too many messages in one session")
            return None
        self._envelope.begin(check_mail_parameters(command, self._mail_terms))
        self.state = TRANSACTION
        return self._ask(MailReceived(command.reverse_path))

    def _rcpt(self, command: Rcpt) -> ServerEvent | None:
        request = check_rcpt_parameters(command, self._envelope.terms, self._offered)
        if limit := self._envelope.limit_reached(command.forward_path):
            self._reply(limit)
            self._end_flood()
            return None
        return self._ask(RecipientReceived(command.forward_path, request))

    def _end_flood(self) -> None:
        if self._envelope.is_flooded:
            self._give_up(421, "4.7.0", "too many refused recipients")
