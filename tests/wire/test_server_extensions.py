"""What a listener offers beyond the default, and how each is taken only where it is offered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from postseal.address import Address
from postseal.errors import LocalProtocolError
from postseal.smtp import Reply, ServerSession, ServerState
from postseal.smtp.commands import Lhlo
from postseal.smtp.envelope_values import (
    DeliverBy,
    DeliverByMode,
    HoldFor,
    NotificationRequest,
    Notify,
    OriginalRecipient,
    ReturnContent,
)
from postseal.smtp.events import (
    MessageReceived,
    MessageRefused,
    RecipientReceived,
    SessionEnded,
    Transaction,
    XclientReceived,
)
from postseal.smtp.line_endings import LineEndings
from postseal.smtp.protocol import Extension, Protocol
from postseal.smtp.rules import DEFAULT_EXTENSIONS, Offer
from postseal.smtp.xclient import ClientAttributes, Unavailable
from tests.parts.false_ends import FALSE_ENDS
from tests.parts.server_sessions import OFFERED, OK, OPEN, greeted, ready, say
from tests.parts.transcript import run_server

ALL = replace(OPEN, extensions=frozenset(Extension), max_messages=1, max_recipient_domains=1)


def at_noon(*, sealed: bool) -> ServerSession:
    session = ServerSession(ALL, sealed=sealed, clock=lambda: datetime(2030, 1, 31, 12, tzinfo=UTC))
    session.greet()
    session.data_to_send()
    return session


def test_all_there_is() -> None:
    run = run_server(
        at_noon(sealed=True),
        """
        C: EHLO client.example
        S: 250-mx.example
        S: 250-PIPELINING
        S: 250-SIZE 26214400
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-BINARYMIME
        S: 250-DSN
        S: 250-REQUIRETLS
        S: 250-DELIVERBY
        S: 250-FUTURERELEASE 604800 2030-02-07T12:00:00Z
        S: 250-MT-PRIORITY
        S: 250 LIMITS MAILMAX=1 RCPTMAX=1000 RCPTDOMAINMAX=1
        C: MAIL FROM:<> REQUIRETLS RET=HDRS ENVID=a BY=60;N HOLDFOR=9 MT-PRIORITY=3
        S: 250 2.1.0 OK
        C: RCPT TO:<a@b.example> NOTIFY=NEVER ORCPT=rfc822;a@b.example
        S: 250 2.1.5 OK
        # RFC 9422 4: RCPTDOMAINMAX
        C: RCPT TO:<a@c.example>
        S: 452 4.5.3 recipients in too many domains
        C: RCPT TO:<b@B.example>
        S: 250 2.1.5 OK
        C: BDAT 0 LAST
        S: 250 2.0.0 queued
        # MAILMAX
        C: MAIL FROM:<>
        S: 421 4.7.0 too many messages in one session
        """,
    )
    (taken,) = (event for event in run.events if isinstance(event, MessageReceived))
    to = Address("a", "b.example")
    original = OriginalRecipient("rfc822", "a@b.example")
    assert taken.transaction == Transaction(
        None,
        (to, Address("b", "B.example")),
        return_content=ReturnContent.HEADERS,
        envelope_id="a",
        notification_requests=(NotificationRequest(to, frozenset({Notify.NEVER}), original),),
        requires_tls=True,
        deliver_by=DeliverBy(60, DeliverByMode.NOTIFY),
        hold=HoldFor(9),
        priority=3,
    )


def test_REQUIRETLS_is_there_under_TLS_only() -> None:
    session = at_noon(sealed=False)
    assert not any("REQUIRETLS" in line for line in say(session, b"EHLO a")[1])
    assert say(session, b"MAIL FROM:<> REQUIRETLS")[1] == ["555 5.5.4 REQUIRETLS is not known here"]


def test_limits_are_told_as_far_as_there_are_any() -> None:
    rules = replace(OPEN, extensions=frozenset({Extension.LIMITS}))
    assert say(greeted(rules), b"EHLO a")[1][-1] == "250 LIMITS RCPTMAX=1000"


def test_what_RCPT_asked_for_comes_with_the_recipient() -> None:
    session = ready(replace(OPEN, extensions=DEFAULT_EXTENSIONS | {Extension.DSN}))
    events, _ = say(
        session,
        b"MAIL FROM:<>", b"RCPT TO:<a@b> NOTIFY=DELAY", b"RCPT TO:<c@d>", b"DATA", b".",
    )  # fmt: skip
    first, second = (event for event in events if isinstance(event, RecipientReceived))
    assert first.notification_request is not None
    assert second.notification_request is None
    message = events[-1]
    assert isinstance(message, MessageReceived)
    assert message.transaction.recipients == (Address("a", "b"), Address("c", "d"))
    assert message.transaction.notification_requests == (first.notification_request,)


def test_no_enhanced_codes_where_they_are_not_offered() -> None:
    session = ready(replace(OPEN, extensions=frozenset()))
    assert say(session, b"NOOP", b"DATA")[1] == ["250 OK", "503 send MAIL first"]


# -- limits on recipients -------------------------------------------------------------------------

NO = Reply(550, ("no such user",), "5.1.1")


def test_a_flood_of_refused_recipients() -> None:
    session = ready(replace(OPEN, max_refused_recipients=2))
    events, said = say(session, b"MAIL FROM:<>")
    events, said = say(session, *[b"RCPT TO:<a@b>"] * 9, answer=NO)
    assert said == ["550 5.1.1 no such user"] * 3 + ["421 4.7.0 too many refused recipients"]
    assert isinstance(events[-1], SessionEnded)


def test_who_tries_out_addresses_is_not_saved_by_RSET() -> None:
    session = ready(replace(OPEN, max_refused_recipients=3))
    for _ in range(2):
        say(session, b"MAIL FROM:<>")
        say(session, b"RCPT TO:<a@b>", b"RCPT TO:<a@b>", answer=NO)
        say(session, b"RSET")
    assert session.state is ServerState.CLOSED


def test_refusals_are_counted_from_message_to_message() -> None:
    session = ready(replace(OPEN, max_refused_recipients=3))
    for _ in range(3):
        say(session, b"MAIL FROM:<>")
        say(session, b"RCPT TO:<a@b>", b"RCPT TO:<a@b>", answer=NO)
        say(session, b"RCPT TO:<c@d>", b"DATA", b".")
    assert session.state is ServerState.READY


def test_a_flood_of_recipients_above_the_limit() -> None:
    session = ready(replace(OPEN, max_recipients=2))
    said = say(session, b"MAIL FROM:<>", *[b"RCPT TO:<a@b>"] * 9)[1]
    assert [line[:3] for line in said] == ["250"] * 3 + ["452"] * 3 + ["421"]


# -- line endings (section 1f) --------------------------------------------------------------------


@pytest.mark.parametrize("false_end", FALSE_ENDS, ids=ascii)
def test_a_false_end_is_harmless_where_lines_are_normalised(false_end: bytes) -> None:
    session = ready(replace(OPEN, line_endings=LineEndings.NORMALIZE))
    say(session, b"MAIL FROM:<>", b"RCPT TO:<a@b>", b"DATA")
    events, said = say(session, b"a" + false_end + b"MAIL FROM:<evil@b.example>", b".")
    assert len(said) == 1
    if b"\x00" in false_end:
        assert isinstance(events[-1], MessageRefused)
        return
    assert isinstance(events[-1], MessageReceived)
    body = b"".join(getattr(event, "data", b"") for event in events)
    assert body.count(b"\r") == body.count(b"\n") == body.count(b"\r\n")
    assert body.endswith(b"MAIL FROM:<evil@b.example>\r\n")


# -- LMTP (RFC 2033) ------------------------------------------------------------------------------

LMTP = replace(OPEN, protocol=Protocol.LMTP, extensions=DEFAULT_EXTENSIONS)


def lmtp(*lines: bytes) -> ServerSession:
    session = ServerSession(LMTP)
    session.greet()
    assert session.data_to_send() == b"220 mx.example LMTP Postseal\r\n"
    say(session, b"LHLO a", *lines)
    return session


ENVELOPE = (b"MAIL FROM:<>", b"RCPT TO:<a@b>", b"RCPT TO:<c@d>")


def test_each_protocol_has_its_greeting() -> None:
    # RFC 2033 4.1
    assert Lhlo("a.example").encode() == b"LHLO a.example\r\n"
    session = lmtp()
    assert session.protocol == "LMTP"
    assert say(session, b"EHLO a", b"HELO a")[1] == ["500 5.5.1 command not recognized"] * 2
    assert say(ready(), b"LHLO a")[1] == ["500 5.5.1 command not recognized"]
    fresh = ServerSession(LMTP)
    fresh.greet()
    fresh.data_to_send()
    assert say(fresh, b"MAIL FROM:<>")[1] == ["503 5.5.1 send LHLO first"]


def test_the_protocol_is_named_for_the_trace() -> None:
    # RFC 3848, RFC 6531 4.3
    session = lmtp(b"MAIL FROM:<> SMTPUTF8")
    assert session.protocol == "UTF8LMTP"
    assert ready().protocol == "ESMTP"


@pytest.mark.parametrize("end", [(b"DATA", b"x", b"."), (b"BDAT 3 LAST\r\nx",)])
def test_a_reply_for_each_recipient(end: tuple[bytes, ...]) -> None:
    session = lmtp(*ENVELOPE)
    session.receive(b"\r\n".join(end[:1]) + b"\r\n")
    while not isinstance(event := session.next_event(), MessageReceived):
        if event is None:
            session.data_to_send()
            session.receive(b"\r\n".join(end[1:]) + b"\r\n")
    with pytest.raises(LocalProtocolError, match="one reply for each"):
        session.answer_each(OK)
    session.answer_each(OK, NO)
    assert session.data_to_send() == b"250 OK\r\n550 5.1.1 no such user\r\n"
    assert session.state is ServerState.READY
    with pytest.raises(LocalProtocolError, match="came by LMTP"):
        session.answer_each(OK, NO)


def test_one_answer_for_all_recipients() -> None:
    assert say(lmtp(*ENVELOPE), b"DATA", b"x", b".")[1][1:] == ["250 OK"] * 2
    # Refused by a rule of ours: each hears of it.
    assert (
        say(lmtp(*ENVELOPE), b"DATA", b"x\ny", b".")[1][1:]
        == ["550 5.6.0 the message holds a bare CR or LF"] * 2
    )


def test_a_chunk_that_is_not_the_last_has_one_reply() -> None:
    # RFC 2033 4.3
    session = lmtp(*ENVELOPE)
    events, said = say(session, b"BDAT 3", b"x", b"BDAT 3", b"\x00")
    assert said == ["250 2.0.0 3 octets received", "550 5.6.0 the message holds a NUL"]
    assert isinstance(events[-1], MessageRefused)


def test_no_body_without_recipients() -> None:
    # RFC 2033 4.2
    assert say(lmtp(b"MAIL FROM:<>"), b"DATA")[1] == ["503 5.5.1 no valid recipients"]


def test_an_answer_of_421_ends_an_lmtp_session() -> None:
    session = lmtp(*ENVELOPE)
    events, said = say(session, b"BDAT 0 LAST", answer=Reply(421, ("bye",), "4.3.2"))
    assert said == ["421 4.3.2 bye"] * 2
    assert isinstance(events[-1], SessionEnded)


# -- XCLIENT --------------------------------------------------------------------------------------

TRUSTING = replace(OFFERED, xclient_from=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))


def proxied(peer: str = "192.0.2.9") -> ServerSession:
    session = ServerSession(TRUSTING, peer=ip_address(peer))
    session.greet()
    session.data_to_send()
    return session


def test_a_trusted_proxy_says_for_whom_it_speaks() -> None:
    session = proxied()
    offer = say(session, b"EHLO proxy.example")[1][-1]
    assert offer == "250 XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT"
    events, said = say(
        session,
        b"XCLIENT NAME=spike.example ADDR=198.51.100.7 PORT=[UNAVAILABLE] PROTO=esmtp",
        b"MAIL FROM:<>",
    )
    assert events == [
        XclientReceived(
            ClientAttributes(
                "spike.example", IPv4Address("198.51.100.7"), Unavailable.PERMANENTLY, "ESMTP"
            )
        )
    ]
    # The session begins anew: nothing that was said before counts.
    assert said == ["220 mx.example ESMTP Postseal", "503 5.5.1 send EHLO first"]
    assert session.client_name == ""


def test_xclient_over_ipv6() -> None:
    events, _ = say(
        proxied("2001:db8::1"),
        b"XCLIENT ADDR=IPV6:2001:db9::1 HELO=a+2Bb DESTADDR=192.0.2.1 DESTPORT=25 port=1",
    )
    assert isinstance(events[0], XclientReceived)
    found = events[0].attributes
    assert (str(found.address), found.greeting_name, found.port) == ("2001:db9::1", "a+b", 1)
    assert (str(found.destination_address), found.destination_port) == ("192.0.2.1", 25)


@pytest.mark.parametrize("peer", ["192.0.3.1", "2001:db9::1"])
def test_others_are_not_believed(peer: str) -> None:
    session = proxied(peer)
    assert not any("XCLIENT" in line for line in say(session, b"EHLO a")[1])
    events, said = say(session, b"XCLIENT ADDR=127.0.0.1")
    assert (events, said) == ([], ["550 5.7.0 XCLIENT is for trusted proxies"])
    assert say(ready(), b"XCLIENT ADDR=127.0.0.1")[1][0].startswith("550")


def test_xclient_has_its_place() -> None:
    session = proxied()
    assert say(session, b"EHLO a", b"MAIL FROM:<>", b"XCLIENT NAME=a")[1][-1].startswith("503")
    strict = ServerSession(replace(TRUSTING, starttls=Offer.REQUIRED), peer=ip_address("192.0.2.1"))
    strict.greet()
    assert say(strict, b"XCLIENT NAME=a")[1][-1].startswith("530")


@pytest.mark.parametrize(
    "argument",
    [b"", b"NAME", b"NAME=", b"LOGIN=root", b"NAME=a NAME=b", b"ADDR=::1", b"ADDR=IPV6:127.0.0.1",
     b"ADDR=x", b"PORT=65536", b"PORT=-1", b"PROTO=HTTP", b"HELO=a+0D+0A", b"DESTPORT=x",
     b"NAME=a=b"],
)  # fmt: skip
def test_xclient_must_be_well_formed(argument: bytes) -> None:
    # LOGIN among them: no word of a proxy authenticates anybody.
    assert say(proxied(), b"XCLIENT " + argument)[1] == [
        "501 5.5.4 the attributes of XCLIENT are not well formed"
    ]
