"""The client: networks, connections and mailers over the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.mail.conversion import Conversion
    from postseal.send.async_mailer import AsyncMailer
    from postseal.send.endpoint import Endpoint
    from postseal.send.failover import Failover
    from postseal.send.hooks import Hooks
    from postseal.send.mailer import Mailer
    from postseal.send.many import Order
    from postseal.send.mx.direct import Direct
    from postseal.send.networks.proxies import Proxy
    from postseal.send.oauth.grants import ClientCredentials, RefreshToken, ServiceAccount
    from postseal.send.oauth.tokens import oauth_tokens
    from postseal.send.outgoing import Framing, Outgoing
    from postseal.send.pending import Sent
    from postseal.send.pool_options import PoolOptions
    from postseal.send.rates import Rate
    from postseal.send.results import Delivery, Refusal
    from postseal.send.retrying import RetryPolicy
    from postseal.send.timeouts import Timeouts
    from postseal.send.transport import Transport, Verification
    from postseal.send.transports.memory import Outbox, outbox
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
            "postseal.send.transports.memory": (
                "Outbox",
                "outbox",
            ),
            "postseal.send.hooks": ("Hooks",),
            "postseal.mail.conversion": ("Conversion",),
            "postseal.send.async_mailer": ("AsyncMailer",),
            "postseal.send.mx.direct": ("Direct",),
            "postseal.send.endpoint": ("Endpoint",),
            "postseal.send.failover": ("Failover",),
            "postseal.send.mailer": ("Mailer",),
            "postseal.send.many": ("Order",),
            "postseal.send.oauth.tokens": ("oauth_tokens",),
            "postseal.send.oauth.grants": (
                "ClientCredentials",
                "RefreshToken",
                "ServiceAccount",
            ),
            "postseal.send.outgoing": (
                "Framing",
                "Outgoing",
            ),
            "postseal.send.pending": ("Sent",),
            "postseal.send.pool_options": ("PoolOptions",),
            "postseal.send.networks.proxies": ("Proxy",),
            "postseal.send.rates": ("Rate",),
            "postseal.send.results": (
                "Delivery",
                "Refusal",
            ),
            "postseal.send.retrying": ("RetryPolicy",),
            "postseal.send.timeouts": ("Timeouts",),
            "postseal.send.transport": (
                "Transport",
                "Verification",
            ),
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
    "ClientCredentials",
    "Conversion",
    "DeliverBy",
    "DeliverByMode",
    "Delivery",
    "DeliveryOptions",
    "Direct",
    "Endpoint",
    "Failover",
    "Framing",
    "HoldFor",
    "HoldUntil",
    "Hooks",
    "Mailer",
    "NotificationRequest",
    "Notify",
    "Order",
    "OriginalRecipient",
    "Outbox",
    "Outgoing",
    "PoolOptions",
    "Proxy",
    "Rate",
    "RefreshToken",
    "Refusal",
    "RetryPolicy",
    "ReturnContent",
    "Sent",
    "ServiceAccount",
    "Timeouts",
    "Transport",
    "Verification",
    "oauth_tokens",
    "outbox",
]
