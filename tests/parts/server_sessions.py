"""Server sessions in a given state, and a way to talk to them line by line."""

from __future__ import annotations

from dataclasses import replace

from postseal.smtp import Reply, ServerSession, ServerState
from postseal.smtp.events import ServerEvent
from postseal.smtp.rules import Offer, ServerRules
from tests.parts.transcript import QUESTIONS

S = ServerState
OPEN = ServerRules("mx.example", starttls=Offer.UNAVAILABLE, authentication=Offer.UNAVAILABLE)
OFFERED = replace(OPEN, starttls=Offer.OFFERED, authentication=Offer.OFFERED)
STRICT = ServerRules("mx.example")
OK = Reply(250, ("OK",))


def greeted(rules: ServerRules = OPEN, *, sealed: bool = False) -> ServerSession:
    session = ServerSession(rules, sealed=sealed)
    session.greet()
    assert session.data_to_send() == f"220 {rules.hostname} ESMTP Postseal\r\n".encode()
    return session


def say(
    session: ServerSession, *lines: bytes, answer: Reply = OK
) -> tuple[list[ServerEvent], list[str]]:
    """Say lines, answer all that is asked with `answer`; return the events and the replies."""
    events: list[ServerEvent] = []
    replies = b""
    for line in lines:
        session.receive(line + b"\r\n")
        while (event := session.next_event()) is not None:
            events.append(event)
            if isinstance(event, QUESTIONS):
                session.answer(answer)
        replies += session.data_to_send()
    return events, replies.decode().split("\r\n")[:-1]


def replies(session: ServerSession, *lines: bytes, answer: Reply = OK) -> list[str]:
    return say(session, *lines, answer=answer)[1]


def ready(rules: ServerRules = OPEN, *, sealed: bool = False) -> ServerSession:
    session = greeted(rules, sealed=sealed)
    say(session, b"EHLO client.example")
    return session


def in_state(state: ServerState) -> ServerSession:
    session = ready(OFFERED, sealed=state is S.AUTHENTICATING)
    match state:
        case S.CONNECTED:
            return ServerSession(OFFERED)
        case S.GREETED:
            return greeted(OFFERED)
        case S.TRANSACTION:
            say(session, b"MAIL FROM:<>")
        case S.AUTHENTICATING:
            say(session, b"AUTH PLAIN")
        case S.HANDSHAKE:
            say(session, b"STARTTLS")
        case S.BODY:
            say(session, b"MAIL FROM:<>", b"RCPT TO:<ada@example.com>", b"DATA")
        case S.CHUNK:
            say(session, b"MAIL FROM:<>", b"RCPT TO:<ada@example.com>", b"BDAT 100")
        case S.CHUNKED:
            say(session, b"MAIL FROM:<>", b"RCPT TO:<ada@example.com>", b"BDAT 0")
        case S.CLOSED:
            say(session, b"QUIT")
    assert session.state is state
    return session
