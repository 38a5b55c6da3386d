"""What a client asks for with an envelope, beyond who writes to whom: the values of parameters.

One set for both roles: a server reads them from MAIL and RCPT, a client writes them there. A value
that exists can be written; `InvalidInput` says what none can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, unique
from typing import Final

from postseal.address import Address
from postseal.errors import InvalidInput
from postseal.smtp.grammar import KEYWORD, encode_xtext

__all__ = [
    "DeliverBy",
    "DeliverByMode",
    "HoldFor",
    "HoldUntil",
    "NotificationRequest",
    "Notify",
    "OriginalRecipient",
    "ReturnContent",
    "check_envelope_id",
    "check_notify",
]

# RFC 3461 4.4 and 4.2: the longest ENVID and ORCPT, as they are written.
_MAX_ENVELOPE_ID: Final = 100
_MAX_ORIGINAL_RECIPIENT: Final = 500

# RFC 2852 4 and RFC 4865 3: nine digits.
_MAX_SECONDS: Final = 999_999_999


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

    def __post_init__(self) -> None:
        written = len(self.address_type) + 1 + _xtext_length(self.address)
        if (
            not KEYWORD.match(self.address_type)
            or not self.address
            or written > _MAX_ORIGINAL_RECIPIENT
        ):
            raise InvalidInput(
                "ORCPT takes an address type such as rfc822 and an address in printable ASCII, "
                f"{_MAX_ORIGINAL_RECIPIENT} characters at most"
            )


@dataclass(frozen=True, slots=True)
class NotificationRequest:
    """What the sender wants to hear of one recipient; `notify` None: NOTIFY was not given."""

    recipient: Address
    notify: frozenset[Notify] | None = None
    original_recipient: OriginalRecipient | None = None

    def __post_init__(self) -> None:
        check_notify(self.notify)


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

    def __post_init__(self) -> None:
        if abs(self.seconds) > _MAX_SECONDS:
            raise InvalidInput("BY takes at most nine digits of seconds")
        # RFC 2852 4: a message to be returned must have time left.
        if self.mode is DeliverByMode.RETURN and self.seconds <= 0:
            raise InvalidInput("BY with R takes a time above zero")


@dataclass(frozen=True, slots=True)
class HoldFor:
    """Release the message after that many seconds (RFC 4865 3)."""

    seconds: int

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= _MAX_SECONDS:
            raise InvalidInput("HOLDFOR takes 1 to 999999999 seconds")


@dataclass(frozen=True, slots=True)
class HoldUntil:
    """Release the message at that moment (RFC 4865 3), which says its offset from UTC."""

    moment: datetime

    def __post_init__(self) -> None:
        if self.moment.utcoffset() is None:
            raise InvalidInput(
                f"the moment {self.moment.isoformat()} has no offset from UTC",
                hint="Take datetime.now(UTC) as the beginning.",
            )
        try:
            self.moment.astimezone(UTC)
        except OverflowError:
            raise InvalidInput("the moment is outside of the years 1 to 9999 in UTC") from None


def check_notify(notify: frozenset[Notify] | None) -> None:
    """Raise `InvalidInput` for an empty set, and for NEVER beside others (RFC 3461 4.1)."""
    if notify is not None and (not notify or (Notify.NEVER in notify and len(notify) > 1)):
        raise InvalidInput("NOTIFY takes NEVER, or a list of SUCCESS, FAILURE and DELAY")


def check_envelope_id(envelope_id: str) -> None:
    """Raise `InvalidInput` for what cannot be an ENVID (RFC 3461 4.4), given xtext decoded."""
    if not envelope_id or _xtext_length(envelope_id) > _MAX_ENVELOPE_ID:
        raise InvalidInput(
            f"ENVID takes xtext of at most {_MAX_ENVELOPE_ID} characters",
            hint="Space, + and = count three times.",
        )


def _xtext_length(text: str) -> int:
    if not (text.isascii() and text.isprintable()):
        raise InvalidInput(f"{text!a} is not printable ASCII, which is all that xtext stands for")
    return len(encode_xtext(text))
