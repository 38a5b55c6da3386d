"""The client: networks, connections and mailers over the engine."""

from __future__ import annotations

from postseal.send.endpoint import Endpoint
from postseal.send.mailer import AsyncMailer, Mailer, Verification
from postseal.send.results import Delivery, Refusal
from postseal.send.timeouts import Timeouts

__all__ = [
    "AsyncMailer",
    "Delivery",
    "Endpoint",
    "Mailer",
    "Refusal",
    "Timeouts",
    "Verification",
]
