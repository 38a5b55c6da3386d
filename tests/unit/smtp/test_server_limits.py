"""The server's half: what it refuses, where its limits are, and how a session ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postseal.address import Address
from postseal.errors import (
    LocalProtocolError,
    MailError,
    RemoteProtocolError,
    StartTLSInjection,
)
from postseal.smtp import Reply, ServerSession, ServerState
from postseal.smtp.events import (
    BodyReceived,
    MailReceived,
    MessageReceived,
    MessageRefused,
    RecipientReceived,
    ServerEvent,
    SessionEnded,
    TLSRequested,
    Transaction,
)
from tests.parts.server_sessions import (
    OFFERED,
    OK,
    OPEN,
    S,
    greeted,
    in_state,
    ready,
    replies,
    say,
)

ADA = Address("ada", "example.com")

# -- bodies that are refused ----------------------------------------------------------------------


def give(session: ServerSession, body: bytes) -> tuple[list[ServerEvent], list[str]]:
    say(session, b"MAIL FROM:<>", b"RCPT TO:<ada@example.com>", b"DATA")
    return say(session, body, b".")


def test_a_body_of_the_largest_size_is_taken() -> None:
    session = ready(replace(OPEN, max_message_size=10))
    events, said = give(session, b"12345678")
    assert isinstance(events[-1], MessageReceived)
    assert said == ["250 OK"]


def test_a_larger_one_is_read_to_its_end_and_refused() -> None:
    session = ready(replace(OPEN, max_message_size=10))
    events, said = give(session, b"123456789")
    # The octet too many is not handed on.
    assert events == [
        BodyReceived(b"123456789"),
        MessageRefused("552 5.3.4 the message is too large"),
    ]
    assert said == ["552 5.3.4 the message is too large"]
    # In step with the client: the next message is taken.
    assert give(session, b"x")[1] == ["250 OK"]


def test_one_far_too_large_is_not_read_to_its_end() -> None:
    session = ready(replace(OPEN, max_message_size=10))
    say(session, b"MAIL FROM:<>", b"RCPT TO:<ada@example.com>", b"DATA")
    # The end is told at once: a client that waits for it sends nothing more.
    (end,), said = say(session, b"x" * 21)
    assert isinstance(end, SessionEnded)
    assert isinstance(end.error, RemoteProtocolError)
    assert said == ["552 5.3.4 the message is far too large"]
    assert session.state is S.CLOSED


def test_the_platform_may_refuse_a_body_that_is_coming_in() -> None:
    session = in_state(S.BODY)
    session.refuse_body(Reply(452, ("no room",), "4.3.1"))
    events, said = say(session, b"more", b".")
    assert events == [MessageRefused("452 4.3.1 no room")]
    assert said == ["452 4.3.1 no room"]
    # It was about that one alone.
    assert give(session, b"x")[1] == ["250 OK"]
    with pytest.raises(LocalProtocolError, match="no body can be refused while ready"):
        session.refuse_body(Reply(452))


# -- limits (promise 7) ---------------------------------------------------------------------------


def ended(session: ServerSession, *lines: bytes) -> tuple[str, MailError | None]:
    events, said = say(session, *lines)
    assert isinstance(events[-1], SessionEnded)
    assert session.state is S.CLOSED
    return said[-1], events[-1].error


def test_too_many_errors() -> None:
    session = ready(replace(OPEN, max_errors=3))
    said, error = ended(session, b"X", b"EHLO !", b"DATA")
    assert said == "421 4.7.0 too many errors"
    assert isinstance(error, RemoteProtocolError)
    assert error.code == 421


def test_too_many_commands() -> None:
    session = ready(replace(OPEN, max_commands=3))
    assert ended(session, b"NOOP", b"NOOP", b"NOOP")[0] == "421 4.7.0 too many commands"


def test_a_message_earns_more_commands_and_recipients_cost_none() -> None:
    session = ready(replace(OPEN, max_commands=3))
    for _ in range(3):
        say(session, b"MAIL FROM:<>", *[b"RCPT TO:<a@b>"] * 9, b"DATA", b".")
    assert session.state is S.READY


def test_too_many_recipients() -> None:
    session = ready(replace(OPEN, max_recipients=1))
    say(session, b"MAIL FROM:<>", b"RCPT TO:<a@b>")
    # RFC 5321 4.5.3.1.10: the client brings the others with another message.
    assert replies(session, b"RCPT TO:<c@d>") == ["452 4.5.3 too many recipients"]
    events, _ = say(session, b"DATA", b".")
    assert events == [MessageReceived(Transaction(None, (Address("a", "b"),)))]


@pytest.mark.parametrize("octets", [b"x" * 12288, b"EHLO " + b"a" * 20000 + b"\r\n"])
def test_a_line_that_is_too_long(octets: bytes) -> None:
    session = greeted()
    session.receive(octets)
    assert isinstance(session.next_event(), SessionEnded)
    assert session.data_to_send() == b"500 5.5.2 the line is too long\r\n"


@pytest.mark.parametrize("octets", [b"NOOP\n", b"NOOP\rNOOP\r\n", b"NOOP\r\r\n", b"\n"])
def test_a_line_with_another_ending(octets: bytes) -> None:
    session = greeted()
    session.receive(octets)
    assert isinstance(session.next_event(), SessionEnded)
    assert session.data_to_send().startswith(b"500 5.5.2 lines end with CRLF")


@pytest.mark.parametrize(
    "verb", ["GET", "get", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE"]
)
def test_a_browser_is_sent_away_with_its_first_line(verb: str) -> None:
    # The page that lured it here has put the commands into the body of the request.
    session = greeted()
    session.receive(f"{verb} / HTTP/1.1\r\nHost: mx\r\n\r\nMAIL FROM:<a@b>\r\n".encode())
    event = session.next_event()
    assert isinstance(event, SessionEnded)
    assert session.data_to_send() == b"421 4.7.0 this is not a web server\r\n"
    assert session.next_event() is None


def test_a_client_that_talks_first_is_sent_away() -> None:
    session = ServerSession(OPEN)
    session.receive(b"EHLO spray.example\r\n")
    event = session.next_event()
    assert isinstance(event, SessionEnded)
    assert session.data_to_send() == b"554 5.5.0 data was sent before the greeting\r\n"
    with pytest.raises(LocalProtocolError, match="greeted already, or is closed"):
        session.greet()


# -- ends -----------------------------------------------------------------------------------------


def test_goodbye() -> None:
    session = ready()
    events, said = say(session, b"QUIT", b"NOOP")
    assert (events, said) == ([SessionEnded()], ["221 2.0.0 Bye"])


@pytest.mark.parametrize("state", [state for state in S if state is not S.CLOSED])
def test_a_shut_down_is_told(state: ServerState) -> None:
    session = in_state(state)
    session.shut_down()
    assert session.data_to_send() == b"421 4.3.2 the service is closing; try again later\r\n"
    assert session.next_event() == SessionEnded()
    session.shut_down()
    assert session.data_to_send() == b""


def test_a_shut_down_takes_back_the_question() -> None:
    session = ready()
    session.receive(b"MAIL FROM:<>\r\n")
    assert session.next_event() == MailReceived(None)
    session.shut_down()
    assert session.next_event() == SessionEnded()
    with pytest.raises(LocalProtocolError, match="no event to answer"):
        session.answer(OK)


def test_an_answer_of_421_ends_the_session() -> None:
    session = ready()
    events, said = say(session, b"MAIL FROM:<>", answer=Reply(421, ("full",), "4.3.2"))
    assert events == [MailReceived(None), SessionEnded()]
    assert said == ["421 4.3.2 full"]


def test_a_question_waits_for_its_answer() -> None:
    session = ready()
    session.receive(b"MAIL FROM:<>\r\nRCPT TO:<ada@example.com>\r\n")
    assert session.next_event() == MailReceived(None)
    # Nothing behind it is read before.
    with pytest.raises(LocalProtocolError, match="MailReceived has not been answered"):
        session.next_event()
    session.answer(OK)
    assert session.next_event() == RecipientReceived(ADA)


def test_an_answer_needs_a_question() -> None:
    with pytest.raises(LocalProtocolError, match="no event to answer"):
        ready().answer(OK)


def test_a_handshake_brings_no_events() -> None:
    session = ready(OFFERED)
    assert say(session, b"STARTTLS")[0] == [TLSRequested()]
    assert session.next_event() is None
    session.receive(b"x")
    event = session.next_event()
    assert isinstance(event, SessionEnded)
    assert isinstance(event.error, StartTLSInjection)
