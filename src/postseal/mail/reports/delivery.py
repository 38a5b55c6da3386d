"""Delivery reports: what became of a message, for each recipient (RFC 3464, RFC 3463)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique

from postseal.mail.reading.dates import read_date
from postseal.mail.reading.fields import HeaderSection
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reports.bounce_texts import Bounce, status_in, text_bounces
from postseal.mail.reports.fields import (
    field_blocks,
    own_parts,
    reported_message,
    without_type,
)

__all__ = [
    "BounceKind",
    "DeliveryAction",
    "DeliveryReport",
    "RecipientReport",
    "read_delivery_report",
]

_STATUSES = ("message/delivery-status", "message/global-delivery-status")
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")
# RFC 3463 3.3, 3.4 and 3.8: full, disabled for now, too large, and refused by policy. The address
# is good; another message, or another day, may do.
_NOT_OF_THE_ADDRESS = re.compile(r"5\.(?:2\.[23]|3\.[0-9]+|4\.[0-9]+|6\.[0-9]+|7\.[0-9]+)\Z")


@unique
class DeliveryAction(StrEnum):
    """What the reporting server did (RFC 3464 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@unique
class BounceKind(StrEnum):
    """What a failure says of the address: hard, it will not work again; soft, it may."""

    HARD = "hard"
    SOFT = "soft"


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What became of the message for one recipient.

    `recipient` is the address that failed, or not, as the server knew it, and
    `original_recipient` the one that was asked for, where it says so. `status` is the enhanced
    status code (RFC 3463), taken from the diagnosis where it has no field; None without either.
    """

    recipient: str
    action: DeliveryAction
    status: str | None
    original_recipient: str | None = None
    diagnostic: str | None = None
    remote_mta: str | None = None
    will_retry_until: datetime | None = None

    @property
    def kind(self) -> BounceKind | None:
        """Hard or soft, None where nothing failed or was delayed.

        Hard is a permanent failure (5.x.x) of the address. A full mailbox, a message that is too
        large, and a refusal by policy are soft, as is whatever is temporary.
        """
        if self.action is DeliveryAction.DELAYED:
            return BounceKind.SOFT
        if self.action is not DeliveryAction.FAILED:
            return None
        if self.status is None:
            return BounceKind.HARD
        if self.status[0] == "4" or _NOT_OF_THE_ADDRESS.match(self.status):
            return BounceKind.SOFT
        return BounceKind.HARD

    @property
    def is_retryable(self) -> bool:
        """Whether the sender may try the same message again: it failed, and not for good.

        A delayed message is still being tried, so that another try would make a second copy.
        """
        return (
            self.action is DeliveryAction.FAILED
            and self.status is not None
            and self.status[0] == "4"
        )


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A report on one message: who says it, and what became of each recipient.

    `original` is the message it is about, or its header, where that is enclosed.
    `is_standard` is false for what was made out of a text for people.
    """

    recipients: tuple[RecipientReport, ...]
    is_standard: bool
    reporting_mta: str | None = None
    envelope_id: str | None = None
    arrival_date: datetime | None = None
    original: ReceivedMessage | None = None


def read_delivery_report(message: ReceivedMessage) -> DeliveryReport | None:
    """Read a delivery report, or the bounce of a server that writes none; None if it is neither.

    Texts of bounces are read by the phrases of `bounces.txt`, and only in messages that come from
    a mail system by their header.
    """
    original = reported_message(message.root)
    for part in own_parts(message.root):
        if part.media_type in _STATUSES:
            blocks = list(field_blocks(part.content))
            about = blocks[0] if blocks else HeaderSection((), ())
            recipients = tuple(
                found for block in blocks if (found := _recipient(block)) is not None
            )
            if recipients:
                return DeliveryReport(
                    recipients,
                    is_standard=True,
                    reporting_mta=without_type(about.get("Reporting-MTA")),
                    envelope_id=about.get("Original-Envelope-Id"),
                    arrival_date=_date(about.get("Arrival-Date")),
                    original=original,
                )
    bounces = text_bounces(message)
    if not bounces:
        return None
    recipients = tuple(map(_from_text, bounces))
    return DeliveryReport(recipients, is_standard=False, original=original)


def _recipient(block: HeaderSection) -> RecipientReport | None:
    final = without_type(block.get("Final-Recipient"))
    original = without_type(block.get("Original-Recipient"))
    recipient = final or original
    if recipient is None:
        return None
    diagnostic = without_type(block.get("Diagnostic-Code"))
    found = _STATUS.match(block.get("Status") or "")
    status = found[0] if found else status_in(diagnostic or "")
    return RecipientReport(
        recipient,
        _action(block.get("Action"), status),
        status,
        original_recipient=original,
        diagnostic=diagnostic,
        remote_mta=without_type(block.get("Remote-MTA")),
        will_retry_until=_date(block.get("Will-Retry-Until")),
    )


def _action(value: str | None, status: str | None) -> DeliveryAction:
    words = (value or "").lower().split()
    if words and words[0] in set(DeliveryAction):
        return DeliveryAction(words[0])
    if status is not None and status[0] == "2":
        return DeliveryAction.DELIVERED
    return DeliveryAction.FAILED


def _from_text(bounce: Bounce) -> RecipientReport:
    action = DeliveryAction.DELAYED if bounce.is_delay else DeliveryAction.FAILED
    return RecipientReport(bounce.recipient, action, bounce.status, diagnostic=bounce.reason)


def _date(value: str | None) -> datetime | None:
    return None if value is None else read_date(value)[0]
