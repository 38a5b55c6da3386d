"""What became of a message: for each recipient the server's word, and how sealed the way was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from postseal.address import Address
from postseal.errors import (
    DeliveryUnknown,
    MailError,
    PermanentlyRejected,
    Phase,
    Rejected,
    TemporarilyRejected,
)

if TYPE_CHECKING:
    from postseal.smtp.protocol import Extension
    from postseal.smtp.reply import Reply
    from postseal.tls.levels import TLSOutcome

__all__ = ["Delivery", "Refusal", "rejection", "reply_for", "require_acceptance"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A recipient who was refused, in which phase and by which reply.

    With `is_unknown` the reply is none of the server's: the message was handed over, the connection
    broke before a word on this recipient was heard, and the message may have been taken.
    """

    recipient: Address
    phase: Phase
    reply: Reply
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outcome of one message at one server.

    `accepted` are the recipients for whom the server took responsibility (RFC 5321 4.2.5), and
    `verdicts` its replies, one for each of them: they differ in LMTP, and where the message went
    in several transactions. `reply` is the last word on the message. `host` is the server's name
    as asked for, `peer_address` where it was found, `tls` the seal of the connection.

    `is_converted`: the server does not take 8-bit content, and got it in 7 bits (RFC 6152 3).
    `dropped` are the extensions that the delivery options asked for and that could be left out,
    because the server does not offer them. `untried` are recipients whom the server was not asked
    to take: its limits for one session were reached (RFC 9422). Mailers go on with them over
    another connection, so that their results have none.

    Where the connection broke after the server had given some verdicts, the recipients without
    one are among `refused`, with the reply 421 4.4.2 that no server said.
    """

    accepted: tuple[Address, ...]
    refused: tuple[Refusal, ...]
    reply: Reply
    host: str
    peer_address: str
    tls: TLSOutcome
    verdicts: tuple[Reply, ...] = ()
    dropped: tuple[Extension, ...] = ()
    is_converted: bool = False
    untried: tuple[Address, ...] = ()

    def joined_with(self, later: Delivery) -> Delivery:
        """The outcome of this delivery and one of the same message to other recipients."""
        return replace(
            later,
            accepted=self.accepted + later.accepted,
            verdicts=self.verdicts + later.verdicts,
            refused=self.refused + later.refused,
        )

    def beside(self, other: Delivery) -> Delivery:
        """The outcome of this delivery and one of the same message at another server.

        Host, reply and seal are those of the one that was sealed less.
        """
        least = min(self, other, key=lambda one: one.tls.level)
        return replace(
            least,
            accepted=self.accepted + other.accepted,
            verdicts=self.verdicts + other.verdicts,
            refused=self.refused + other.refused,
            untried=self.untried + other.untried,
            dropped=tuple(dict.fromkeys(self.dropped + other.dropped)),
            is_converted=self.is_converted or other.is_converted,
        )

    def broken_off(self, recipients: Iterable[Address], error: MailError) -> Delivery:
        """The outcome when `error` came between the message and these recipients."""
        reply = reply_for(error)
        phase = error.phase or Phase.CONNECT
        is_unknown = isinstance(error, DeliveryUnknown)
        lost = tuple(Refusal(recipient, phase, reply, is_unknown) for recipient in recipients)
        return replace(self, refused=self.refused + lost, untried=())


def reply_for(error: MailError) -> Reply:
    """The reply that stands for what came in the way; RFC 3463 3.5 has the codes."""
    from postseal.smtp.reply import Reply

    text = error.text if error.text.isprintable() else ascii(error.text)
    if error.is_temporary:
        return Reply(421, (text,), "4.4.2")
    return Reply(554, (text,), error.enhanced_code or "5.4.0")


def require_acceptance(delivery: Delivery) -> Delivery:
    """Return a delivery that reached somebody; raise what kept one from reaching anybody.

    That is `Rejected`, or `DeliveryUnknown` where not all of it is known.
    """
    if delivery.accepted:
        return delivery
    # Temporary if any refusal is: whoever tries again may reach that recipient.
    refusals = sorted(
        delivery.refused, key=lambda one: (not one.is_unknown, not one.reply.is_temporary)
    )
    raise rejection(refusals[0], host=delivery.host)


def rejection(refusal: Refusal, *, host: str) -> Rejected | DeliveryUnknown:
    """The error that says the same as a refusal."""
    if refusal.is_unknown:
        return DeliveryUnknown(
            refusal.reply.text, phase=refusal.phase, host=host, recipient=str(refusal.recipient)
        )
    kind = TemporarilyRejected if refusal.reply.is_temporary else PermanentlyRejected
    return kind(
        refusal.reply.text or "refused without a word",
        phase=refusal.phase,
        host=host,
        code=refusal.reply.code,
        enhanced_code=refusal.reply.enhanced_code,
        recipient=str(refusal.recipient),
    )
