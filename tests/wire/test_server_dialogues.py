"""Whole dialogues of the server, each with the reason why it goes as it does."""

from __future__ import annotations

from postseal.address import Address
from postseal.smtp import ServerState
from postseal.smtp.events import (
    AuthenticationReceived,
    HelloReceived,
    MailReceived,
    MessageReceived,
    SessionEnded,
    TLSRequested,
    Transaction,
)
from postseal.smtp.rules import Offer, ServerRules
from tests.parts.server_sessions import greeted
from tests.parts.transcript import run_server

MX = ServerRules("mx.example", starttls=Offer.OFFERED, authentication=Offer.UNAVAILABLE)
SUBMISSION = ServerRules("mail.example")

EHLO = """
    C: EHLO client.example
    S: 250-mx.example
    S: 250-PIPELINING
    S: 250-SIZE 26214400
    S: 250-8BITMIME
    S: 250-SMTPUTF8
    S: 250-ENHANCEDSTATUSCODES
    S: 250-CHUNKING
    S: 250 STARTTLS
"""


def test_mail_comes_in() -> None:
    run = run_server(
        greeted(MX),
        EHLO
        + """
        C: MAIL FROM:<ada@example.com> SIZE=20 BODY=8BITMIME
        S: 250 2.1.0 OK
        # The platform says no to one; the others stand.
        C: RCPT TO:<nobody@example.org>
        S: 550 5.1.1 no such user
        C: RCPT TO:<bob@example.org>
        S: 250 2.1.5 OK
        C: DATA
        S: 354 End data with <CR><LF>.<CR><LF>
        C: Subject: dots
        C:
        C: ..
        C: ...
        C: .
        S: 250 2.0.0 queued
        C: QUIT
        S: 221 2.0.0 Bye
        """,
    )
    bob = Address("bob", "example.org")
    ada = Address("ada", "example.com")
    assert run.body == b"Subject: dots\r\n\r\n.\r\n..\r\n"
    assert MessageReceived(Transaction(ada, (bob,), is_8bit=True)) in run.events
    assert run.ended == SessionEnded()


def test_a_whole_envelope_in_one_flight() -> None:
    # RFC 2920: the answers come in the order of the commands.
    run = run_server(
        greeted(MX),
        EHLO
        + r"""
        C> MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n
        S: 250 2.1.0 OK
        S: 250 2.1.5 OK
        S: 450 4.2.1 later
        S: 354 End data with <CR><LF>.<CR><LF>
        # The next envelope may ride with the end of the body.
        C> first\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n
        S: 250 2.0.0 queued
        S: 250 2.1.0 OK
        S: 250 2.1.5 OK
        S: 354 End data with <CR><LF>.<CR><LF>
        C> .\r\nQUIT\r\n
        S: 250 2.0.0 queued
        S: 221 2.0.0 Bye
        """,
    )
    taken = Transaction(None, (Address("a", "b.example"),))
    assert [event for event in run.events if isinstance(event, MessageReceived)] == [
        MessageReceived(taken),
        MessageReceived(taken),
    ]
    assert run.body == b"first\r\n"


def test_a_flight_whose_sender_is_refused() -> None:
    # Nobody is taken, so no body is invited: what comes then is read as commands.
    run = run_server(
        greeted(MX),
        EHLO
        + r"""
        C> MAIL FROM:<spam@example.com>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n
        S: 550 5.7.1 not you
        S: 503 5.5.1 send MAIL first
        S: 503 5.5.1 send MAIL first
        """,
    )
    assert run.session.state is ServerState.READY


def test_submission_is_sealed_and_authenticated_first() -> None:
    run = run_server(
        greeted(SUBMISSION),
        r"""
        C: EHLO client.example
        S: 250-mail.example
        S: 250-PIPELINING
        S: 250-SIZE 26214400
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        # No AUTH here (promise 1), and none taken.
        S: 250 STARTTLS
        C: AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm
        S: 530 5.7.0 Must issue a STARTTLS command first
        C: MAIL FROM:<tim@example.com>
        S: 530 5.7.0 Must issue a STARTTLS command first
        C: STARTTLS
        S: 220 2.0.0 Ready to start TLS
        *: TLS
        C: EHLO client.example
        S: 250-mail.example
        S: 250-PIPELINING
        S: 250-SIZE 26214400
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250 AUTH PLAIN
        C: MAIL FROM:<tim@example.com>
        S: 530 5.7.0 Authentication required
        C: AUTH PLAIN
        S> 334\x20\r\n
        C: AHRpbQB0YW5zdGFhZnRhbnN0YWFm
        S: 235 2.7.0 welcome
        C: MAIL FROM:<tim@example.com>
        S: 250 2.1.0 OK
        """,
    )
    assert run.kinds()[:4] == [HelloReceived, TLSRequested, HelloReceived, AuthenticationReceived]
    assert run.session.authenticated_as == "tim"


def test_a_client_of_the_old_protocol() -> None:
    run = run_server(
        greeted(MX),
        """
        C: HELO client.example
        S: 250 mx.example
        # RFC 5321 4.1.1.1: nothing was offered, so nothing may be used.
        C: MAIL FROM:<> SIZE=10
        S: 555 5.5.4 SIZE is not known here
        C: MAIL FROM:<>
        S: 250 2.1.0 OK
        """,
    )
    assert run.session.protocol == "SMTP"


def test_who_does_not_wait_for_the_invitation_is_sent_away() -> None:
    # smtpsmug's "pipelining": a body pushed behind DATA may hold another sender's commands.
    run = run_server(
        greeted(MX),
        EHLO
        + r"""
        C: MAIL FROM:<>
        S: 250 2.1.0 OK
        C: RCPT TO:<a@b.example>
        S: 250 2.1.5 OK
        C> DATA\r\nSubject: x\r\n.\r\nMAIL FROM:<admin@b.example>\r\n
        S: 503 5.5.0 data was sent before the go-ahead
        """,
    )
    assert run.ended is not None
    assert str(run.ended.error) == "data was sent before the go-ahead"
    assert run.body == b""


def test_the_body_is_not_sent_before_the_invitation_was_written() -> None:
    session = greeted(MX)
    run_server(
        session,
        EHLO
        + """
        C: MAIL FROM:<>
        S: 250 2.1.0 OK
        C: RCPT TO:<a@b.example>
        S: 250 2.1.5 OK
        """,
    )
    session.receive(b"DATA\r\n")
    assert session.next_event() is None
    # The 354 is still here, so this was said without having seen it.
    session.receive(b"Subject: x\r\n")
    assert isinstance(session.next_event(), SessionEnded)


def test_users_are_not_told_apart() -> None:
    # RFC 5321 3.5.3: 252 whoever is asked about; EXPN is not there at all.
    run = run_server(
        greeted(MX),
        EHLO
        + """
        C: VRFY root
        S: 252 2.5.0 Send some mail; it will be tried
        C: VRFY nobody-at-all
        S: 252 2.5.0 Send some mail; it will be tried
        C: EXPN staff
        S: 500 5.5.1 command not recognized
        """,
    )
    # The platform is not even asked.
    assert run.kinds() == [HelloReceived]


def test_sizes_are_refused_before_the_body() -> None:
    run = run_server(
        greeted(MX),
        EHLO
        + """
        # RFC 1870 6.1
        C: MAIL FROM:<> SIZE=99999999999
        S: 552 5.3.4 a message may have 26214400 octets
        C: MAIL FROM:<> SIZE=26214400
        S: 250 2.1.0 OK
        """,
    )
    assert run.kinds() == [HelloReceived, MailReceived]
