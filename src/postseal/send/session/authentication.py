"""The credentials' way to the server, and nowhere else: not into errors, nor their tracebacks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, TypeVar

from postseal.errors import AuthError, InvalidSetting, MailError, Phase, SecretError
from postseal.secrets.opaque import Secret

if TYPE_CHECKING:
    from postseal.secrets.source import SecretSource
    from postseal.send.endpoint import Endpoint
    from postseal.smtp.commands import Command
    from postseal.smtp.extensions import Extensions
    from postseal.smtp.reply import Reply
    from postseal.smtp.sasl.credentials import Credentials

__all__ = ["CredentialsReplaced", "Dialogue", "Login", "TokenSource", "authenticate"]

T = TypeVar("T")

TokenSource: TypeAlias = "SecretSource | Callable[[], Secret | str | Awaitable[Secret | str]]"
"""Where an OAuth 2.0 access token comes from: `oauth_tokens`, or a callable of the application's.

A callable is called for each connection that is made. It keeps its token until that expires, and
bounds its own waiting. What it returns may be awaitable where an event loop runs.
"""


class CredentialsReplaced(AuthError):
    """The server refused a password or token that was replaced since; a new login takes the new."""

    _may_pass = True

    @property
    def is_temporary(self) -> bool:
        """True: it is another one now."""
        return True


@dataclass(frozen=True, slots=True)
class Login:
    """What a client proves itself with: a password, a token, or the certificate it has shown.

    One that is a `SecretSource` is asked for at each login. `mechanisms`, where given, are the
    names of those that may be used.
    """

    password: Secret | SecretSource | None
    token: TokenSource | None
    mechanisms: frozenset[str] | None

    @classmethod
    def of(
        cls,
        password: Secret | SecretSource | None,
        token: TokenSource | None,
        mechanisms: frozenset[str] | None,
    ) -> Self | None:
        """Make a login of what is given; None where there is nothing to log in with.

        Raises `InvalidSetting` for a password beside a token.
        """
        if password is not None and token is not None:
            raise InvalidSetting("a password and a token were given", hint="Give one of them.")
        if password is None and token is None and "EXTERNAL" not in (mechanisms or ()):
            return None
        return cls(password, token, mechanisms)

    @property
    def is_by_certificate(self) -> bool:
        """True when there is nothing else to log in by."""
        return self.password is None and self.token is None

    @property
    def _kind(self) -> str:
        return "password" if self.token is None else "token"

    async def fetch(self, dialogue: Dialogue, *, deadline: float) -> Secret | None:
        """Get what must not be shown; None where the certificate is all there is.

        Raises `SecretError` where it cannot be had.
        """
        source = self.password if self.token is None else self.token
        if source is None or isinstance(source, Secret):
            return source
        if callable(source):
            given = source()
            token = await given if isawaitable(given) else given
            return Secret(token) if isinstance(token, str) else token
        version = await dialogue.ask_keeper(
            lambda seconds: source.get(timeout=seconds), deadline=deadline
        )
        return version.secret

    async def after_refusal(
        self, error: AuthError, secret: Secret | None, dialogue: Dialogue, *, deadline: float
    ) -> AuthError:
        """Tell what a failed login comes to: another error where there is another secret by now."""
        source = self.password if self.token is None else self.token
        if secret is None or source is None or isinstance(source, Secret) or callable(source):
            return error
        if not _is_refusal(error):
            return error
        try:
            newer = await dialogue.ask_keeper(
                lambda seconds: source.replace(secret, timeout=seconds), deadline=deadline
            )
        except SecretError as failure:
            error.hint = f"Whether there is a newer {self._kind} is not known: {failure}"
            return error
        if newer is None:
            return error
        return CredentialsReplaced(
            error.text,
            phase=error.phase,
            host=error.host,
            code=error.code,
            enhanced_code=error.enhanced_code,
            hint=f"The {self._kind} was replaced meanwhile: log in again.",
        )

    def credentials(self, endpoint: Endpoint, secret: Secret | None) -> Credentials:
        """Put the user of the URL and the secret together.

        Raises `AuthError` where there is a secret and no user.
        """
        from postseal.smtp.sasl.credentials import BearerToken, ClientCertificate, Password

        self.check_user(endpoint.username)
        username = endpoint.username or ""
        if secret is None:
            return ClientCertificate(username)
        if self.token is None:
            return Password(username, secret.reveal())
        return BearerToken(username, secret.reveal(), endpoint.host, endpoint.port)

    def check_user(self, username: str | None) -> None:
        """Raise `AuthError` where a user is needed and there is none."""
        if username or self.is_by_certificate:
            return
        raise AuthError(
            f"a {self._kind} was given, but no user",
            phase=Phase.AUTH,
            hint="Write the user into the URL: smtp://user@host.",
        )


class Dialogue(Protocol):
    """What authenticating needs of a connection."""

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""
        ...

    @property
    def channel_binding(self) -> bytes:
        """What ties the authentication to the channel; empty where there is nothing."""
        ...

    async def ask(self, command: Command, *, deadline: float) -> Reply:
        """Send one command and wait for its reply."""
        ...

    async def ask_keeper(self, ask: Callable[[float], T], *, deadline: float) -> T:
        """Call what blocks, for no longer than the seconds that it is given."""
        ...


async def authenticate(
    dialogue: Dialogue, endpoint: Endpoint, login: Login, *, deadline: float
) -> None:
    """Authenticate by the best mechanism that the server offers (see `choose_mechanisms`).

    Raises `AuthError` when there is none, or the server does not take the credentials, or does
    not prove that it knows them; `CredentialsReplaced` when it did not take a password or token in
    whose place there is another by now; and `SecretError` when it cannot be had. The connection
    is then to be closed.
    """
    secret = await login.fetch(dialogue, deadline=deadline)
    try:
        await _log_in(dialogue, endpoint, login, secret, deadline)
    except AuthError as error:
        failure = error
    else:
        return
    raise await login.after_refusal(failure, secret, dialogue, deadline=deadline)


async def _log_in(
    dialogue: Dialogue, endpoint: Endpoint, login: Login, secret: Secret | None, deadline: float
) -> None:
    from postseal.smtp.sasl.choice import choose_mechanisms
    from postseal.smtp.sasl.negotiation import Negotiation

    negotiation = Negotiation(
        choose_mechanisms(
            login.credentials(endpoint, secret),
            dialogue.extensions.mechanisms,
            channel_binding=dialogue.channel_binding,
            only=login.mechanisms,
        )
    )
    said = [] if secret is None else [secret]
    command: Command | None = negotiation.begin()
    while command is not None:
        # Some servers repeat what they did not like, then or later.
        said += _response(command)
        reply = await _ask(dialogue, command, said, deadline)
        command = negotiation.answer(reply)


async def _ask(
    dialogue: Dialogue, command: Command, said: Sequence[Secret], deadline: float
) -> Reply:
    try:
        reply = await dialogue.ask(command, deadline=deadline)
    except MailError as error:
        error.text = _without(error.text, said)
        error.args = (error.text,)
        # The frames below hold the octets that were to be written.
        raise error.with_traceback(None) from None
    if reply.code == 334:
        # A challenge is for the mechanism, as it came; all else is for people.
        return reply
    return replace(reply, lines=tuple(_without(line, said) for line in reply.lines))


def _is_refusal(error: AuthError) -> bool:
    # RFC 4954 6: 535 is wrong credentials; servers have other words for it (534, 550), and 432
    # is a password that has to be changed.
    return error.code is not None and (error.code >= 500 or error.code == 432)


def _response(command: Command) -> list[Secret]:
    """What the command carries of the credentials, as it is written."""
    from postseal.smtp.commands import Auth, AuthResponse

    match command:
        case Auth(_, octets) | AuthResponse(octets) if octets:
            return [Secret(b64encode(octets).decode())]
    return []


def _without(text: str, said: Sequence[Secret]) -> str:
    for secret in said:
        text = text.replace(secret.reveal(), "***")
    return text
