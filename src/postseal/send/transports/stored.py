"""A message that was kept instead of being sent on: what it asked for, and its octets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from postseal.errors import PermanentlyRejected, Phase
from postseal.mail.envelope import Envelope
from postseal.send.outgoing import Outgoing, pieces_of
from postseal.send.results import Delivery
from postseal.send.session.converted import lines_of
from postseal.smtp.reply import Reply
from postseal.tls.levels import TLSOutcome

if TYPE_CHECKING:
    from postseal.mail.reading.message import ReceivedMessage

__all__ = ["MAX_OCTETS", "StoredMessage", "octets_of", "taken_here"]

MAX_OCTETS: Final = 64 * 1024 * 1024
"""The largest message that is kept in memory."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it would have travelled: the `octets`, and `outgoing`, which has them once more.

    `outgoing` goes to a server by any mailer's `send_many`, as it stands.
    """

    outgoing: Outgoing
    octets: bytes

    @classmethod
    async def keep(cls, outgoing: Outgoing, *, max_octets: int, host: str) -> Self:
        """Read a message that is on its way out.

        Raises `PermanentlyRejected` (552 5.3.4) above `max_octets`.
        """
        octets = bytearray()
        async for piece in octets_of(outgoing):
            octets += piece
            if len(octets) > max_octets:
                raise PermanentlyRejected(
                    f"the message has more than the {max_octets} octets that are kept here",
                    phase=Phase.BODY,
                    host=host,
                    code=552,
                    enhanced_code="5.3.4",
                )
        return cls.of(outgoing, bytes(octets))

    @classmethod
    def of(cls, outgoing: Outgoing, octets: bytes) -> Self:
        """Put an envelope and the octets of its message together."""
        return cls(replace(outgoing, content=(octets,), size=len(octets)), octets)

    @property
    def envelope(self) -> Envelope:
        """Who it is from, and to whom."""
        return self.outgoing.envelope

    @property
    def message(self) -> ReceivedMessage:
        """The message as its recipients would read it; taken apart anew each time."""
        from postseal.mail.reading.parser import parse

        return parse(self.octets)

    def __repr__(self) -> str:
        # Bodies and subjects do not belong in logs.
        recipients = len(self.envelope.recipients)
        return f"<StoredMessage of {len(self.octets)} octets to {recipients} recipients>"


async def octets_of(outgoing: Outgoing) -> AsyncIterator[bytes]:
    """Give the content with the line ends that it arrives with at a server."""
    lines = lines_of(outgoing)
    async for piece in pieces_of(outgoing.content):
        if data := lines.take(piece):
            yield data
    if data := lines.finish():
        yield data


def taken_here(outgoing: Outgoing, *, host: str, word: str) -> Delivery:
    """The outcome of a message that was taken for all its recipients, on this machine.

    No network and so no TLS was involved, and the reply is one that no server said.
    """
    recipients = outgoing.envelope.recipients
    reply = Reply(250, (word,), "2.0.0")
    return Delivery(
        accepted=recipients,
        verdicts=(reply,) * len(recipients),
        refused=(),
        reply=reply,
        host=host,
        peer_address="",
        tls=TLSOutcome.in_clear(),
    )
