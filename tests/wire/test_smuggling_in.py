r"""SMTP smuggling, inbound: a message that our server ends where the sender's server did not.

- CVE-2023-51764: Postfix ended a message at LF.CRLF; what stood behind it was taken for commands of
  the server that had passed it on, and so for mail that this one vouched for (VU#302671).
- CVE-2024-27305: aiosmtpd ended one at LF.LF and the like.

Only CRLF.CRLF is an end of data; a message that holds a bare CR or LF is refused whole, so that
none is passed on either.
"""

from __future__ import annotations

import pytest

from postseal.smtp import ServerState
from postseal.smtp.events import MailReceived, MessageReceived, MessageRefused, SessionEnded
from tests.parts.false_ends import FALSE_ENDS
from tests.parts.server_sessions import OPEN, greeted
from tests.parts.splits import byte_by_byte
from tests.parts.transcript import ServerRun, run_server

HIDDEN = (
    b"MAIL FROM:<admin@victim.example>\r\nRCPT TO:<user@victim.example>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nPay now.\r\n"
)


HELO = """
    C: HELO client.example
    S: 250 mx.example
"""
EHLO = """
    C: EHLO client.example
    S: 250-mx.example
    S: 250-PIPELINING
    S: 250-SIZE 26214400
    S: 250-8BITMIME
    S: 250-SMTPUTF8
    S: 250-ENHANCEDSTATUSCODES
    S: 250 CHUNKING
"""


def in_a_body(greeting: str = EHLO) -> ServerRun:
    return run_server(
        greeted(OPEN),
        greeting
        + """
        C: MAIL FROM:<mallory@example.com>
        S: 250 2.1.0 OK
        C: RCPT TO:<user@victim.example>
        S: 250 2.1.5 OK
        C: DATA
        S: 354 End data with <CR><LF>.<CR><LF>
        """,
    )


@pytest.mark.parametrize("false_end", FALSE_ENDS, ids=ascii)
@pytest.mark.parametrize("cut", [lambda octets: [octets], byte_by_byte], ids=["whole", "bytes"])
def test_a_false_end_ends_nothing(false_end: bytes, cut: object) -> None:
    assert callable(cut)
    session = in_a_body().session
    events = []
    for piece in cut(b"Subject: x\r\n\r\nHello" + false_end + HIDDEN):
        session.receive(piece)
        while (event := session.next_event()) is not None:
            events.append(event)
    # Not one reply, and no second sender: to us it is all one body.
    assert session.data_to_send() == b""
    assert session.state is ServerState.BODY
    assert not any(isinstance(event, (MailReceived, MessageReceived)) for event in events)
    # The true end shows that it was one message; it is refused, so nobody behind us can
    # read two out of it.
    session.receive(b"\r\n.\r\n")
    event = session.next_event()
    assert isinstance(event, MessageRefused)
    assert session.data_to_send().startswith(b"550 5.6.0 the message holds a")
    assert session.next_event() is None


def test_a_hidden_message_behind_a_true_end_is_one_by_right() -> None:
    # The positive control: a client may pipeline its own next message.
    session = in_a_body().session
    run = run_server(
        session,
        r"""
        C> Hello\r\n.\r\nMAIL FROM:<mallory@example.com>\r\n
        S: 250 2.0.0 queued
        S: 250 2.1.0 OK
        """,
    )
    assert run.kinds()[-2:] == [MessageReceived, MailReceived]


def test_a_message_behind_a_true_end_is_not_taken_from_who_may_not_pipeline() -> None:
    # CVE-2023-51764, the other half: who said HELO waits for the reply to its message (RFC 2920),
    # so what is there before the reply was not said by a client but hidden in its message.
    run = run_server(
        in_a_body(HELO).session,
        r"""
        C> Hello\r\n.\r\nMAIL FROM:<mallory@example.com>\r\n
        S: 250 2.0.0 queued
        S: 503 5.5.0 commands were pipelined, which is not on offer
        """,
    )
    assert run.kinds()[-2:] == [MessageReceived, SessionEnded]


@pytest.mark.parametrize("line", [r".\x20", r".\t", r"\x20.", r". .", r".x", r".\x00"])
def test_a_line_that_is_not_a_dot_alone_is_a_line(line: str) -> None:
    session = in_a_body().session
    session.receive(line.encode().decode("unicode_escape").encode() + b"\r\n")
    while session.next_event() is not None:
        pass
    assert session.state is ServerState.BODY


def test_a_refused_message_leaves_the_session_in_step() -> None:
    run = run_server(
        in_a_body().session,
        r"""
        C> a\n.\nb\r\n.\r\nMAIL FROM:<mallory@example.com>\r\n
        S: 550 5.6.0 the message holds a bare CR or LF
        S: 250 2.1.0 OK
        """,
    )
    assert run.kinds()[-2:] == [MessageRefused, MailReceived]
