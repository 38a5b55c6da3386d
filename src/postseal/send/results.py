"""What became of a message: for each recipient the server's word, and how sealed the way was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from postseal.address import Address
from postseal.errors import MailError, PermanentlyRejected, Phase, Rejected, TemporarilyRejected
from postseal.smtp import Reply
from postseal.smtp.protocol import Extension
from postseal.tls import TLSOutcome

__all__ = ["Delivery", "Refusal", "rejection", "reply_for", "require_acceptance"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A recipient who was refused, in which phase and by which reply."""

    recipient: Address
    phase: Phase
    reply: Reply


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
    one are among `refused`, with the reply 421 4.4.2 that no server said: try them again.
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

    def broken_off(self, recipients: Iterable[Address], error: MailError) -> Delivery:
        """The outcome when `error` came between the message and these recipients."""
        reply = reply_for(error)
        phase = error.phase or Phase.CONNECT
        lost = tuple(Refusal(recipient, phase, reply) for recipient in recipients)
        return replace(self, refused=self.refused + lost, untried=())


def reply_for(error: MailError) -> Reply:
    """The reply that stands for what broke a connection; RFC 3463 3.5 has the code."""
    text = error.text if error.text.isprintable() else ascii(error.text)
    return Reply(421, (text,), "4.4.2")


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
