"""Logging in to a mailbox: by what, and the one exchange in which the server hears of it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from postseal.errors import AuthError, InvalidSetting, MailError, Phase
from postseal.secrets.opaque import Secret
from postseal.send.endpoint import Endpoint
from postseal.smtp.sasl.choice import choose_mechanisms
from postseal.smtp.sasl.credentials import (
    BearerToken,
    ClientCertificate,
    Credentials,
    Password,
)
from postseal.smtp.sasl.errors import CredentialsUnusable, NoCommonMechanism
from postseal.smtp.sasl.mechanism import ClientMechanism

if TYPE_CHECKING:
    from postseal.secrets.source import SecretSource

__all__ = ["Login", "LoginProtocol", "Responder", "log_in", "mechanism_names"]

_MECHANISM: Final = re.compile(r"[A-Z0-9_-]{1,20}\Z")

Responder: TypeAlias = Callable[[bytes], bytes]
"""Answers a challenge of the server; the first one, which is empty, before any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a user proves themselves with: a password, a token, or the certificate that was shown.

    A password that is a `SecretSource`, and a `token`, are asked for at each login. `mechanisms`,
    where given, are the SASL mechanisms that may be used; with EXTERNAL among them neither of the
    others is needed. Raises `InvalidSetting` for both, and for none.
    """

    username: str
    password: Secret | SecretSource | None = None
    token: Callable[[], Secret | str] | None = None
    mechanisms: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.password is not None and self.token is not None:
            raise InvalidSetting("a password and a token were given", hint="Give one of them.")
        if self.password is None and self.token is None:
            if "EXTERNAL" not in (self.mechanisms or ()):
                raise InvalidSetting(
                    "a mailbox is read by its user, and nothing was given to log in with",
                    hint="Give password= or token=.",
                )
        elif not self.username:
            raise InvalidSetting(
                "there is no user to log in as",
                hint="Write the user into the URL: imaps://user@host.",
            )

    def credentials(self, endpoint: Endpoint) -> Credentials:
        """Fetch what must not be shown, as what a mechanism takes."""
        if self.password is not None:
            source = self.password
            word = source if isinstance(source, Secret) else source.get().secret
            return Password(self.username, word.reveal())
        if self.token is None:
            return ClientCertificate(self.username)
        token = self.token()
        text = token if isinstance(token, str) else token.reveal()
        return BearerToken(self.username, text, endpoint.host, endpoint.port)

    def was_replaced(self, refused: Credentials) -> bool:
        """Tell whether there is another password by now than the one that was refused.

        Raises `SecretError` where that cannot be known.
        """
        source = self.password
        if source is None or isinstance(source, Secret) or not isinstance(refused, Password):
            return False
        return source.replace(Secret(refused.password)) is not None


def mechanism_names(words: Iterable[str]) -> frozenset[str]:
    """Keep what can be the name of a mechanism (RFC 4422 3.1), in upper case."""
    return frozenset(name for word in words if _MECHANISM.match(name := word.upper()))


class LoginProtocol(Protocol):
    """What logging in needs of a protocol."""

    @property
    def mechanisms(self) -> frozenset[str]:
        """The SASL mechanisms that the server offers, in upper case."""
        ...

    @property
    def takes_passwords(self) -> bool:
        """Whether the protocol's own command for user and password may be used."""
        ...

    def authenticate(self, mechanism: str, respond: Responder) -> None:
        """Do one exchange. Raises `AuthError` when the server says no."""
        ...

    def login(self, password: Password) -> None:
        """Give user and password by the protocol's own command. Raises `AuthError`."""
        ...


def log_in(
    protocol: LoginProtocol,
    credentials: Credentials,
    *,
    channel_binding: bytes,
    only: Collection[str] | None,
) -> None:
    """Log in by the best mechanism that both sides have, else by the protocol's own command.

    One attempt is made: a password that was refused by one mechanism is not shown to another.
    Raises `AuthError`, in whose text and traceback the credentials are not.
    """
    try:
        _log_in(protocol, credentials, channel_binding, only)
    except MailError as error:
        for secret in _spoken(credentials):
            error.text = error.text.replace(secret, "***")
        error.args = (error.text,)
        error.at(phase=Phase.AUTH)
        # The frames below hold what was to be written.
        raise error.with_traceback(None) from None


def _log_in(
    protocol: LoginProtocol,
    credentials: Credentials,
    channel_binding: bytes,
    only: Collection[str] | None,
) -> None:
    try:
        mechanisms = choose_mechanisms(
            credentials, protocol.mechanisms, channel_binding=channel_binding, only=only
        )
    except NoCommonMechanism:
        if only is None and isinstance(credentials, Password) and protocol.takes_passwords:
            protocol.login(credentials)
            return
        raise
    *others, last = mechanisms
    for mechanism in others:
        try:
            answers = _Answers(mechanism, mechanism.initial_response())
        except CredentialsUnusable:
            # This one cannot write them; nothing was said.
            continue
        break
    else:
        mechanism, answers = last, _Answers(last, last.initial_response())
    try:
        protocol.authenticate(mechanism.name, answers.respond)
    except AuthError as error:
        if mechanism.server_error:
            error.text += f" ({mechanism.server_error})"
        error.hint = error.hint or mechanism.advice
        raise
    mechanism.finish()


@dataclass(slots=True)
class _Answers:
    mechanism: ClientMechanism
    initial: bytes | None

    def respond(self, challenge: bytes) -> bytes:
        """Say first what the mechanism says first: the challenge before it is empty."""
        if self.initial is not None and not challenge:
            answer, self.initial = self.initial, None
            return answer
        self.initial = None
        return self.mechanism.respond(challenge)


def _spoken(credentials: Credentials) -> list[str]:
    """The credentials in all the forms that a server may have repeated."""
    if isinstance(credentials, ClientCertificate):
        return []
    if isinstance(credentials, BearerToken):
        return [credentials.token]
    word = credentials.password
    plain = f"\0{credentials.username}\0{word}"
    return [word, *(b64encode(text.encode()).decode() for text in (word, plain))]
