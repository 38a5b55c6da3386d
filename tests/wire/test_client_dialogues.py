"""Whole dialogues of the client, each with the reason why it goes as it does."""

from __future__ import annotations

from postseal.smtp import ClientSession, ClientState
from tests.parts.transcript import run_client


def codes(session: ClientSession, transcript: str) -> list[int]:
    return [received.reply.code for received in run_client(session, transcript)]


HELLO = """
    S: 220 mx.example ESMTP
    C: EHLO client.example
    S: 250-mx.example
    S: 250-PIPELINING
    S: 250-SIZE 1000
    S: 250 STARTTLS
"""


def test_a_message_one_step_at_a_time() -> None:
    session = ClientSession()
    run_client(
        session,
        """
        S: 220 mx.example
        C: EHLO client.example
        S: 250 mx.example
        C: MAIL FROM:<ada@example.com>
        S: 250 2.1.0 OK
        C: RCPT TO:<bob@example.org>
        S: 250 2.1.5 OK
        C: DATA
        S: 354 go ahead
        C: Subject: a dot
        C:
        # RFC 5321 4.5.2: the body's line is ".", the wire's is "..".
        C: ..
        C: .
        S: 250 2.0.0 queued
        C: QUIT
        S: 221 2.0.0 bye
        """,
    )
    assert session.state is ClientState.CLOSED


def test_two_messages_in_the_fewest_flights() -> None:
    session = ClientSession()
    run_client(
        session,
        HELLO
        + """
        C: MAIL FROM:<ada@example.com> SIZE=20
        C: RCPT TO:<bob@example.org>
        C: DATA
        S: 250 OK
        S: 250 OK
        S: 354 go ahead
        C: first
        C: .
        # RFC 2920 3.1: the next envelope goes with the end of the body before it.
        C: MAIL FROM:<>
        C: RCPT TO:<ada@example.com>
        C: DATA
        S: 250 first queued
        S: 250 OK
        S: 250 OK
        S: 354 go ahead
        C: second
        C: .
        S: 250 second queued
        """,
    )
    assert session.is_idle


def test_every_recipient_has_an_answer_of_its_own() -> None:
    received = run_client(
        ClientSession(),
        HELLO
        + """
        C: MAIL FROM:<ada@example.com>
        C: RCPT TO:<one@example.org>
        C: RCPT TO:<two@example.org>
        C: RCPT TO:<three@example.org>
        C: DATA
        S: 250 OK
        S: 550 5.1.1 no such user
        S: 250 OK
        S: 451 4.3.0 later
        # One was taken, so the body is wanted.
        S: 354 go ahead
        C: .
        S: 250 queued
        """,
    )
    answers = [(one.command.verb, one.reply.code) for one in received if one.command]
    assert answers[1:] == [
        ("MAIL", 250),
        ("RCPT", 550),
        ("RCPT", 250),
        ("RCPT", 451),
        ("DATA", 354),
        ("end of data", 250),
    ]


def test_an_invitation_although_nobody_was_taken() -> None:
    # RFC 2920 3.1: some servers answer 354 all the same; a lone dot ends it.
    session = ClientSession()
    assert codes(
        session,
        HELLO
        + """
        C: MAIL FROM:<ada@example.com>
        C: RCPT TO:<one@example.org>
        C: DATA
        S: 250 OK
        S: 550 no such user
        S: 354 go ahead
        C: .
        S: 554 no valid recipients
        """,
    )[2:] == [250, 550, 354, 554]
    assert session.is_idle


def test_a_refused_sender_takes_the_whole_flight_with_it() -> None:
    session = ClientSession()
    run_client(
        session,
        HELLO
        + """
        C: MAIL FROM:<ada@example.com>
        C: RCPT TO:<one@example.org>
        C: DATA
        S: 550 5.7.1 not you
        S: 503 5.5.1 MAIL first
        S: 503 5.5.1 MAIL first
        # No transaction is open at the server: the next may begin at once.
        C: MAIL FROM:<>
        S: 250 OK
        """,
    )
    assert session.state is ClientState.TRANSACTION


def test_a_refused_DATA_leaves_the_transaction_open() -> None:
    session = ClientSession()
    run_client(
        session,
        HELLO
        + """
        C: MAIL FROM:<ada@example.com>
        C: RCPT TO:<one@example.org>
        C: DATA
        S: 250 OK
        S: 550 no such user
        S: 554 no valid recipients
        C: RSET
        S: 250 OK
        """,
    )
    assert session.is_idle


def test_an_exchange_of_credentials_may_be_broken_off() -> None:
    session = ClientSession(peer_authenticated=True)
    run_client(
        session,
        """
        S: 220 mx.example
        C: EHLO client.example
        S: 250-mx.example
        S: 250 AUTH CRAM-MD5 PLAIN
        C: AUTH CRAM-MD5
        S: 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+
        # RFC 4954 4: "*" ends it, and the server says 501.
        C: *
        S: 501 5.7.0 as you like
        C: AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm
        S: 235 2.7.0 welcome
        """,
    )
    assert session.is_authenticated


def test_a_server_that_leaves_in_the_middle_of_a_body() -> None:
    session = ClientSession()
    assert (
        codes(
            session,
            HELLO
            + """
        C: MAIL FROM:<ada@example.com>
        C: RCPT TO:<one@example.org>
        C: DATA
        S: 250 OK
        S: 250 OK
        S: 354 go ahead
        C: half of it
        S: 421 4.3.2 the machine goes down
        *: end
        """,
        )[-1]
        == 421
    )
    assert session.state is ClientState.CLOSED
