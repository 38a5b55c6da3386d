"""The credentials' way to the server, and nowhere else: not into errors, nor their tracebacks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from postseal.errors import AuthError, MailError, Phase
from postseal.secrets import Secret
from postseal.smtp import Extensions, Reply
from postseal.smtp.commands import Auth, AuthResponse, Command
from postseal.smtp.sasl import Negotiation, Password, choose_mechanisms

__all__ = ["Dialogue", "authenticate"]


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


async def authenticate(
    dialogue: Dialogue, username: str | None, password: Secret, *, deadline: float
) -> None:
    """Authenticate by the best mechanism that the server offers (see `choose_mechanisms`).

    Raises `AuthError` when there is none, or the server does not take the credentials, or does
    not prove that it knows them; the connection is then to be closed.
    """
    if not username:
        raise AuthError(
            "a password was given, but no user",
            phase=Phase.AUTH,
            hint="Write the user into the URL: smtp://user@host.",
        )
    negotiation = Negotiation(
        choose_mechanisms(
            Password(username, password.reveal()),
            dialogue.extensions.mechanisms,
            channel_binding=dialogue.channel_binding,
        )
    )
    said = [password]
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


def _response(command: Command) -> list[Secret]:
    """What the command carries of the credentials, as it is written."""
    match command:
        case Auth(_, octets) | AuthResponse(octets) if octets:
            return [Secret(b64encode(octets).decode())]
    return []


def _without(text: str, said: Sequence[Secret]) -> str:
    for secret in said:
        text = text.replace(secret.reveal(), "***")
    return text
