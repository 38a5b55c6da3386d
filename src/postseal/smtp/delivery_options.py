"""What a sender asks of a delivery, beyond the message and its recipients."""

from __future__ import annotations

from dataclasses import dataclass

from postseal.errors import InvalidInput
from postseal.smtp.envelope_values import (
    DeliverBy,
    HoldFor,
    HoldUntil,
    NotificationRequest,
    Notify,
    ReturnContent,
    check_envelope_id,
    check_notify,
)

__all__ = ["DeliveryOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """Requests that travel as parameters of MAIL and RCPT; `InvalidInput` for what none can say.

    What may be left out where the server does not offer it, and is then named in the result's
    `dropped`: `return_content`, `envelope_id`, `notify` and `notification_requests` (RFC 3461:
    such a server sends the notifications it always sent), `priority` from -9 to 9 (RFC 6710), and
    `deliver_by` in the mode NOTIFY (RFC 2852). `notify` is for all recipients but those with a
    request of their own.

    What must be kept, so that the message is refused before it is sent: `requires_tls` (RFC 8689),
    `hold` (RFC 4865), and `deliver_by` in the mode RETURN.
    """

    return_content: ReturnContent | None = None
    envelope_id: str | None = None
    notify: frozenset[Notify] | None = None
    notification_requests: tuple[NotificationRequest, ...] = ()
    requires_tls: bool = False
    deliver_by: DeliverBy | None = None
    hold: HoldFor | HoldUntil | None = None
    priority: int = 0

    def __post_init__(self) -> None:
        check_notify(self.notify)
        if self.envelope_id is not None:
            check_envelope_id(self.envelope_id)
        if not -9 <= self.priority <= 9:
            raise InvalidInput("MT-PRIORITY takes a number from -9 to 9")
        recipients = [one.recipient for one in self.notification_requests]
        if len(set(recipients)) < len(recipients):
            raise InvalidInput("there is more than one notification request for a recipient")
