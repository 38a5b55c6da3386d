"""What became of a message: for each recipient the server's word, and how sealed the way was."""

from __future__ import annotations

from dataclasses import dataclass

from postseal.address import Address
from postseal.errors import PermanentlyRejected, Phase, Rejected, TemporarilyRejected
from postseal.smtp import Reply
from postseal.tls import TLSOutcome

__all__ = ["Delivery", "Refusal", "rejection", "require_acceptance"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A recipient who was refused, in which phase and by which reply."""

    recipient: Address
    phase: Phase
    reply: Reply


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outcome of one message at one server.

    `accepted` are the recipients for whom the server took responsibility (RFC 5321 4.2.5);
    `reply` is its last word on the message. `host` is the server's name as asked for,
    `peer_address` where it was found, `tls` the seal of the connection.
    """

    accepted: tuple[Address, ...]
    refused: tuple[Refusal, ...]
    reply: Reply
    host: str
    peer_address: str
    tls: TLSOutcome


def require_acceptance(delivery: Delivery) -> Delivery:
    """Return a delivery that reached somebody; raise `Rejected` for one that reached nobody."""
    if delivery.accepted:
        return delivery
    # Temporary if any refusal is: whoever tries again may reach that recipient.
    refusals = sorted(delivery.refused, key=lambda one: not one.reply.is_temporary)
    raise rejection(refusals[0], host=delivery.host)


def rejection(refusal: Refusal, *, host: str) -> Rejected:
    """The error that says the same as a refusal."""
    kind = TemporarilyRejected if refusal.reply.is_temporary else PermanentlyRejected
    return kind(
        refusal.reply.text or "refused without a word",
        phase=refusal.phase,
        host=host,
        code=refusal.reply.code,
        enhanced_code=refusal.reply.enhanced_code,
        recipient=str(refusal.recipient),
    )
