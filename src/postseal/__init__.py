"""Email that cannot be downgraded: compose and send mail, secure by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.address import Address
    from postseal.errors import MailError
    from postseal.mail import (
        Attachment,
        Envelope,
        Mailbox,
        Message,
        PreparedMessage,
        ReceivedMessage,
        parse,
    )
    from postseal.mail.authentication import DKIMSigner
    from postseal.secrets import Secret, secret
    from postseal.send import (
        AsyncMailer,
        Delivery,
        DeliveryOptions,
        Direct,
        Failover,
        Hooks,
        Mailer,
        Order,
        PoolOptions,
        Proxy,
        Rate,
        RetryPolicy,
        Timeouts,
    )
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
                "PreparedMessage",
                "ReceivedMessage",
                "parse",
            ),
            "postseal.mail.authentication": ("DKIMSigner",),
            "postseal.secrets": ("Secret", "secret"),
            "postseal.send": (
                "AsyncMailer",
                "Delivery",
                "DeliveryOptions",
                "Direct",
                "Failover",
                "Hooks",
                "Mailer",
                "Order",
                "PoolOptions",
                "Proxy",
                "Rate",
                "RetryPolicy",
                "Timeouts",
            ),
            "postseal.tls": ("TLSLevel",),
        },
    )

__all__ = [
    "Address",
    "AsyncMailer",
    "Attachment",
    "DKIMSigner",
    "Delivery",
    "DeliveryOptions",
    "Direct",
    "Envelope",
    "Failover",
    "Hooks",
    "MailError",
    "Mailbox",
    "Mailer",
    "Message",
    "Order",
    "PoolOptions",
    "PreparedMessage",
    "Proxy",
    "Rate",
    "ReceivedMessage",
    "RetryPolicy",
    "Secret",
    "TLSLevel",
    "Timeouts",
    "parse",
    "secret",
]
