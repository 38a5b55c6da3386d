"""The server's half: the order of commands, the limits, and what the platform is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postseal.address import Address
from postseal.errors import (
    LocalProtocolError,
)
from postseal.smtp import Reply
from postseal.smtp.events import (
    AuthenticationReceived,
    BodyReceived,
    HelloReceived,
    MailReceived,
    MessageReceived,
    RecipientReceived,
    Transaction,
)
from postseal.smtp.rules import Offer
from postseal.smtp.sasl import PlainCredentials
from tests.parts.server_sessions import (
    OFFERED,
    OK,
    STRICT,
    S,
    greeted,
    in_state,
    ready,
    replies,
    say,
)

ADA = Address("ada", "example.com")

# -- the order of commands (RFC 5321 4.1.4) -------------------------------------------------------

FIRST_CODES = {
    # command:          greeted, ready, in a transaction
    b"EHLO a":         ("250", "250", "250"),
    b"HELO a":         ("250", "250", "250"),
    b"STARTTLS":       ("503", "220", "503"),
    b"AUTH PLAIN =":   ("503", "538", "503"),
    b"MAIL FROM:<>":   ("503", "250", "503"),
    b"RCPT TO:<a@b>":  ("503", "503", "250"),
    b"DATA":           ("503", "503", "554"),
    b"RSET":           ("250", "250", "250"),
    b"NOOP":           ("250", "250", "250"),
    b"VRFY root":      ("252", "252", "252"),
    b"QUIT":           ("221", "221", "221"),
    b"EXPN staff":     ("500", "500", "500"),
}  # fmt: skip


@pytest.mark.parametrize("line", FIRST_CODES)
def test_the_order_of_commands(line: bytes) -> None:
    for state, code in zip((S.GREETED, S.READY, S.TRANSACTION), FIRST_CODES[line], strict=True):
        assert replies(in_state(state), line)[0][:3] == code, state


def test_who_is_out_of_order_is_told_what_comes_first() -> None:
    assert replies(greeted(), b"MAIL FROM:<>") == ["503 5.5.1 send EHLO first"]
    assert replies(ready(), b"DATA") == ["503 5.5.1 send MAIL first"]
    session = ready()
    assert replies(session, b"MAIL FROM:<>", b"MAIL FROM:<>")[1] == (
        "503 5.5.1 MAIL is out of order while in a transaction"
    )


@pytest.mark.parametrize("line", FIRST_CODES)
def test_where_TLS_is_required_little_is_taken_in_clear(line: bytes) -> None:
    # RFC 3207 4: anything but NOOP, EHLO, STARTTLS and QUIT gets 530.
    code = replies(ready(STRICT), line)[0][:3]
    allowed = {
        b"EHLO a": "250",
        b"HELO a": "250",
        b"STARTTLS": "220",
        b"NOOP": "250",
        b"QUIT": "221",
    }
    expected = allowed.get(line, "500" if line == b"EXPN staff" else "530")
    assert code == expected


def test_what_is_offered() -> None:
    common = ["250-PIPELINING", "250-SIZE 26214400", "250-8BITMIME", "250-SMTPUTF8"]
    common.append("250-ENHANCEDSTATUSCODES")
    assert replies(greeted(), b"EHLO a") == ["250-mx.example", *common, "250 CHUNKING"]
    # Promise 1: AUTH is not offered in clear, STARTTLS not under TLS.
    assert replies(greeted(STRICT), b"EHLO a")[-2:] == ["250-CHUNKING", "250 STARTTLS"]
    assert replies(greeted(STRICT, sealed=True), b"EHLO a")[-2:] == [
        "250-CHUNKING",
        "250 AUTH PLAIN",
    ]
    # Who says HELO is offered nothing.
    assert replies(greeted(STRICT), b"HELO a") == ["250 mx.example"]


def test_a_greeting_again_drops_the_transaction() -> None:
    session = in_state(S.TRANSACTION)
    events, _ = say(session, b"EHLO other.example")
    assert events == [HelloReceived("other.example")]
    assert session.client_name == "other.example"
    assert replies(session, b"RCPT TO:<a@b>")[0].startswith("503")


# -- AUTH ---------------------------------------------------------------------------------------

PLAIN = b"AHRpbQB0YW5zdGFhZnRhbnN0YWFm"  # RFC 4616 4
TIM = PlainCredentials("", "tim", "tanstaaftanstaaf")
TAKEN = Reply(235, ("welcome",), "2.7.0")


def test_credentials_are_not_taken_in_clear() -> None:
    assert replies(ready(STRICT), b"AUTH PLAIN " + PLAIN)[0].startswith("530 5.7.0")
    assert replies(ready(OFFERED), b"AUTH PLAIN " + PLAIN)[0].startswith("538 5.7.11")


def test_credentials_are_asked_about() -> None:
    for lines in ([b"AUTH PLAIN " + PLAIN], [b"AUTH PLAIN", PLAIN]):
        session = ready(STRICT, sealed=True)
        events, said = say(session, *lines, answer=TAKEN)
        assert events == [AuthenticationReceived(TIM)]
        # Promise 5: events end up in logs.
        assert "tanstaaf" not in repr(events)
        assert said[-1] == "235 2.7.0 welcome"
        assert session.authenticated_as == "tim"
        assert replies(session, b"AUTH PLAIN =") == ["503 5.5.1 already authenticated"]
        assert replies(session, b"MAIL FROM:<>") == ["250 OK"]


@pytest.mark.parametrize("answer", [Reply(535), Reply(454), OK])
def test_only_235_authenticates(answer: Reply) -> None:
    session = ready(STRICT, sealed=True)
    say(session, b"AUTH PLAIN " + PLAIN, answer=answer)
    assert session.authenticated_as is None
    assert replies(session, b"MAIL FROM:<>") == ["530 5.7.0 Authentication required"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([b"AUTH LOGIN"], "504 5.5.4 mechanism not available"),
        ([b"AUTH PLAIN", b"*"], "501 5.7.0 authentication cancelled"),
        ([b"AUTH PLAIN", b"!"], "501 5.5.2 this is not base64"),
        ([b"AUTH PLAIN", b""], "501 5.5.2 the response is not that of PLAIN"),
        ([b"AUTH PLAIN ="], "501 5.5.2 the response is not that of PLAIN"),
        # A command where the response is due is no command.
        ([b"AUTH PLAIN", b"MAIL FROM:<>"], "501 5.5.2 this is not base64"),
        ([b"AUTH PLAIN", b"GET / HTTP/1.1"], "501 5.5.2 this is not base64"),
    ],
)
def test_what_goes_wrong_in_an_exchange(lines: list[bytes], says: str) -> None:
    session = ready(STRICT, sealed=True)
    assert replies(session, *lines)[-1] == says
    assert session.state is S.READY


def test_where_there_are_no_users_there_is_no_AUTH() -> None:
    session = ready(replace(STRICT, authentication=Offer.UNAVAILABLE), sealed=True)
    assert replies(session, b"AUTH PLAIN " + PLAIN) == ["502 5.5.1 AUTH is not available here"]


# -- STARTTLS -----------------------------------------------------------------------------------


def test_STARTTLS_is_refused_where_it_makes_no_sense() -> None:
    unavailable = ["503 5.5.1 STARTTLS is not available here"]
    assert replies(ready(), b"STARTTLS") == unavailable
    assert replies(ready(STRICT, sealed=True), b"STARTTLS") == unavailable


def test_a_handshake_is_done_only_where_it_is_due() -> None:
    for state in S:
        if state is not S.HANDSHAKE:
            with pytest.raises(LocalProtocolError, match="no TLS handshake is due"):
                in_state(state).tls_established()


# -- the transaction ------------------------------------------------------------------------------


def test_the_platform_is_asked_about_each_step() -> None:
    session = ready()
    bob = Address("bob", "example.org")
    events, _ = say(
        session,
        b"MAIL FROM:<ada@example.com> BODY=8BITMIME",
        b"RCPT TO:<bob@example.org>",
        b"DATA",
        b"Subject: x",
        b"",
        b"..y",
        b".",
    )
    bodies = [event for event in events if isinstance(event, BodyReceived)]
    assert b"".join(event.data for event in bodies) == b"Subject: x\r\n\r\n.y\r\n"
    assert [event for event in events if event not in bodies] == [
        MailReceived(ADA),
        RecipientReceived(bob),
        MessageReceived(Transaction(ADA, (bob,), is_8bit=True)),
    ]
    assert session.state is S.READY


def test_who_is_refused_is_not_part_of_the_message() -> None:
    session = ready()
    say(session, b"MAIL FROM:<>", b"RCPT TO:<good@example.com>")
    say(session, b"RCPT TO:<bad@example.com>", answer=Reply(550))
    events, _ = say(session, b"DATA", b".")
    assert events == [MessageReceived(Transaction(None, (Address("good", "example.com"),)))]


def test_a_refused_sender_begins_no_transaction() -> None:
    session = ready()
    assert replies(session, b"MAIL FROM:<>", answer=Reply(550, ("no",))) == ["550 no"]
    assert session.state is S.READY
    assert replies(session, b"RCPT TO:<a@b>")[0].startswith("503")


def test_a_malformed_MAIL_begins_none_either() -> None:
    session = ready()
    assert replies(session, b"MAIL FROM:<> X=1") == ["555 5.5.4 X is not known here"]
    assert session.state is S.READY


def test_without_recipients_there_is_no_message() -> None:
    session = in_state(S.TRANSACTION)
    assert replies(session, b"DATA") == ["554 5.5.1 no valid recipients"]


def test_RSET_drops_the_transaction() -> None:
    session = in_state(S.TRANSACTION)
    assert replies(session, b"RSET", b"DATA") == ["250 2.0.0 OK", "503 5.5.1 send MAIL first"]
    # Before EHLO it leaves things as they are.
    session = greeted()
    assert replies(session, b"RSET", b"MAIL FROM:<>")[1].startswith("503")


@pytest.mark.parametrize(
    ("hello", "sealed", "user", "parameters", "protocol"),
    [
        (b"HELO a", False, False, b"", "SMTP"),
        (b"HELO a", True, False, b"", "SMTP"),
        (b"EHLO a", False, False, b"", "ESMTP"),
        (b"EHLO a", True, False, b"", "ESMTPS"),
        (b"EHLO a", True, True, b"", "ESMTPSA"),
        (b"EHLO a", False, False, b" SMTPUTF8", "UTF8SMTP"),
        (b"EHLO a", True, True, b" SMTPUTF8", "UTF8SMTPSA"),
    ],
)
def test_the_word_for_the_trace(
    hello: bytes, sealed: bool, user: bool, parameters: bytes, protocol: str
) -> None:
    # RFC 3848, RFC 6531 4.3
    session = greeted(OFFERED, sealed=sealed)
    say(session, hello)
    if user:
        say(session, b"AUTH PLAIN " + PLAIN, answer=TAKEN)
    say(session, b"MAIL FROM:<>" + parameters)
    assert session.protocol == protocol
