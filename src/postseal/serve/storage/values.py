"""What goes into the store and what comes out: frozen values, no rows and no SQL.

All times are seconds since the epoch, UTC. All sizes are octets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique

from postseal.errors import InvalidInput
from postseal.smtp.sasl import ScramRecord
from postseal.tls.requiretls import TLSRequirement

__all__ = [
    "Account",
    "Attempt",
    "Credential",
    "Cursor",
    "Delivery",
    "DeliveryState",
    "Lease",
    "MessageDetail",
    "MessageRow",
    "NewMessage",
    "Outcome",
    "Reception",
    "Summary",
    "WebSession",
]


@unique
class DeliveryState(StrEnum):
    """Where the delivery to one recipient stands."""

    QUEUED = "queued"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    HELD = "held"

    @property
    def is_pending(self) -> bool:
        """Whether a worker will attempt this delivery, now or later."""
        return self in (DeliveryState.QUEUED, DeliveryState.DEFERRED)

    @property
    def is_outcome(self) -> bool:
        """Whether an attempt can end in this state."""
        return self in (DeliveryState.SENT, DeliveryState.DEFERRED, DeliveryState.FAILED)


@dataclass(frozen=True, slots=True)
class Reception:
    """How a message came in: the first hop, as its `Received` line tells it.

    `protocol` is a word of RFC 3848 (`ESMTPSA`). `client_name` is what the client called itself
    in EHLO. The TLS fields are None where the hop was in clear.
    """

    listener: str
    client_address: str
    client_name: str
    protocol: str
    tls_version: str | None = None
    tls_cipher: str | None = None
    authenticated_as: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """Header fields for lists: decoded, cut to a bounded length, '' where absent."""

    subject: str = ""
    header_from: str = ""
    header_to: str = ""
    header_message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message that is to be stored together with a delivery for each recipient.

    `id` is random text of 26 characters. `reverse_path` is '' for the null reverse-path
    (RFC 5321 4.5.5). `recipients` are pairs of address and domain. `chunks` gives the message
    as it is to be stored, in pieces of any length that add up to `size`; it may be iterated
    more than once. `is_8bit` content needs 8BITMIME on its way (RFC 6152), `is_internationalized`
    SMTPUTF8 (RFC 6531). `tls_requirement` is how the message was tagged on receipt (RFC 8689).
    `state` is QUEUED (due at `received_at`) or HELD.
    """

    id: str
    received_at: float
    reverse_path: str
    recipients: tuple[tuple[str, str], ...]
    size: int
    reception: Reception
    summary: Summary
    chunks: Iterable[bytes]
    is_8bit: bool = False
    is_internationalized: bool = False
    tls_requirement: TLSRequirement = TLSRequirement.UNSTATED
    state: DeliveryState = DeliveryState.QUEUED
    reason: str = ""

    def __post_init__(self) -> None:
        if self.state not in (DeliveryState.QUEUED, DeliveryState.HELD):
            raise InvalidInput(f"a new message cannot be {self.state}", hint="Use queued or held.")
        if not self.recipients:
            raise InvalidInput("a message without a recipient cannot be stored")
        if iter(self.chunks) is self.chunks:
            raise InvalidInput(
                "the content of a message can be read only once",
                hint="Give a sequence, or an object whose __iter__ starts anew.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One delivery that belongs to its lessee until a deadline passes.

    `attempts` counts the attempts already recorded. `listener` is where the message came in.
    """

    delivery_id: int
    message_id: str
    recipient: str
    domain: str
    reverse_path: str
    attempts: int
    received_at: float
    size: int
    is_8bit: bool = False
    is_internationalized: bool = False
    tls_requirement: TLSRequirement = TLSRequirement.UNSTATED
    listener: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to hand a message to the next host, and all that is known of that hop.

    `outcome` is SENT, DEFERRED or FAILED. `phase` is the step at which it ended ('' for the
    end of a good one), `code`, `enhanced_code` and `text` the reply that decided it.
    `peer_certificate` is a SHA-256 fingerprint. `policy` is the TLS level that was asked for and
    the rule that did, `explanation` what all rules said and what became of it, a sentence each.
    Text that does not apply is ''.
    """

    started_at: float
    finished_at: float
    outcome: DeliveryState
    host: str = ""
    port: int | None = None
    peer_address: str = ""
    phase: str = ""
    code: int | None = None
    enhanced_code: str = ""
    text: str = ""
    tls_level: str = ""
    tls_version: str | None = None
    tls_cipher: str | None = None
    peer_certificate: str = ""
    authenticated_by: str = ""
    policy: str = ""
    explanation: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.outcome.is_outcome:
            raise InvalidInput(
                f"an attempt cannot end as {self.outcome}", hint="Use sent, deferred or failed."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt made of a leased delivery.

    `next_attempt_at` is a time for DEFERRED, and None for SENT and FAILED. `state` may differ
    from the attempt's outcome: a deferral beyond the message's lifetime fails it.
    """

    delivery_id: int
    state: DeliveryState
    attempt: Attempt
    next_attempt_at: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.state.is_outcome:
            raise InvalidInput(
                f"a delivery cannot be settled as {self.state}",
                hint="Use sent, deferred or failed.",
            )
        if self.state.is_pending != (self.next_attempt_at is not None):
            raise InvalidInput(
                f"a delivery settled as {self.state} with next_attempt_at {self.next_attempt_at}",
                hint="Give a time for deferred, and only for deferred.",
            )


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list of messages, newest first; the next page begins behind it."""

    received_at: float
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """One line of the list of messages. `state` is the worst among its deliveries."""

    id: str
    received_at: float
    size: int
    reverse_path: str
    summary: Summary
    state: DeliveryState
    recipient_count: int

    @property
    def cursor(self) -> Cursor:
        """The place right behind this message."""
        return Cursor(self.received_at, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How far the message came for one recipient.

    `attempt_count` counts all attempts; `attempts` holds the latest of them, oldest first.
    `next_attempt_at` is None when no further attempt will be made.
    """

    id: int
    recipient: str
    domain: str
    state: DeliveryState
    attempt_count: int
    next_attempt_at: float | None
    reason: str
    updated_at: float
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDetail:
    """A message without its content: how it came in and where it went."""

    id: str
    received_at: float
    size: int
    reverse_path: str
    summary: Summary
    reception: Reception
    tls_requirement: TLSRequirement
    state: DeliveryState
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who logs in to the web pages; `password_hash` is an Argon2 string (RFC 9106)."""

    id: int
    name: str
    password_hash: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Credential:
    """What an SMTP client authenticates with (RFC 4954), its secret hashed.

    `scram_record` is None for one that was made before there were any, until it is next used.
    """

    id: int
    username: str
    secret_hash: bytes
    created_at: float
    scram_record: ScramRecord | None = None


@dataclass(frozen=True, slots=True)
class WebSession:
    """A login that has not expired; only the hash of its token is stored."""

    token_hash: bytes
    account_id: int
    account_name: str
    created_at: float
    expires_at: float
