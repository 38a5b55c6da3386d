"""A platform small enough to be deterministic: it answers a server session's questions.

It refuses senders and recipients whose local part is `no`, takes any password and token but
`wrong`, no certificate, and knows no SCRAM record.
"""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Final

from postseal.smtp import Reply, ServerSession, ServerState
from postseal.smtp.events import (
    AuthenticationReceived,
    BodyReceived,
    CertificateReceived,
    IdentityProven,
    MailReceived,
    MessageDropped,
    MessageReceived,
    MessageRefused,
    RecipientReceived,
    ScramRecordRequested,
    ServerEvent,
    SessionEnded,
    TokenReceived,
)
from postseal.smtp.rules import ServerRules
from postseal.smtp.sasl import ChannelEnds

__all__ = ["Talk"]

_PEER: Final = IPv4Address("192.0.2.1")
_CHANNEL: Final = ChannelEnds(b"\x01" * 32, client_certificate=b"certificate")
_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Talk:
    """One session from the greeting on, with all that it said and all that came of it.

    `events` holds each run of `BodyReceived` as one; how a body was cut is the network's choice.
    """

    def __init__(self, rules: ServerRules, *, sealed: bool) -> None:
        self.session = ServerSession(
            rules, sealed=sealed, channel=_CHANNEL, peer=_PEER, clock=lambda: _NOW
        )
        self.session.greet()
        self.said = self.session.data_to_send()
        self.events: list[ServerEvent] = []

    def hear(self, octets: bytes) -> None:
        """Give the session a piece of what its client says, and the answers it asks for."""
        session = self.session
        session.receive(octets)
        while (event := session.next_event()) is not None:
            self._keep(event)
            if isinstance(event, ScramRecordRequested):
                session.answer_record(None)
                continue
            if isinstance(event, TokenReceived) and event.token != "wrong":
                session.authenticate_as(event.username or "whose token it is")
                continue
            answer = _answer(event)
            if answer is not None:
                session.answer(answer)
        self.said += session.data_to_send()

    def finish_handshake(self) -> None:
        """Go on under TLS where the session has asked for it."""
        if self.session.state is ServerState.HANDSHAKE:
            self.session.tls_established(_CHANNEL)

    def outcome(self) -> tuple[list[object], bytes, ServerState]:
        """Give what must not depend on how the octets were cut."""
        events: list[object] = [
            ("ended", str(event.error)) if isinstance(event, SessionEnded) else event
            for event in self.events
        ]
        # How much of an unfinished body was handed on does depend on it.
        if events and isinstance(events[-1], BodyReceived):
            del events[-1]
        return events, self.said, self.session.state

    def _keep(self, event: ServerEvent) -> None:
        last = self.events[-1] if self.events else None
        if isinstance(last, BodyReceived):
            if isinstance(event, BodyReceived):
                self.events[-1] = BodyReceived(last.data + event.data)
                return
            if isinstance(event, MessageDropped | MessageRefused | SessionEnded):
                del self.events[-1]
        self.events.append(event)


def _answer(event: ServerEvent) -> Reply | None:
    match event:
        case AuthenticationReceived(credentials):
            if credentials.password == "wrong":
                return Reply(535, ("no",), "5.7.8")
            return Reply(235, ("yes",), "2.7.0")
        case IdentityProven():
            raise AssertionError("SCRAM let somebody in without a record")
        case TokenReceived() | CertificateReceived():
            return Reply(535, ("no",), "5.7.8")
        case MailReceived(path):
            is_taken = path is None or path.local != "no"
        case RecipientReceived(recipient):
            is_taken = recipient.local != "no"
        case MessageReceived():
            is_taken = True
        case _:
            return None
    return Reply(250, ("yes",)) if is_taken else Reply(550, ("no",), "5.1.1")
