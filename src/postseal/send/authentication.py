"""The credentials' way to the server, and nowhere else: not into errors, nor their tracebacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from postseal.errors import AuthError, MailError, Phase
from postseal.secrets import Secret
from postseal.smtp import ClientSession, Extensions, Reply
from postseal.smtp.commands import Auth, Command
from postseal.smtp.sasl import encode_plain

__all__ = ["Dialogue", "authenticate"]


class Dialogue(Protocol):
    """What authenticating needs of a connection."""

    @property
    def session(self) -> ClientSession:
        """The protocol's state; it refuses AUTH where the peer is not authenticated."""
        ...

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""
        ...

    async def ask(self, command: Command, *, deadline: float) -> Reply:
        """Send one command and wait for its reply."""
        ...


async def authenticate(
    dialogue: Dialogue, username: str | None, password: Secret, *, deadline: float
) -> None:
    """Give user and password by PLAIN (RFC 4616). Raises `AuthError` when they are not taken."""
    if not username:
        raise AuthError(
            "a password was given, but no user",
            phase=Phase.AUTH,
            hint="Write the user into the URL: smtp://user@host.",
        )
    offered = dialogue.extensions.mechanisms
    if "PLAIN" not in offered:
        raise AuthError(
            "the server offers no mechanism that we can authenticate with",
            phase=Phase.AUTH,
            hint=f"It offers: {', '.join(sorted(offered)) or 'none'}.",
        )
    command = _plain(username, password)
    try:
        reply = _censored(await dialogue.ask(command, deadline=deadline), command, password)
    except MailError as error:
        error.text = _without(error.text, command, password)
        error.args = (error.text,)
        # The frames below hold the octets that were to be written.
        raise error.with_traceback(None) from None
    if reply.code == 334:
        # RFC 4954 4 lets a server ask although the response was there; we gave all we have.
        raise AuthError("the server asks for more than PLAIN has", phase=Phase.AUTH)
    if not dialogue.session.is_authenticated:
        raise AuthError(
            f"the server did not take the credentials of {username!a}: {reply.text}",
            phase=Phase.AUTH,
            code=reply.code,
            enhanced_code=reply.enhanced_code,
            hint="Check user and password; some providers want an app password.",
        )


def _plain(username: str, password: Secret) -> Auth:
    try:
        return Auth("PLAIN", encode_plain(username, password.reveal()))
    except UnicodeError:
        # It would quote the password.
        problem = "the user and the password must be valid Unicode"
    except ValueError as error:
        problem = str(error)
    # Raised outside of the handlers: it carries no frame that holds the password.
    raise AuthError(problem, phase=Phase.AUTH)


def _censored(reply: Reply, command: Auth, password: Secret) -> Reply:
    lines = tuple(_without(line, command, password) for line in reply.lines)
    return replace(reply, lines=lines)


def _without(text: str, command: Auth, password: Secret) -> str:
    # Some servers repeat the command that they did not like.
    for secret in (command.encode().split()[-1].decode(), password.reveal()):
        text = text.replace(secret, "***")
    return text
