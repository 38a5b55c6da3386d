"""The client's whole dialogue of AUTH (RFC 4954 4): replies in, commands out, next mechanism."""

from __future__ import annotations

from base64 import b64decode

from postseal.errors import AuthError, Phase
from postseal.smtp.commands import Auth, AuthCancel, AuthResponse, Command
from postseal.smtp.grammar import is_base64
from postseal.smtp.reply import Reply
from postseal.smtp.sasl.choice import after_error, after_reply
from postseal.smtp.sasl.errors import ChallengeInvalid, SASLError
from postseal.smtp.sasl.mechanism import ClientMechanism

__all__ = ["Negotiation"]


class Negotiation:
    """Tries mechanisms, in the order of `choose_mechanisms`, until the server accepts one.

    Send what `begin` gives, then what `answer` gives for each reply, until that is None: the
    client is authenticated, by `mechanism`. Both raise `AuthError` when there is nothing left to
    try; then close the session, which the server may take for authenticated.
    """

    def __init__(self, mechanisms: tuple[ClientMechanism, ...]) -> None:
        self.mechanism = mechanisms[0]
        self._rest = mechanisms
        self._cancelled: SASLError | None = None

    def begin(self) -> Command:
        """Give the first command."""
        return self._try_next(self._rest)

    def answer(self, reply: Reply) -> Command | None:
        """Give what follows the server's reply; None when the client is authenticated."""
        if self._cancelled is not None:
            return self._after_cancel(self._cancelled, reply)
        if reply.code == 235:
            self.mechanism.finish()
            return None
        if reply.code == 334:
            return self._respond(reply)
        rest = after_reply(
            self.mechanism, self._rest, code=reply.code, enhanced_code=reply.enhanced_code
        )
        if not rest:
            raise self._refused(reply)
        return self._try_next(rest)

    def _try_next(self, rest: tuple[ClientMechanism, ...]) -> Command:
        self.mechanism, self._rest = rest[0], rest[1:]
        try:
            return Auth(self.mechanism.name, self.mechanism.initial_response())
        except SASLError as error:
            rest = after_error(self.mechanism, self._rest, error)
            if not rest:
                raise
        return self._try_next(rest)

    def _respond(self, reply: Reply) -> Command:
        try:
            return AuthResponse(self.mechanism.respond(_challenge(reply)))
        except SASLError as error:
            self._cancelled = error
            return AuthCancel()

    def _after_cancel(self, error: SASLError, reply: Reply) -> Command:
        self._cancelled = None
        rest = after_error(self.mechanism, self._rest, error)
        # RFC 4954 4: 501. With any other end, the server does not follow us.
        if not rest or not 500 <= reply.code < 600:
            # The frames below were those of an exchange with the password.
            raise error.with_traceback(None)
        return self._try_next(rest)

    def _refused(self, reply: Reply) -> AuthError:
        mechanism = self.mechanism
        reason = reply.text + (f" ({mechanism.server_error})" if mechanism.server_error else "")
        return AuthError(
            f"the server did not take the credentials of {mechanism.username!a} "
            f"by {mechanism.name}: {reason}",
            phase=Phase.AUTH,
            code=reply.code,
            enhanced_code=reply.enhanced_code,
            hint=mechanism.advice if reply.code == 535 else None,
        )


def _challenge(reply: Reply) -> bytes:
    # RFC 4954 4: one line of base64.
    text = reply.lines[0].encode()
    if len(reply.lines) > 1 or reply.enhanced_code or not is_base64(text):
        raise ChallengeInvalid("the server's challenge is not one line of base64")
    return b64decode(text)
