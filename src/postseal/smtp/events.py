"""What a server session tells the platform; each event says whether it waits for an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from postseal.address import Address
from postseal.errors import MailError
from postseal.smtp.envelope_values import (
    DeliverBy,
    HoldFor,
    HoldUntil,
    NotificationRequest,
    ReturnContent,
)
from postseal.smtp.sasl import PlainCredentials, ScramHash
from postseal.smtp.xclient import ClientAttributes

__all__ = [
    "AUTHENTICATION_QUESTIONS",
    "AuthenticationFailed",
    "AuthenticationQuestion",
    "AuthenticationReceived",
    "BodyReceived",
    "CertificateReceived",
    "HelloReceived",
    "IdentityProven",
    "MailReceived",
    "MessageDropped",
    "MessageReceived",
    "MessageRefused",
    "RecipientReceived",
    "ScramRecordRequested",
    "ServerEvent",
    "SessionEnded",
    "TLSRequested",
    "TokenReceived",
    "Transaction",
    "XclientReceived",
]


@dataclass(frozen=True, slots=True)
class Transaction:
    """An envelope as the client has given it so far and the platform has accepted it.

    What the client asked for is here only where the rules offer the extension: `is_binary`
    (RFC 3030 3), `return_content`, `envelope_id` and, for recipients that came with any, the
    `notification_requests` (RFC 3461), `requires_tls` (RFC 8689), `deliver_by` (RFC 2852), `hold`
    (RFC 4865), and `priority`, -9 to 9 (RFC 6710).
    """

    reverse_path: Address | None
    recipients: tuple[Address, ...] = ()
    is_8bit: bool = False
    is_internationalized: bool = False
    is_binary: bool = False
    return_content: ReturnContent | None = None
    envelope_id: str | None = None
    notification_requests: tuple[NotificationRequest, ...] = ()
    requires_tls: bool = False
    deliver_by: DeliverBy | None = None
    hold: HoldFor | HoldUntil | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class HelloReceived:
    """The client named itself. Needs no answer."""

    name: str


@dataclass(frozen=True, slots=True)
class XclientReceived:
    """A trusted peer said for whom it speaks; the session begins anew. Needs no answer."""

    attributes: ClientAttributes


@dataclass(frozen=True, slots=True)
class TLSRequested:
    """STARTTLS was accepted: send what is due, do the handshake, then `tls_established`."""


@dataclass(frozen=True, slots=True)
class AuthenticationReceived:
    """A password came over the sealed channel. Answer 235, 535 or 454."""

    credentials: PlainCredentials


@dataclass(frozen=True, slots=True)
class ScramRecordRequested:
    """SCRAM needs what is kept of a user's password.

    Answer with `answer_record`, or with 4yz where it cannot be looked up.
    """

    username: str
    hash: ScramHash


@dataclass(frozen=True, slots=True)
class IdentityProven:
    """The client is `username`, and asks to act as `authorization_identity` (empty: itself).

    Answer 235, or 535 where it may not.
    """

    username: str
    authorization_identity: str


@dataclass(frozen=True, slots=True)
class TokenReceived:
    """A bearer token came over the sealed channel. Answer with `authenticate_as`, 535 or 454.

    `username` is what the client says, and may be empty: the token knows better.
    """

    username: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateReceived:
    """The client stands on its TLS certificate (DER). Answer with `authenticate_as`, 535 or 454.

    `authorization_identity` is whom it asks to act as; empty: whoever the certificate is of.
    """

    authorization_identity: str
    certificate: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthenticationFailed:
    """An exchange was refused; for the log, and for who counts guesses. Needs no answer.

    `username` is what the client said, empty where it got no further; `reason` is not told to it.
    """

    mechanism: str
    username: str
    reason: str


@dataclass(frozen=True, slots=True)
class MailReceived:
    """A transaction begins. Answer 250, 4yz or 5yz."""

    reverse_path: Address | None


@dataclass(frozen=True, slots=True)
class RecipientReceived:
    """One more recipient. Answer 250, 4yz or 5yz."""

    recipient: Address
    notification_request: NotificationRequest | None = None


@dataclass(frozen=True, slots=True)
class BodyReceived:
    """A piece of the body, without dot-stuffing. Needs no answer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """The body is complete. Answer 250 only once the message is durable (promise 4).

    In LMTP the answer is one for each recipient, in the order of `transaction.recipients`.
    """

    transaction: Transaction


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """The body broke a rule and was refused; forget what came of it. Needs no answer."""

    reply_text: str


@dataclass(frozen=True, slots=True)
class MessageDropped:
    """The client dropped a message between two chunks; forget what came. Needs no answer."""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Nothing more will come of this session: send what is due and close.

    `error` says what the client did wrong; None after QUIT.
    """

    error: MailError | None = None


AuthenticationQuestion: TypeAlias = (
    AuthenticationReceived
    | ScramRecordRequested
    | IdentityProven
    | TokenReceived
    | CertificateReceived
)
"""What a session asks while a client authenticates."""

AUTHENTICATION_QUESTIONS: Final = (
    AuthenticationReceived,
    ScramRecordRequested,
    IdentityProven,
    TokenReceived,
    CertificateReceived,
)

ServerEvent = (
    HelloReceived
    | XclientReceived
    | TLSRequested
    | AuthenticationQuestion
    | AuthenticationFailed
    | MailReceived
    | RecipientReceived
    | BodyReceived
    | MessageReceived
    | MessageRefused
    | MessageDropped
    | SessionEnded
)
