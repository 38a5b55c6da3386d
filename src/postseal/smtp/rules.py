"""What a listener demands of a session and allows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

__all__ = ["Offer", "ServerRules"]


@unique
class Offer(Enum):
    """How a listener treats STARTTLS or AUTH."""

    UNAVAILABLE = "unavailable"
    OFFERED = "offered"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ServerRules:
    """What a listener demands and allows. Sizes in octets.

    `starttls` required: nothing but greetings before TLS. `authentication` required: no MAIL
    before AUTH; AUTH is in no case offered or taken in clear. `max_commands` counts those since
    the last message that were not RCPT.
    """

    hostname: str
    starttls: Offer = Offer.REQUIRED
    authentication: Offer = Offer.REQUIRED
    max_message_size: int = 25 * 1024 * 1024
    max_recipients: int = 1000
    max_errors: int = 20
    max_commands: int = 200
