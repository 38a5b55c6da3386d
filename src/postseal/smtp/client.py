"""The client's half of an SMTP session, without I/O: commands and octets in, replies out.

The session knows which command each reply answers, what may be said in which state, and what must
be forgotten at STARTTLS. It never waits, so one flight may hold a whole envelope (RFC 2920).
"""

from __future__ import annotations

from typing import Final

from postseal.errors import LocalProtocolError
from postseal.smtp.client_body import BodyGiving
from postseal.smtp.client_core import ReplyReceived
from postseal.smtp.client_states import (
    ALLOWED,
    GREETED,
    HANDSHAKE,
    MOVES,
    ClientState,
)
from postseal.smtp.commands import Auth, Command, Data, Ehlo, Helo, Lhlo, StartTLS
from postseal.smtp.data import DataWriter
from postseal.smtp.protocol import Protocol

__all__ = ["ClientSession", "ClientState", "ReplyReceived"]

_CONDITIONAL: Final = (Auth, StartTLS, Ehlo, Helo, Lhlo)


class ClientSession(BodyGiving):
    """One session seen from the client, of SMTP or of LMTP (RFC 2033).

    `peer_authenticated` says that the channel is sealed by TLS to a peer whose identity was
    verified; without it AUTH is refused (promise 1), unless `dangerous_auth_in_clear`.

    Every method that sends returns the octets to be written, in order. Calls that the state does
    not allow raise `LocalProtocolError`; whatever the server sends gives `ReplyReceived` or raises
    `RemoteProtocolError` or `StartTLSInjection`. After a raised error the session is closed.
    Replies that came whole before the fault are given first; `failure` then holds the error,
    which the next call raises.
    """

    def __init__(
        self,
        *,
        protocol: Protocol = Protocol.SMTP,
        peer_authenticated: bool = False,
        dangerous_auth_in_clear: bool = False,
    ) -> None:
        super().__init__(protocol)
        self._is_sealed = peer_authenticated
        self._may_authenticate = peer_authenticated or dangerous_auth_in_clear

    def send(self, *commands: Command) -> bytes:
        """Say commands, several of them in one flight (RFC 2920); return their octets.

        Those before one that is not allowed count as said.
        """
        if self.failure is not None:
            raise self.failure
        unanswered = self._unanswered
        octets: list[bytes] = []
        for command in commands:
            kind: type[Command] = type(command)
            if kind not in ALLOWED[self.state]:
                self._refuse(command)
            if unanswered:
                self._check_pipelining(command)
            if kind is Data:
                self._writer = DataWriter()
            elif kind in _CONDITIONAL:
                self._check_conditions(kind)
            self.state = MOVES.get(kind, self.state)
            unanswered.append(command)
            octets.append(command.encode())
        return b"".join(octets)

    def tls_established(self, *, peer_authenticated: bool) -> None:
        """Go on above the handshake; what came in clear is forgotten (RFC 3207 4.2)."""
        if self.state is not HANDSHAKE:
            raise LocalProtocolError(f"no TLS handshake was asked for while {self.state.value}")
        self.state = GREETED
        self._is_sealed = True
        self._may_authenticate = peer_authenticated

    def _check_conditions(self, kind: type[Command]) -> None:
        if kind is Auth:
            self._check_auth()
        elif kind is StartTLS:
            if self._is_sealed:
                raise LocalProtocolError("the session is under TLS already (RFC 3207 4.2)")
        elif not self._speaks(kind):
            raise LocalProtocolError(f"{kind.verb} is not said in {self.protocol.value}")

    def _speaks(self, kind: type[Command]) -> bool:
        # RFC 2033 4.1: each protocol has its own greeting, so that neither is taken for the other.
        others = (Ehlo, Helo) if self.protocol is Protocol.LMTP else (Lhlo,)
        return kind not in others

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
        verbs = [kind.verb for kind in ALLOWED[self.state] if self._speaks(kind)]
        allowed = ", ".join(verbs) or "nothing"
        raise LocalProtocolError(
            f"{command.verb} is not allowed while {self.state.value}; allowed: {allowed}"
        )
