"""Whatever a client sends: events and replies, the same however it is cut, and never an error."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from postseal.smtp import Reply, ServerSession, ServerState
from postseal.smtp.commands import Bdat
from postseal.smtp.events import (
    BodyReceived,
    MailReceived,
    MessageDropped,
    MessageRefused,
    RecipientReceived,
    ServerEvent,
    SessionEnded,
    TLSRequested,
)
from postseal.smtp.protocol import Extension, Protocol
from postseal.smtp.reply import ReplyParser
from postseal.smtp.rules import Offer, ServerRules
from tests.parts.false_ends import FALSE_ENDS
from tests.parts.splits import byte_by_byte, segments
from tests.parts.transcript import QUESTIONS

OPEN = ServerRules(
    "mx.example",
    starttls=Offer.OFFERED,
    authentication=Offer.OFFERED,
    max_message_size=60,
    max_recipients=3,
    max_errors=4,
    max_commands=12,
)
PEER = ip_address("192.0.2.1")
# EHLO tells the time, and sessions that are compared are to tell the same.
NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
FULL = replace(OPEN, extensions=frozenset(Extension), xclient_from=(ip_network("192.0.2.0/24"),))
RULES = st.sampled_from(
    [
        OPEN,
        replace(OPEN, starttls=Offer.REQUIRED),
        replace(OPEN, authentication=Offer.REQUIRED),
        FULL,
        replace(FULL, protocol=Protocol.LMTP),
    ]
)


def decide(event: ServerEvent) -> Reply:
    """A platform that says no now and then, but always the same to the same question."""
    match event:
        case MailReceived(path) if path is not None and path.local == "no":
            return Reply(550, ("no such sender",), "5.1.8")
        case RecipientReceived(recipient) if recipient.local == "no":
            return Reply(550, ("no such user",), "5.1.1")
    return Reply(235 if "Authentication" in type(event).__name__ else 250, ("yes",))


class Talk:
    """A session with all that came of it."""

    def __init__(self, rules: ServerRules, *, sealed: bool) -> None:
        self.session = ServerSession(rules, sealed=sealed, peer=PEER, clock=lambda: NOW)
        self.session.greet()
        self.said = self.session.data_to_send()
        self.events: list[ServerEvent] = []

    def hear(self, octets: bytes) -> None:
        session = self.session
        session.receive(octets)
        while (event := session.next_event()) is not None:
            self._note(event)
            if isinstance(event, QUESTIONS):
                session.answer(decide(event))
        self.said += session.data_to_send()

    def _note(self, event: ServerEvent) -> None:
        last = self.events[-1] if self.events else None
        if isinstance(last, BodyReceived):
            if isinstance(event, BodyReceived):
                self.events[-1] = BodyReceived(last.data + event.data)
                return
            if isinstance(event, (MessageRefused, MessageDropped, SessionEnded)):
                # How much of it was handed on before is nobody's concern.
                del self.events[-1]
        self.events.append(event)

    def outcome(self) -> tuple[list[object], bytes, ServerState]:
        events: list[object] = [
            (type(event), str(event.error)) if isinstance(event, SessionEnded) else event
            for event in self.events
        ]
        if events and isinstance(events[-1], BodyReceived):
            # It has not ended: how far it was handed on depends on the cut.
            del events[-1]
        return events, self.said, self.session.state


LINES = st.sampled_from(
    [
        b"EHLO client.example", b"HELO client.example", b"MAIL FROM:<ada@example.com>",
        b"LHLO client.example", b"MAIL FROM:<> BODY=BINARYMIME RET=HDRS ENVID=a+2Bb REQUIRETLS",
        b"MAIL FROM:<> HOLDFOR=60 BY=120;RT MT-PRIORITY=-3 SMTPUTF8", b"BDAT 0", b"BDAT 0 LAST",
        b"RCPT TO:<bob@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob", b"XCLIENT NAME=+0D",
        b"MAIL FROM:<no@example.com>", b"MAIL FROM:<> SIZE=70", b"RCPT TO:<bob@example.org>",
        b"RCPT TO:<no@example.org>", b"RCPT TO:<bob>", b"RSET", b"NOOP", b"VRFY x", b"QUIT", b"X",
        b"AUTH PLAIN", b"AUTH PLAIN AGEAYg==", b"AGEAYg==", b"*", b"GET / HTTP/1.1", b"",
        b"\x00", b"a\nb", b"a\rb",
    ]
)  # fmt: skip
# Only one who waits may say these, so they come at the end of a flight.
ENDS = st.sampled_from(
    [b"", b"", b"DATA\r\n", b"STARTTLS\r\n", b"XCLIENT NAME=a ADDR=192.0.2.9 PROTO=ESMTP\r\n"]
)
TRANSACTION = b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
BODY = st.lists(st.sampled_from([b"\r\n", b".", b"x", b"\x00", b"xxxxxxxxxx", *FALSE_ENDS]))

FLIGHTS = st.lists(
    st.one_of(
        st.builds(
            lambda lines, end: b"".join(line + b"\r\n" for line in lines) + end,
            st.lists(LINES, max_size=6),
            ENDS,
        ),
        st.just(TRANSACTION),
        st.builds(
            lambda body, last: Bdat(len(body), is_last=last).encode() + body,
            BODY.map(b"".join),
            st.booleans(),
        ),
        st.builds(lambda body: b"".join(body) + b"\r\n.\r\nNOOP\r\n", BODY),
        st.binary(max_size=20),
    ).filter(bool),
    max_size=6,
)


@settings(max_examples=200)
@given(st.data(), RULES, st.booleans(), FLIGHTS)
def test_the_cut_does_not_matter(
    data: st.DataObject, rules: ServerRules, sealed: bool, flights: list[bytes]
) -> None:
    talks = [Talk(rules, sealed=sealed) for _ in range(3)]
    for flight in flights:
        states = {talk.session.state for talk in talks}
        assert len(states) == 1
        if states == {ServerState.HANDSHAKE}:
            for talk in talks:
                talk.session.tls_established()
        if b"DATA\r\n" in flight[:-6] or b"STARTTLS\r\n" in flight[:-10]:
            continue
        if b"HELO" in flight:
            # Who says so may not pipeline, and whether one did is up to the cut.
            continue
        cuts = [[flight], byte_by_byte(flight), data.draw(segments(flight))]
        for talk, pieces in zip(talks, cuts, strict=True):
            for piece in pieces:
                talk.hear(piece)
        whole, *others = [talk.outcome() for talk in talks]
        assert others == [whole, whole]


@given(
    RULES,
    st.booleans(),
    st.lists(st.one_of(st.binary(max_size=40), FLIGHTS.map(b"".join)), max_size=6),
)
def test_no_input_is_an_error_of_ours(
    rules: ServerRules, sealed: bool, pieces: list[bytes]
) -> None:
    talk = Talk(rules, sealed=sealed)
    for piece in pieces:
        talk.hear(piece)
    # And what we say are replies, whatever we were told.
    parser = ReplyParser()
    parser.feed(talk.said)
    while parser.next_reply() is not None:
        pass
    assert parser.is_empty
    ends = [event for event in talk.events if isinstance(event, SessionEnded)]
    assert len(ends) == (talk.session.state is ServerState.CLOSED)
    assert ends == talk.events[len(talk.events) - len(ends) :]


@given(st.booleans(), FLIGHTS)
def test_nothing_is_taken_in_clear_where_TLS_is_required(
    sealed: bool, flights: list[bytes]
) -> None:
    talk = Talk(replace(OPEN, starttls=Offer.REQUIRED), sealed=sealed)
    for flight in flights:
        talk.hear(flight)
    if not sealed:
        assert not any(isinstance(event, (*QUESTIONS, BodyReceived)) for event in talk.events)
    else:
        assert TLSRequested() not in talk.events
