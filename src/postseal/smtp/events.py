"""What a server session tells the platform; each event says whether it waits for an answer."""

from __future__ import annotations

from dataclasses import dataclass

from postseal.address import Address
from postseal.errors import MailError
from postseal.smtp.sasl import PlainCredentials

__all__ = [
    "AuthenticationReceived",
    "BodyReceived",
    "HelloReceived",
    "MailReceived",
    "MessageReceived",
    "MessageRefused",
    "RecipientReceived",
    "ServerEvent",
    "SessionEnded",
    "TLSRequested",
    "Transaction",
]


@dataclass(frozen=True, slots=True)
class Transaction:
    """An envelope as the client has given it so far and the platform has accepted it."""

    reverse_path: Address | None
    recipients: tuple[Address, ...] = ()
    is_8bit: bool = False
    is_internationalized: bool = False


@dataclass(frozen=True, slots=True)
class HelloReceived:
    """The client named itself. Needs no answer."""

    name: str


@dataclass(frozen=True, slots=True)
class TLSRequested:
    """STARTTLS was accepted: send what is due, do the handshake, then `tls_established`."""


@dataclass(frozen=True, slots=True)
class AuthenticationReceived:
    """Credentials came over the sealed channel. Answer 235, 535 or 454."""

    credentials: PlainCredentials


@dataclass(frozen=True, slots=True)
class MailReceived:
    """A transaction begins. Answer 250, 4yz or 5yz."""

    reverse_path: Address | None


@dataclass(frozen=True, slots=True)
class RecipientReceived:
    """One more recipient. Answer 250, 4yz or 5yz."""

    recipient: Address


@dataclass(frozen=True, slots=True)
class BodyReceived:
    """A piece of the body, without dot-stuffing. Needs no answer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """The body is complete. Answer 250 only once the message is durable (promise 4)."""

    transaction: Transaction


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """The body broke a rule and was refused; forget what came of it. Needs no answer."""

    reply_text: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Nothing more will come of this session: send what is due and close.

    `error` says what the client did wrong; None after QUIT.
    """

    error: MailError | None = None


ServerEvent = (
    HelloReceived
    | TLSRequested
    | AuthenticationReceived
    | MailReceived
    | RecipientReceived
    | BodyReceived
    | MessageReceived
    | MessageRefused
    | SessionEnded
)
