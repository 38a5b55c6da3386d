"""Who may send commands without waiting for their replies (RFC 2920), and what becomes of others.

Postfix 3.9 refuses the same by default (smtpd_forbid_unauth_pipelining): a program that was not
offered pipelining and yet does it is one that sprays mail, or one through which somebody else
speaks. No honest one loses anything by it, so the session ends.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from postseal.smtp import ServerState
from postseal.smtp.events import MailReceived
from postseal.smtp.protocol import Extension
from postseal.smtp.rules import ServerRules
from tests.parts.server_sessions import OPEN, greeted, in_state, ready, replies, say
from tests.parts.transcript import run_server

WITHOUT = replace(OPEN, extensions=frozenset({Extension.CHUNKING}))
REFUSED = "503 5.5.0 commands were pipelined, which is not on offer"


def test_who_is_offered_it_may() -> None:
    run = run_server(
        ready(),
        r"""
        C> MAIL FROM:<>\r\nRSET\r\nNOOP\r\n
        S: 250 2.1.0 OK
        S: 250 2.0.0 OK
        S: 250 2.0.0 OK
        """,
    )
    assert run.ended is None


@pytest.mark.parametrize("greeting", [b"HELO client.example", b"EHLO client.example"])
def test_who_is_not_offered_it_may_not(greeting: bytes) -> None:
    # HELO offers nothing; EHLO what the rules say.
    rules: ServerRules = WITHOUT if greeting.startswith(b"EHLO") else OPEN
    session = greeted(rules)
    say(session, greeting)
    events, said = say(session, b"NOOP\r\nMAIL FROM:<>")
    assert [line[:3] for line in said] == ["250", "503"]
    assert "commands were pipelined" in said[-1]
    assert session.state is ServerState.CLOSED
    assert not any(isinstance(event, MailReceived) for event in events)


def test_one_at_a_time_is_always_right() -> None:
    session = greeted()
    said = replies(session, b"HELO a", b"MAIL FROM:<>", b"RCPT TO:<a@b>", b"DATA", b".", b"QUIT")
    assert [line[:3] for line in said] == ["250", "250", "250", "354", "250", "221"]


def test_what_follows_HELO_in_its_segment() -> None:
    # The bodies that browsers were made to post to mail servers looked like this.
    run = run_server(
        greeted(),
        rf"""
        C> HELO a\r\nMAIL FROM:<>\r\n
        S: 250 mx.example
        S: {REFUSED}
        """,
    )
    assert run.session.state is ServerState.CLOSED
    assert MailReceived not in run.kinds()


def test_the_octets_of_a_chunk_wait_for_nothing_and_the_next_chunk_does() -> None:
    # RFC 3030 2: a chunk follows its BDAT at once, whatever else is on offer.
    session = ready(WITHOUT)
    say(session, b"MAIL FROM:<>")
    say(session, b"RCPT TO:<a@b>")
    session.receive(b"BDAT 5\r\nab\r\ncBDAT 5 LAST\r\nab\r\nc")
    while session.next_event() is not None:
        pass
    assert [line[:3] for line in session.data_to_send().split(b"\r\n")] == [b"250", b"503", b""]
    assert session.state is ServerState.CLOSED


def test_before_the_first_greeting_nothing_depends_on_it() -> None:
    assert replies(in_state(ServerState.GREETED), b"NOOP\r\nNOOP") == ["250 2.0.0 OK"] * 2
