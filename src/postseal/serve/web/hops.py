"""What is said of the seal on each hop: the words for pages and API alike.

A hop in clear is named as that. An attempt that ended before TLS was reached handed nothing
over, which is another thing and is told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from postseal.errors import Phase
from postseal.serve.storage import Attempt, DeliveryState, Reception

__all__ = ["Seal", "SealKind", "attempt_seal", "reception_seal"]


@unique
class SealKind(StrEnum):
    """How well one hop was protected."""

    CLEAR = "clear"
    NOT_REACHED = "not-reached"
    ENCRYPTED = "encrypted"
    AUTHENTICATED = "authenticated"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Seal:
    """The protection of one hop: its kind, a label of a few words, and what that means."""

    kind: SealKind
    label: str
    meaning: str


_BEFORE_TLS: Final = frozenset(
    {
        Phase.RESOLVE,
        Phase.CONNECT,
        Phase.GREETING,
        Phase.EHLO,
        Phase.STARTTLS,
        Phase.HANDSHAKE,
    }
)


def reception_seal(reception: Reception) -> Seal:
    """Say how the message was protected on its way in."""
    if not reception.protocol:
        return Seal(SealKind.LOCAL, "Made here", "The platform wrote it itself.")
    if reception.tls_version is None:
        return Seal(
            SealKind.CLEAR,
            "No TLS",
            "Came in over a connection in clear: all on the way could read and change it.",
        )
    client = (
        "The client proved who it is with its credential."
        if reception.authenticated_as
        else "Who the client is was not proved."
    )
    kind = SealKind.AUTHENTICATED if reception.authenticated_as else SealKind.ENCRYPTED
    return Seal(kind, reception.tls_version, f"Came in encrypted. {client}")


def attempt_seal(attempt: Attempt) -> Seal:
    """Say how the message was protected, or would have been, in one attempt to deliver it."""
    if attempt.tls_version is None:
        was_early = attempt.phase in _BEFORE_TLS or not attempt.peer_address
        if attempt.outcome is not DeliveryState.SENT and was_early:
            return Seal(
                SealKind.NOT_REACHED,
                "Nothing handed over",
                "It ended before TLS was there. No sender, recipient or content was sent.",
            )
        return Seal(
            SealKind.CLEAR,
            "No TLS",
            "The connection was in clear: all on the way could read and change what was sent.",
        )
    if attempt.authenticated_by:
        return Seal(
            SealKind.AUTHENTICATED,
            attempt.tls_version,
            f"Encrypted, and the server proved who it is by {attempt.authenticated_by}.",
        )
    return Seal(
        SealKind.ENCRYPTED,
        attempt.tls_version,
        "Encrypted, but the server did not prove who it is: "
        "somebody on the way could have answered in its place.",
    )
