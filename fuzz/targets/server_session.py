"""Whatever a client sends, a server session raises nothing, says whole replies, takes nothing in
clear where TLS is required, hands on no body that breaks the rules, and ends once; all of it the
same however the octets are cut.
"""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Final

from fuzz.chunks import cuts, flights
from fuzz.platform_double import Talk
from postseal.smtp import ServerState
from postseal.smtp.events import (
    AUTHENTICATION_QUESTIONS,
    BodyReceived,
    MailReceived,
    MessageReceived,
    SessionEnded,
)
from postseal.smtp.line_endings import LineEndings
from postseal.smtp.protocol import Extension, Protocol
from postseal.smtp.reply import ReplyParser
from postseal.smtp.rules import Offer, ServerRules
from postseal.smtp.sasl import ServerOffer, ServerSASL

__all__ = ["run"]

_OPEN: Final = ServerRules(
    "mx.example",
    starttls=Offer.OFFERED,
    authentication=Offer.OFFERED,
    max_message_size=100,
    max_recipients=3,
    max_errors=5,
    max_commands=30,
    sasl=ServerOffer(frozenset(ServerSASL), decoy_secret=b"secret", nonce=lambda: "SERVER"),
    max_failed_authentications=2,
)
_ALL: Final = replace(
    _OPEN,
    starttls=Offer.UNAVAILABLE,
    authentication=Offer.UNAVAILABLE,
    extensions=frozenset(Extension),
    line_endings=LineEndings.NORMALIZE,
    max_messages=2,
    max_recipient_domains=2,
    max_refused_recipients=3,
    xclient_from=(IPv4Network("192.0.2.0/24"),),
)
_RULES: Final = (
    _OPEN,
    replace(_OPEN, starttls=Offer.REQUIRED),
    replace(_OPEN, authentication=Offer.REQUIRED),
    _ALL,
    replace(_ALL, protocol=Protocol.LMTP),
)
_NOT_IN_TEXT: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
# Who does not wait for the answer to these, or to anything behind HELO, is refused, and whether
# one waited is up to the cut.
_IMPATIENT: Final = re.compile(rb"(?:DATA|STARTTLS)[ ]*\r\n(?=.)|HELO ", re.IGNORECASE | re.DOTALL)


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the cut, the second the rules of the listener.

    A pause is where the client waits, and where a handshake that is due is done.
    """
    if len(data) < 2:
        return
    rules, sealed = _RULES[data[1] % len(_RULES)], bool(data[1] & 0x20)
    talks = [Talk(rules, sealed=sealed) for _ in range(3)]
    line = b""
    for flight in flights(data[2:]):
        # A client may pause within a line.
        line += flight
        if _IMPATIENT.search(line):
            del talks[1:]
        line = line[line.rfind(b"\n") + 1 :]
        for talk, pieces in zip(talks, cuts(data[0], flight), strict=False):
            talk.finish_handshake()
            for piece in pieces:
                talk.hear(piece)
        outcomes = [talk.outcome() for talk in talks]
        assert outcomes[1:] == outcomes[:1] * (len(talks) - 1), "the cut matters"
    for talk in talks:
        _check(talk)


def _check(talk: Talk) -> None:
    session, rules = talk.session, talk.session.rules
    parser = ReplyParser()
    parser.feed(talk.said)
    while parser.next_reply() is not None:
        pass
    assert parser.is_empty, "half a reply was said"

    ends = [event for event in talk.events if isinstance(event, SessionEnded)]
    assert len(ends) == (session.state is ServerState.CLOSED)
    assert ends == talk.events[len(talk.events) - len(ends) :]
    if rules.starttls is Offer.REQUIRED and not session.is_sealed:
        assert not any(isinstance(event, MailReceived) for event in talk.events)
    if not session.is_sealed:
        assert not any(isinstance(event, AUTHENTICATION_QUESTIONS) for event in talk.events)
    for event, following in zip(talk.events, talk.events[1:], strict=False):
        if isinstance(event, BodyReceived) and isinstance(following, MessageReceived):
            assert following.transaction.recipients
            is_text = not following.transaction.is_binary
            assert not (is_text and _NOT_IN_TEXT.search(event.data))
            # Each octet may have been a bare line ending that was written out.
            assert len(event.data) <= 2 * rules.max_message_size
