"""What a client asks for with an envelope, beyond who writes to whom: the values of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique

from postseal.address import Address

__all__ = [
    "DeliverBy",
    "DeliverByMode",
    "HoldFor",
    "HoldUntil",
    "NotificationRequest",
    "Notify",
    "OriginalRecipient",
    "ReturnContent",
]


@unique
class ReturnContent(Enum):
    """How much of a message a failure notification brings back (RFC 3461 4.3)."""

    FULL = "FULL"
    HEADERS = "HDRS"


@unique
class Notify(Enum):
    """When a sender wants to hear of a recipient (RFC 3461 4.1)."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


@dataclass(frozen=True, slots=True)
class OriginalRecipient:
    """The recipient as the sender wrote it, before any forwarding (RFC 3461 4.2), xtext decoded."""

    address_type: str
    address: str


@dataclass(frozen=True, slots=True)
class NotificationRequest:
    """What the sender wants to hear of one recipient; `notify` None: NOTIFY was not given."""

    recipient: Address
    notify: frozenset[Notify] | None = None
    original_recipient: OriginalRecipient | None = None


@unique
class DeliverByMode(Enum):
    """What happens to a message that comes too late (RFC 2852 4)."""

    NOTIFY = "N"
    RETURN = "R"


@dataclass(frozen=True, slots=True)
class DeliverBy:
    """The time a delivery may take, in seconds from now; it may have passed already in NOTIFY."""

    seconds: int
    mode: DeliverByMode
    is_traced: bool = False


@dataclass(frozen=True, slots=True)
class HoldFor:
    """Release the message after that many seconds (RFC 4865 4)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class HoldUntil:
    """Release the message at that moment, in UTC (RFC 4865 4)."""

    moment: datetime
