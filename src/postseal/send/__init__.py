"""The client: networks, connections and mailers over the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.mail.conversion import Conversion
    from postseal.send.core import Verification
    from postseal.send.endpoint import Endpoint
    from postseal.send.mailer import AsyncMailer, Mailer
    from postseal.send.many import Sent
    from postseal.send.outgoing import Framing, Outgoing
    from postseal.send.results import Delivery, Refusal
    from postseal.send.timeouts import Timeouts
    from postseal.smtp.delivery_options import DeliveryOptions
    from postseal.smtp.envelope_values import (
        DeliverBy,
        DeliverByMode,
        HoldFor,
        HoldUntil,
        NotificationRequest,
        Notify,
        OriginalRecipient,
        ReturnContent,
    )
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.mail.conversion": ("Conversion",),
            "postseal.send.core": ("Verification",),
            "postseal.send.endpoint": ("Endpoint",),
            "postseal.send.mailer": (
                "AsyncMailer",
                "Mailer",
            ),
            "postseal.send.many": ("Sent",),
            "postseal.send.outgoing": (
                "Framing",
                "Outgoing",
            ),
            "postseal.send.results": (
                "Delivery",
                "Refusal",
            ),
            "postseal.send.timeouts": ("Timeouts",),
            "postseal.smtp.delivery_options": ("DeliveryOptions",),
            "postseal.smtp.envelope_values": (
                "DeliverBy",
                "DeliverByMode",
                "HoldFor",
                "HoldUntil",
                "NotificationRequest",
                "Notify",
                "OriginalRecipient",
                "ReturnContent",
            ),
        },
    )

__all__ = [
    "AsyncMailer",
    "Conversion",
    "DeliverBy",
    "DeliverByMode",
    "Delivery",
    "DeliveryOptions",
    "Endpoint",
    "Framing",
    "HoldFor",
    "HoldUntil",
    "Mailer",
    "NotificationRequest",
    "Notify",
    "OriginalRecipient",
    "Outgoing",
    "Refusal",
    "ReturnContent",
    "Sent",
    "Timeouts",
    "Verification",
]
