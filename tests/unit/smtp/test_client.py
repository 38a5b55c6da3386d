"""The client's half: what may be said when, and what each answer changes."""

from __future__ import annotations

from typing import Any

import pytest

from postseal.address import Address
from postseal.errors import Disconnected, LocalProtocolError, Phase, RemoteProtocolError
from postseal.smtp import ClientSession, ClientState
from postseal.smtp.commands import (
    Auth,
    AuthCancel,
    AuthResponse,
    Command,
    Data,
    Ehlo,
    EndOfData,
    Helo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTLS,
)
from postseal.smtp.xclient import ClientAttributes, Xclient

ADA = Address("ada", "example.com")
S = ClientState


def greeted(**options: Any) -> ClientSession:
    session = ClientSession(**options)
    session.receive(b"220 mx.example\r\n")
    return session


def ready(*offers: str, **options: Any) -> ClientSession:
    session = greeted(**options)
    session.send(Ehlo("client.example"))
    lines = ["mx.example", *offers]
    marks = ["-"] * len(offers) + [" "]
    reply = "".join(f"250{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True))
    session.receive(reply.encode())
    assert session.is_idle
    return session


def ask(session: ClientSession, command: Command, reply: bytes) -> None:
    session.send(command)
    assert session.receive(reply)[-1].command is command


def in_state(state: ClientState) -> ClientSession:
    match state:
        case S.CONNECTED:
            return ClientSession()
        case S.GREETED:
            return greeted()
    session = ready("STARTTLS", "CHUNKING", dangerous_auth_in_clear=True)
    match state:
        case S.STARTING_TLS:
            session.send(StartTLS())
        case S.HANDSHAKE:
            ask(session, StartTLS(), b"220 go\r\n")
        case S.AUTHENTICATING:
            ask(session, Auth("LOGIN"), b"334 \r\n")
        case S.TRANSACTION:
            ask(session, Mail(ADA), b"250 ok\r\n")
        case S.DATA_SENT:
            ask(session, Mail(ADA), b"250 ok\r\n")
            session.send(Data())
        case S.BODY:
            ask(session, Mail(ADA), b"250 ok\r\n")
            ask(session, Data(), b"354 go\r\n")
        case S.CHUNKING | S.CHUNK_REFUSED:
            ask(session, Mail(ADA), b"250 ok\r\n")
            ask(session, Rcpt(ADA), b"250 ok\r\n")
            session.write_chunk(b"Hello")
            session.receive(b"250 ok\r\n" if state is S.CHUNKING else b"552 too large\r\n")
        case S.QUITTING:
            session.send(Quit())
        case S.CLOSED:
            ask(session, Quit(), b"221 bye\r\n")
    assert session.state is state
    return session


COMMANDS: dict[type[Command], Command] = {
    type(command): command
    for command in (
        Ehlo("client.example"), Helo("client.example"), StartTLS(), Xclient(ClientAttributes()),
        Auth("PLAIN"), AuthResponse(b""), AuthCancel(),
        Mail(None), Rcpt(ADA), Data(), EndOfData(), Rset(), Noop(), Quit(),
    )
}  # fmt: skip

# The table of RFC 5321 4.1.4, RFC 3207 and RFC 4954, written once more by hand.
LEGAL: dict[ClientState, set[type[Command]]] = {
    S.CONNECTED: set(),
    S.GREETED: {Ehlo, Helo, Quit},
    S.READY: {Ehlo, Helo, StartTLS, Xclient, Auth, Mail, Rset, Noop, Quit},
    S.STARTING_TLS: set(),
    S.HANDSHAKE: set(),
    S.AUTHENTICATING: {AuthResponse, AuthCancel},
    S.TRANSACTION: {Rcpt, Data, Rset, Noop, Quit},
    S.DATA_SENT: set(),
    S.BODY: set(),
    S.CHUNKING: {Rset, Noop, Quit},
    S.CHUNK_REFUSED: {Rset, Noop, Quit},
    S.QUITTING: set(),
    S.CLOSED: set(),
}


@pytest.mark.parametrize("state", S, ids=lambda state: state.name)
@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
def test_what_may_be_said_in_which_state(state: ClientState, kind: type[Command]) -> None:
    session = in_state(state)
    command = COMMANDS[kind]
    if kind in LEGAL[state]:
        assert session.send(command) == command.encode()
        return
    with pytest.raises(LocalProtocolError) as caught:
        session.send(command)
    # The text says the state and the way out of it.
    text = caught.value.text
    assert text.startswith(f"{command.verb} is not allowed while {state.value}; allowed: ")
    assert all(legal.verb in text for legal in LEGAL[state])
    # A refused call changes nothing.
    assert session.state is state


@pytest.mark.parametrize("state", [state for state in S if state is not S.BODY])
def test_a_body_is_sent_only_on_invitation(state: ClientState) -> None:
    session = in_state(state)
    with pytest.raises(LocalProtocolError, match="no body may be sent while"):
        session.write_body(b"x")
    with pytest.raises(LocalProtocolError, match="no body may be sent while"):
        session.end_body()


@pytest.mark.parametrize("state", [state for state in S if state is not S.HANDSHAKE])
def test_a_handshake_is_done_only_where_it_is_due(state: ClientState) -> None:
    with pytest.raises(LocalProtocolError, match="no TLS handshake was asked for"):
        in_state(state).tls_established(peer_authenticated=True)


# -- promise 1 ----------------------------------------------------------------------------------


def test_credentials_are_not_given_in_clear() -> None:
    session = ready("AUTH PLAIN")
    with pytest.raises(LocalProtocolError, match="only over TLS to an authenticated server"):
        session.send(Auth("PLAIN", b"\x00ada\x00hunter2"))
    assert session.is_idle


def test_nor_under_TLS_to_who_knows_whom() -> None:
    session = ready("STARTTLS", dangerous_auth_in_clear=True)
    ask(session, StartTLS(), b"220 go\r\n")
    session.tls_established(peer_authenticated=False)
    ask(session, Ehlo("client.example"), b"250-mx.example\r\n250 AUTH PLAIN\r\n")
    with pytest.raises(LocalProtocolError, match="authenticated server"):
        session.send(Auth("PLAIN", b"\x00ada\x00hunter2"))


def test_but_under_TLS_to_an_authenticated_peer() -> None:
    session = ready("AUTH PLAIN", peer_authenticated=True)
    ask(session, Auth("PLAIN", b"\x00ada\x00hunter2"), b"235 2.7.0 ok\r\n")
    assert session.is_authenticated
    assert session.is_idle
    # RFC 4954 4: after a successful AUTH no further one.
    with pytest.raises(LocalProtocolError, match="authenticated already"):
        session.send(Auth("PLAIN"))


def test_a_second_TLS_is_not_asked_for() -> None:
    # RFC 3207 4.2: the client MUST NOT attempt to start a TLS session under TLS.
    with pytest.raises(LocalProtocolError, match="under TLS already"):
        ready("STARTTLS", peer_authenticated=True).send(StartTLS())
    session = ready("STARTTLS")
    ask(session, StartTLS(), b"220 go\r\n")
    session.tls_established(peer_authenticated=False)
    ask(session, Ehlo("client.example"), b"250-mx.example\r\n250 STARTTLS\r\n")
    with pytest.raises(LocalProtocolError, match="under TLS already"):
        session.send(StartTLS())


# -- AUTH ---------------------------------------------------------------------------------------


def test_a_response_answers_a_challenge() -> None:
    session = ready("AUTH LOGIN", peer_authenticated=True)
    session.send(Auth("LOGIN"))
    with pytest.raises(LocalProtocolError, match="nothing may be sent behind AUTH"):
        session.send(AuthResponse(b"ada"))
    session.receive(b"334 VXNlcm5hbWU6\r\n")
    session.send(AuthResponse(b"ada"))
    with pytest.raises(LocalProtocolError, match="nothing may be sent behind AUTH"):
        session.send(AuthCancel())
    session.receive(b"334 UGFzc3dvcmQ6\r\n")
    ask(session, AuthCancel(), b"501 cancelled\r\n")
    assert not session.is_authenticated
    assert session.is_idle


@pytest.mark.parametrize("reply", [b"535 5.7.8 no\r\n", b"454 later\r\n", b"503 not now\r\n"])
def test_refused_credentials_leave_the_session_open(reply: bytes) -> None:
    session = ready("AUTH PLAIN", peer_authenticated=True)
    ask(session, Auth("PLAIN", b"x"), reply)
    assert not session.is_authenticated
    assert session.is_idle


@pytest.mark.parametrize("reply", [b"250 ok\r\n", b"220 ok\r\n", b"354 go\r\n", b"300 x\r\n"])
def test_only_235_is_success(reply: bytes) -> None:
    session = ready("AUTH PLAIN", peer_authenticated=True)
    session.send(Auth("PLAIN", b"x"))
    with pytest.raises(RemoteProtocolError, match="AUTH was answered with"):
        session.receive(reply)
    assert not session.is_authenticated
    assert session.state is S.CLOSED


# -- pipelining ---------------------------------------------------------------------------------


def test_nothing_is_sent_ahead_without_PIPELINING() -> None:
    session = ready("SIZE 1000")
    session.send(Mail(ADA))
    with pytest.raises(LocalProtocolError, match="RCPT cannot be sent before MAIL is answered"):
        session.send(Rcpt(ADA))


@pytest.mark.parametrize("command", [Ehlo("a"), Data(), Quit()])
def test_some_commands_end_a_group(command: Command) -> None:
    # RFC 2920 3.1
    session = ready("PIPELINING")
    if isinstance(command, Data):
        session.send(Mail(ADA))
    session.send(command)
    with pytest.raises(LocalProtocolError):
        session.send(Noop())


def test_nothing_is_said_behind_an_unanswered_EHLO() -> None:
    session = ready("PIPELINING")
    session.send(Ehlo("a"))
    with pytest.raises(
        LocalProtocolError, match="nothing may be sent behind EHLO until it is answered"
    ):
        session.send(Noop())


def test_the_next_envelope_rides_with_the_body() -> None:
    # RFC 2920 3.1: end of data need not be the last of a group.
    session = ready("PIPELINING")
    ask(session, Mail(ADA), b"250 ok\r\n")
    ask(session, Rcpt(ADA), b"250 ok\r\n")
    ask(session, Data(), b"354 go\r\n")
    session.end_body()
    for command in (Mail(None), Rcpt(ADA), Data()):
        session.send(command)
    events = session.receive(b"250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    assert [event.command for event in events] == [EndOfData(), Mail(None), Rcpt(ADA), Data()]
    assert session.state is S.BODY


def test_a_refused_MAIL_does_not_end_the_transaction_behind_it() -> None:
    session = ready("PIPELINING")
    for command in (Mail(ADA), Rset(), Mail(None)):
        session.send(command)
    session.receive(b"550 no\r\n")
    session.receive(b"250 ok\r\n250 ok\r\n")
    ask(session, Rcpt(ADA), b"250 ok\r\n")
    # The second MAIL was taken: a refused DATA leaves it open at the server.
    ask(session, Data(), b"451 not now\r\n")
    assert session.state is S.TRANSACTION


def test_a_refused_MAIL_with_a_NOOP_behind_it_ends_the_transaction() -> None:
    session = ready("PIPELINING")
    session.send(Mail(ADA))
    session.send(Noop())
    session.receive(b"550 no\r\n")
    assert session.state is S.READY


def test_a_refused_MAIL_with_a_QUIT_behind_it_does_not_reopen_the_session() -> None:
    session = ready("PIPELINING")
    session.send(Mail(ADA))
    session.send(Quit())
    session.receive(b"550 no\r\n")
    assert session.state is S.QUITTING


# -- what is due --------------------------------------------------------------------------------


def test_it_is_known_what_is_waited_for() -> None:
    session = ClientSession()
    phases = [session.waiting_for]
    for commands, reply in (
        ([], b"220 mx\r\n"),
        ([Ehlo("a")], b"250-mx\r\n250 PIPELINING\r\n"),
        ([Mail(ADA), Rcpt(ADA)], b"250 ok\r\n"),
    ):
        for command in commands:
            session.send(command)
        phases.append(session.waiting_for)
        session.receive(reply)
        phases.append(session.waiting_for)
    # Each pair: with the command said, and with one reply heard.
    assert phases == [
        *(Phase.GREETING, Phase.GREETING, None),
        *(Phase.EHLO, None),
        *(Phase.MAIL, Phase.RCPT),
    ]


def test_a_session_with_half_a_reply_is_not_idle() -> None:
    # A pool must not give it to the next message.
    session = ready()
    session.receive(b"42")
    assert not session.is_idle


# -- ends ---------------------------------------------------------------------------------------


def test_421_ends_the_session_at_any_point() -> None:
    session = ready("PIPELINING")
    session.send(Mail(ADA))
    session.send(Rcpt(ADA))
    (received,) = session.receive(b"421 4.3.2 closing\r\n250 forged\r\n")
    assert received.command == Mail(ADA)
    assert session.state is S.CLOSED
    # RFC 5321 3.8: what follows is not an answer to anything.
    assert session.receive(b"250 forged\r\n") == []


@pytest.mark.parametrize("state", [S.GREETED, S.READY, S.TRANSACTION, S.BODY])
def test_a_farewell_may_come_unasked(state: ClientState) -> None:
    # P09: 421 in the middle of a body.
    session = in_state(state)
    (received,) = session.receive(b"421 4.3.2 closing\r\n")
    assert received.command is None
    assert session.state is S.CLOSED


@pytest.mark.parametrize(
    "state", [state for state in S if state not in (S.QUITTING, S.CLOSED)], ids=lambda s: s.name
)
def test_an_end_without_goodbye_is_an_error(state: ClientState) -> None:
    session = in_state(state)
    phase = session.waiting_for
    with pytest.raises(Disconnected) as caught:
        session.receive(b"")
    assert caught.value.phase is phase
    assert session.state is S.CLOSED


def test_an_end_behind_goodbye_is_none() -> None:
    # RFC 5321 4.1.1.10 asks for 221, but many servers just close.
    session = in_state(S.QUITTING)
    assert session.receive(b"") == []
    assert session.state is S.CLOSED
    assert in_state(S.CLOSED).receive(b"") == []


def test_goodbye_does_not_stand_for_the_verdict_before_it() -> None:
    session = ready("PIPELINING")
    ask(session, Mail(ADA), b"250 ok\r\n")
    ask(session, Rcpt(ADA), b"250 ok\r\n")
    ask(session, Data(), b"354 go\r\n")
    session.end_body()
    session.send(Quit())
    with pytest.raises(Disconnected) as caught:
        session.receive(b"")
    # Nobody knows whether the message was taken.
    assert caught.value.phase is Phase.BODY


def test_half_a_goodbye_is_a_cut() -> None:
    session = in_state(S.QUITTING)
    session.receive(b"221 by")
    with pytest.raises(Disconnected):
        session.receive(b"")


def test_a_verdict_is_not_lost_for_what_comes_behind_it() -> None:
    # With the 250 thrown away the message would be sent twice.
    session = in_state(S.BODY)
    session.end_body()
    (received,) = session.receive(b"250 queued\r\nrubbish\r\n")
    assert (received.command, received.reply.code) == (EndOfData(), 250)
    assert session.state is S.CLOSED
    assert not session.is_idle
    for call in (lambda: session.receive(b""), lambda: session.send(Noop())):
        with pytest.raises(RemoteProtocolError, match="no SMTP reply"):
            call()
