"""Email that cannot be downgraded: compose and send mail, secure by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.address import Address
    from postseal.errors import MailError
    from postseal.mail import Attachment, Envelope, Mailbox, Message
    from postseal.secrets import Secret
    from postseal.send import AsyncMailer, Delivery, DeliveryOptions, Mailer, Timeouts
    from postseal.tls import TLSLevel
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.address": ("Address",),
            "postseal.errors": ("MailError",),
            "postseal.mail": (
                "Attachment",
                "Envelope",
                "Mailbox",
                "Message",
            ),
            "postseal.secrets": ("Secret",),
            "postseal.send": (
                "AsyncMailer",
                "Delivery",
                "DeliveryOptions",
                "Mailer",
                "Timeouts",
            ),
            "postseal.tls": ("TLSLevel",),
        },
    )

__all__ = [
    "Address",
    "AsyncMailer",
    "Attachment",
    "Delivery",
    "DeliveryOptions",
    "Envelope",
    "MailError",
    "Mailbox",
    "Mailer",
    "Message",
    "Secret",
    "TLSLevel",
    "Timeouts",
]
