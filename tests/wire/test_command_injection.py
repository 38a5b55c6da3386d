r"""Command injection behind STARTTLS: commands in clear that a server obeys inside TLS.

Whoever is on the path appends commands to the client's `STARTTLS`; a server that keeps them in its
buffer takes them for the sealed client's words (promise 3).

- CVE-2011-0411: Postfix, and in its wake a dozen other servers, did.
- CVE-2024-34083: so did aiosmtpd, thirteen years later.

The same over sockets and TLS: tests/integration/serve/test_submission.py.
"""

from __future__ import annotations

import pytest

from postseal.errors import StartTLSInjection
from postseal.smtp import ServerSession, ServerState
from postseal.smtp.events import MailReceived, SessionEnded, TLSRequested
from postseal.smtp.rules import Offer, ServerRules
from tests.parts.server_sessions import greeted
from tests.parts.splits import byte_by_byte
from tests.parts.transcript import ServerRun, run_server

MX = ServerRules("mx.example", starttls=Offer.OFFERED, authentication=Offer.UNAVAILABLE)

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
SEALED_EHLO = EHLO.replace("    S: 250-CHUNKING\n    S: 250 STARTTLS", "    S: 250 CHUNKING")


def after_EHLO() -> ServerSession:
    session = greeted(MX)
    run_server(session, EHLO)
    return session


def must_be_an_injection(run: ServerRun) -> None:
    assert run.ended is not None
    assert isinstance(run.ended.error, StartTLSInjection)
    assert run.session.state is ServerState.CLOSED
    # Not even the line behind gets an answer.
    run.session.receive(b"NOOP\r\n")
    assert run.session.next_event() is None
    assert run.session.data_to_send() == b""


INJECTED = [
    r"EHLO evil.example\r\n",
    r"NOOP\r\n",
    r"RSET\r\n",
    r"MAIL FROM:<evil@example.com>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n",
    r"AUTH PLAIN AGEAYg==\r\n",
    r"no command at all\r\n",
    # Half a command, to be completed by the sealed client's first line.
    r"EHL",
    r"\r",
    r"\x00",
    # A TLS record: the handshake of the attacker, not of the client.
    r"\x16\x03\x01\x00\x02\x01\x00",
]


@pytest.mark.parametrize("injected", INJECTED)
def test_octets_in_the_segment_of_the_command(injected: str) -> None:
    # No 220: whoever is being tricked is not told to go on.
    must_be_an_injection(run_server(after_EHLO(), rf"C> STARTTLS\r\n{injected}"))


@pytest.mark.parametrize("injected", INJECTED)
def test_octets_in_a_segment_of_their_own(injected: str) -> None:
    # Between the 220 and the handshake nothing may be said in clear.
    run = run_server(
        after_EHLO(),
        rf"""
        C: STARTTLS
        S: 220 2.0.0 Ready to start TLS
        C> {injected}
        """,
    )
    assert run.events[0] == TLSRequested()
    must_be_an_injection(run)


def test_octets_that_come_before_the_220_was_written() -> None:
    session = after_EHLO()
    session.receive(b"STARTTLS\r\n")
    assert session.next_event() == TLSRequested()
    session.receive(b"EHLO evil.example\r\n")
    event = session.next_event()
    assert isinstance(event, SessionEnded)
    assert isinstance(event.error, StartTLSInjection)
    assert session.data_to_send() == b""


def test_a_command_byte_by_byte_is_no_injection() -> None:
    # The positive control.
    session = after_EHLO()
    for octet in byte_by_byte(b"STARTTLS\r\n"):
        session.receive(octet)
        event = session.next_event()
    assert event == TLSRequested()
    assert session.state is ServerState.HANDSHAKE


def test_a_STARTTLS_with_another_ending_is_none() -> None:
    run = run_server(
        after_EHLO(),
        r"""
        C> STARTTLS\nEHLO evil.example\r\n
        S: 500 5.5.2 lines end with CRLF, and hold no other CR or LF
        """,
    )
    assert run.session.state is ServerState.CLOSED


def test_a_refused_STARTTLS_changes_nothing() -> None:
    # The line behind it is a line in clear like any other.
    run = run_server(
        after_EHLO(),
        r"""
        C> STARTTLS now\r\nNOOP\r\n
        S: 501 5.5.4 STARTTLS takes no argument
        S: 250 2.0.0 OK
        """,
    )
    assert run.events == []


def test_no_greeting_crosses() -> None:
    # INJ-STATE
    run = run_server(
        after_EHLO(),
        """
        C: STARTTLS
        S: 220 2.0.0 Ready to start TLS
        *: TLS
        C: MAIL FROM:<ada@example.com>
        S: 503 5.5.1 send EHLO first
        C: RCPT TO:<a@b.example>
        S: 503 5.5.1 send EHLO first
        C: DATA
        S: 503 5.5.1 send EHLO first
        """,
    )
    assert run.session.client_name == ""
    assert run.session.protocol == "SMTP"
    assert run.session.is_sealed


def test_no_envelope_crosses() -> None:
    # In the middle of a transaction there is no STARTTLS; what RSET left behind is gone as well.
    run = run_server(
        after_EHLO(),
        """
        C: MAIL FROM:<evil@example.com>
        S: 250 2.1.0 OK
        C: RCPT TO:<a@b.example>
        S: 250 2.1.5 OK
        C: STARTTLS
        S: 503 5.5.1 STARTTLS is out of order while in a transaction
        C: RSET
        S: 250 2.0.0 OK
        C: STARTTLS
        S: 220 2.0.0 Ready to start TLS
        *: TLS
        """
        + SEALED_EHLO
        + """
        C: RCPT TO:<c@d.example>
        S: 503 5.5.1 send MAIL first
        C: MAIL FROM:<ada@example.com>
        S: 250 2.1.0 OK
        C: DATA
        S: 554 5.5.1 no valid recipients
        """,
    )
    assert sum(isinstance(event, MailReceived) for event in run.events) == 2


def test_no_extension_crosses() -> None:
    # A session that said EHLO in clear and HELO inside is one without extensions.
    run = run_server(
        after_EHLO(),
        """
        C: STARTTLS
        S: 220 2.0.0 Ready to start TLS
        *: TLS
        C: HELO client.example
        S: 250 mx.example
        C: MAIL FROM:<> SIZE=1
        S: 555 5.5.4 SIZE is not known here
        """,
    )
    assert run.session.protocol == "SMTP"


def test_no_second_TLS() -> None:
    # TLS-NESTED: neither offered again nor taken.
    run = run_server(
        after_EHLO(),
        """
        C: STARTTLS
        S: 220 2.0.0 Ready to start TLS
        *: TLS
        """
        + SEALED_EHLO
        + """
        C: STARTTLS
        S: 503 5.5.1 STARTTLS is not available here
        """,
    )
    assert run.events.count(TLSRequested()) == 1
