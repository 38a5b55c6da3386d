"""The values of the JSON API, as its OpenAPI document describes them.

Times are RFC 3339 date-times in UTC; sizes are octets.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from postseal.serve.storage import Attempt, Delivery, DeliveryState, MessageDetail, MessageRow
from postseal.serve.web.hops import Seal, SealKind, attempt_seal, reception_seal
from postseal.serve.web.reading import Listing
from postseal.serve.web.rendering import Rendering
from postseal.tls.requiretls import TLSRequirement

__all__ = ["MessageModel", "MessagesModel"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class SealModel(_Model):
    """How well one hop was protected."""

    kind: SealKind = Field(
        description="clear: without TLS. not-reached: it ended before TLS, and nothing was handed "
        "over. encrypted: with TLS, the peer not authenticated. authenticated: with TLS, the peer "
        "authenticated. local: written by the platform itself, without a hop."
    )
    meaning: str = Field(description="The same in a sentence.")
    tls_version: str | None = Field(description="TLSv1.3, for one; null without TLS.")
    tls_cipher: str | None = Field(description="The cipher suite; null without TLS.")

    @classmethod
    def of(cls, seal: Seal, *, version: str | None, cipher: str | None) -> SealModel:
        """Join what was negotiated with what it means."""
        return cls(kind=seal.kind, meaning=seal.meaning, tls_version=version, tls_cipher=cipher)


class ReceptionModel(_Model):
    """The hop by which a message came in."""

    listener: str = Field(description="The listener's name in the configuration.")
    client_address: str = Field(description="The address it came from.")
    client_name: str = Field(description="What the client called itself in EHLO.")
    protocol: str = Field(description="A word of RFC 3848: ESMTPSA, for one.")
    authenticated_as: str | None = Field(description="The credential's name; null without AUTH.")
    seal: SealModel


class AttemptModel(_Model):
    """One try to hand the message to the next host."""

    started_at: datetime
    finished_at: datetime
    outcome: DeliveryState = Field(description="sent, deferred or failed.")
    host: str = Field(description="The host's name.")
    port: int | None = Field(description="The TCP port; null if no connection was tried.")
    peer_address: str = Field(description="The address it was reached at, empty if it was not.")
    phase: str = Field(description="The step at which it ended; empty for the end of a good one.")
    code: int | None = Field(description="The reply code that decided it (RFC 5321 4.2).")
    enhanced_code: str = Field(description="The enhanced status code (RFC 3463), or empty.")
    text: str = Field(description="The text of that reply, or what went wrong.")
    tls_level: str = Field(description="The TLS level that was reached.")
    peer_certificate: str = Field(description="SHA-256 fingerprint of the peer's certificate.")
    authenticated_by: str = Field(description="What proved who the peer is, or empty.")
    policy: str = Field(description="The TLS level that was asked for, and the rule that did.")
    explanation: tuple[str, ...] = Field(
        description="What each rule said of the TLS level and what came of it, a sentence each."
    )
    seal: SealModel

    @classmethod
    def of(cls, attempt: Attempt) -> AttemptModel:
        """Show one attempt."""
        return cls(
            started_at=_time(attempt.started_at),
            finished_at=_time(attempt.finished_at),
            outcome=attempt.outcome,
            host=attempt.host,
            port=attempt.port,
            peer_address=attempt.peer_address,
            phase=attempt.phase,
            code=attempt.code,
            enhanced_code=attempt.enhanced_code,
            text=attempt.text,
            tls_level=attempt.tls_level,
            peer_certificate=attempt.peer_certificate,
            authenticated_by=attempt.authenticated_by,
            policy=attempt.policy,
            explanation=attempt.explanation,
            seal=SealModel.of(
                attempt_seal(attempt), version=attempt.tls_version, cipher=attempt.tls_cipher
            ),
        )


class DeliveryModel(_Model):
    """How far the message came for one recipient."""

    recipient: str
    state: DeliveryState
    reason: str = Field(description="Why it is in this state, where that needs saying.")
    attempt_count: int = Field(description="How many attempts were made in all.")
    next_attempt_at: datetime | None = Field(description="Null when there will be none.")
    updated_at: datetime
    attempts: tuple[AttemptModel, ...] = Field(description="The latest ones, oldest first.")

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryModel:
        """Show one delivery."""
        due = delivery.next_attempt_at
        return cls(
            recipient=delivery.recipient,
            state=delivery.state,
            reason=delivery.reason,
            attempt_count=delivery.attempt_count,
            next_attempt_at=None if due is None else _time(due),
            updated_at=_time(delivery.updated_at),
            attempts=tuple(AttemptModel.of(attempt) for attempt in delivery.attempts),
        )


class MessageSummaryModel(_Model):
    """One line of the list."""

    id: str
    received_at: datetime
    size: int = Field(description="Octets as stored.")
    state: DeliveryState = Field(description="The worst state among the message's deliveries.")
    reverse_path: str = Field(description="MAIL FROM; empty for the null reverse-path.")
    subject: str
    header_from: str
    header_to: str
    header_message_id: str
    recipient_count: int

    @classmethod
    def of(cls, row: MessageRow) -> MessageSummaryModel:
        """Show one row."""
        return cls(
            id=row.id,
            received_at=_time(row.received_at),
            size=row.size,
            state=row.state,
            reverse_path=row.reverse_path,
            subject=row.summary.subject,
            header_from=row.summary.header_from,
            header_to=row.summary.header_to,
            header_message_id=row.summary.header_message_id,
            recipient_count=row.recipient_count,
        )


class MessagesModel(_Model):
    """Some messages, newest first."""

    messages: tuple[MessageSummaryModel, ...]
    counts: dict[DeliveryState, int] = Field(description="How many messages each state has in all.")
    older: str | None = Field(description="The `before` of the next page; null at the end.")

    @classmethod
    def of(cls, listing: Listing) -> MessagesModel:
        """Show one page of the list."""
        return cls(
            messages=tuple(MessageSummaryModel.of(row) for row in listing.rows),
            counts=dict(listing.counts),
            older=listing.older,
        )


class HeaderModel(_Model):
    """One header field, its value unfolded and decoded."""

    name: str
    value: str


class AttachmentModel(_Model):
    """One attachment."""

    filename: str = Field(description="Made safe: no path, no controls.")
    content_type: str
    size: int = Field(description="Octets, decoded.")
    href: str | None = Field(description="Where to get it; null if only the raw message has it.")


class MessageModel(_Model):
    """One message with its content, how it came in and where it went."""

    id: str
    received_at: datetime
    size: int = Field(description="Octets as stored.")
    state: DeliveryState = Field(description="The worst state among the message's deliveries.")
    reverse_path: str = Field(description="MAIL FROM; empty for the null reverse-path.")
    subject: str
    header_from: str
    header_to: str
    header_message_id: str
    tls_requirement: TLSRequirement = Field(
        description="What its sender asks of the whole way (RFC 8689); unstated for most."
    )
    reception: ReceptionModel
    deliveries: tuple[DeliveryModel, ...]
    headers: tuple[HeaderModel, ...]
    text: str | None = Field(description="The text part; null if there is none.")
    html: str | None = Field(description="The HTML part as its author wrote it: hostile input.")
    attachments: tuple[AttachmentModel, ...]
    notes: tuple[str, ...] = Field(description="What was left out of the above, and why.")
    raw: str = Field(description="Where to get the message octet for octet.")

    @classmethod
    def of(cls, detail: MessageDetail, content: Rendering) -> MessageModel:
        """Show one message."""
        place = f"/messages/{detail.id}"
        reception = detail.reception
        return cls(
            id=detail.id,
            received_at=_time(detail.received_at),
            size=detail.size,
            state=detail.state,
            reverse_path=detail.reverse_path,
            subject=detail.summary.subject,
            header_from=detail.summary.header_from,
            header_to=detail.summary.header_to,
            header_message_id=detail.summary.header_message_id,
            tls_requirement=detail.tls_requirement,
            reception=ReceptionModel(
                listener=reception.listener,
                client_address=reception.client_address,
                client_name=reception.client_name,
                protocol=reception.protocol,
                authenticated_as=reception.authenticated_as,
                seal=SealModel.of(
                    reception_seal(reception),
                    version=reception.tls_version,
                    cipher=reception.tls_cipher,
                ),
            ),
            deliveries=tuple(DeliveryModel.of(delivery) for delivery in detail.deliveries),
            headers=tuple(HeaderModel(name=h.name, value=h.value) for h in content.headers),
            text=content.text,
            html=content.html,
            attachments=tuple(
                AttachmentModel(
                    filename=a.filename,
                    content_type=a.content_type,
                    size=a.size,
                    href=None if a.content is None else f"{place}/attachments/{a.number}",
                )
                for a in content.attachments
            ),
            notes=content.notes,
            raw=f"{place}/raw",
        )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
