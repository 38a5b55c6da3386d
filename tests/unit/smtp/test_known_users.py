"""A server that knows its users' passwords: who is let in, by each mechanism."""

from __future__ import annotations

from base64 import b64encode

import pytest

from postseal.errors import AuthError
from postseal.smtp import ServerSession
from postseal.smtp.commands import Command
from postseal.smtp.events import AUTHENTICATION_QUESTIONS
from postseal.smtp.known_users import KnownUsers
from postseal.smtp.reply import ReplyParser
from postseal.smtp.rules import ServerRules
from postseal.smtp.sasl import ChannelEnds, Password, ServerOffer, ServerSASL
from postseal.smtp.sasl.choice import choose_mechanisms
from postseal.smtp.sasl.negotiation import Negotiation

USERS = KnownUsers({"ada": "enchantress", "bob": "builder"})
MECHANISMS = ("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS")
BINDING = b"of the channel"
NO = b"535 5.7.8 Authentication credentials invalid\r\n"


def server() -> ServerSession:
    offer = ServerOffer(frozenset(ServerSASL), decoy_secret=b"decoys")
    session = ServerSession(
        ServerRules("mail.example", sasl=offer), sealed=True, channel=ChannelEnds(BINDING)
    )
    session.greet()
    told(session, b"EHLO client.example\r\n")
    return session


def told(session: ServerSession, line: bytes) -> bytes:
    """Let the server hear a line, with the users' answers to what it asks."""
    session.receive(line)
    while (event := session.next_event()) is not None:
        if isinstance(event, AUTHENTICATION_QUESTIONS):
            USERS.answer(session, event)
    return session.data_to_send()


def log_in(session: ServerSession, mechanism: str, username: str, password: str) -> None:
    negotiation = Negotiation(
        choose_mechanisms(
            Password(username, password),
            MECHANISMS,
            channel_binding=BINDING,
            only=frozenset({mechanism}),
        )
    )
    command: Command | None = negotiation.begin()
    while command is not None:
        replies = ReplyParser()
        replies.feed(told(session, command.encode()))
        reply = replies.next_reply()
        assert reply is not None
        command = negotiation.answer(reply)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_who_knows_the_password_is_let_in(mechanism: str) -> None:
    session = server()
    log_in(session, mechanism, "ada", "enchantress")
    assert session.authenticated_as == "ada"


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(
    ("username", "password"), [("ada", "builder"), ("mallory", "enchantress"), ("Ada", "x")]
)
def test_nobody_else_is(mechanism: str, username: str, password: str) -> None:
    session = server()
    with pytest.raises(AuthError) as refused:
        log_in(session, mechanism, username, password)
    # Whether there is such a user is not to be seen.
    assert refused.value.code == 535
    assert session.authenticated_as is None


def test_nobody_acts_as_another() -> None:
    session = server()
    claim = b64encode(b"bob\0ada\0enchantress")
    assert told(session, b"AUTH PLAIN " + claim + b"\r\n") == NO
    claim = b64encode(b"ada\0ada\0enchantress")
    assert told(session, b"AUTH PLAIN " + claim + b"\r\n").startswith(b"235 2.7.0 ")


def test_a_token_is_nobodys() -> None:
    session = server()
    token = b64encode(b"user=ada\x01auth=Bearer t0ken\x01\x01")
    assert told(session, b"AUTH XOAUTH2 " + token + b"\r\n").startswith(b"334 ")
    assert told(session, b"\r\n") == NO


def test_passwords_are_not_shown() -> None:
    assert "enchantress" not in repr(USERS)
