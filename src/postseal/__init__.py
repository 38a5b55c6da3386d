"""Email that cannot be downgraded: compose and send mail, secure by default."""

from __future__ import annotations

from postseal.address import Address
from postseal.errors import MailError
from postseal.mail import Attachment, Envelope, Mailbox, Message
from postseal.secrets import Secret
from postseal.send import AsyncMailer, Delivery, DeliveryOptions, Mailer, Timeouts
from postseal.tls import TLSLevel

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
