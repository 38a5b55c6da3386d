"""What a listener demands of a session and allows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from postseal.smtp.line_endings import LineEndings
from postseal.smtp.protocol import Extension, Protocol
from postseal.smtp.sasl import ServerOffer

__all__ = ["DEFAULT_EXTENSIONS", "Offer", "ServerRules"]


@unique
class Offer(Enum):
    """How a listener treats STARTTLS or AUTH."""

    UNAVAILABLE = "unavailable"
    OFFERED = "offered"
    REQUIRED = "required"


DEFAULT_EXTENSIONS: Final = frozenset(
    {
        Extension.PIPELINING,
        Extension.SIZE,
        Extension.EIGHT_BIT_MIME,
        Extension.SMTPUTF8,
        Extension.ENHANCED_STATUS_CODES,
        Extension.CHUNKING,
    }
)
"""Those whose promise any taker of messages can keep by storing and forwarding the octets."""


@dataclass(frozen=True, slots=True)
class ServerRules:
    """What a listener demands and allows. Sizes in octets, times in seconds.

    `starttls` required: nothing but greetings before TLS. `authentication` required: no MAIL
    before AUTH; AUTH is in no case offered or taken in clear. `max_commands` counts those since
    the last message that were neither RCPT nor brought a chunk.

    `extensions`: what is in it is offered and taken, what is not is refused; who offers one
    promises to honour what it brings. `line_endings`: bare CR and LF in bodies. `max_messages`
    counts transactions of a session, `max_recipient_domains` the domains of one transaction.
    More than `max_refused_recipients` since the last message end the session; so do as many
    recipients of one transaction above `max_recipients` as that allows. `max_hold` is how long
    FUTURERELEASE may ask us to wait.
    `xclient_from`: peers that may say with XCLIENT on whose behalf they speak. `sasl`: how users
    may prove who they are; as many failures as `max_failed_authentications` end the session.
    """

    hostname: str
    starttls: Offer = Offer.REQUIRED
    authentication: Offer = Offer.REQUIRED
    max_message_size: int = 25 * 1024 * 1024
    max_recipients: int = 1000
    max_errors: int = 20
    max_commands: int = 200
    protocol: Protocol = Protocol.SMTP
    extensions: frozenset[Extension] = DEFAULT_EXTENSIONS
    line_endings: LineEndings = LineEndings.REJECT
    max_messages: int | None = None
    max_recipient_domains: int | None = None
    max_refused_recipients: int = 100
    max_hold: int = 7 * 24 * 3600
    xclient_from: tuple[IPv4Network | IPv6Network, ...] = ()
    sasl: ServerOffer = field(default_factory=ServerOffer)
    max_failed_authentications: int = 3

    def __post_init__(self) -> None:
        if self.line_endings is LineEndings.KEEP:
            raise ValueError("LineEndings.KEEP is for binary bodies; reject or normalize others")
