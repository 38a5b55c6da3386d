"""Where a client stands in a session, and what it may say there: one table."""

from __future__ import annotations

from enum import Enum, unique
from typing import Final

from postseal.smtp.commands import (
    Auth,
    AuthCancel,
    AuthResponse,
    Command,
    Data,
    Ehlo,
    Helo,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTLS,
)
from postseal.smtp.xclient import Xclient

__all__ = ["ALLOWED", "ENDS_A_GROUP", "MOVES", "ClientState"]


@unique
class ClientState(Enum):
    """Where the client stands, counting what it has said and not yet heard answered."""

    CONNECTED = "waiting for the greeting"
    GREETED = "greeted"
    READY = "ready"
    STARTING_TLS = "waiting for the reply to STARTTLS"
    HANDSHAKE = "in the TLS handshake"
    AUTHENTICATING = "authenticating"
    TRANSACTION = "in a transaction"
    DATA_SENT = "waiting for the reply to DATA"
    BODY = "sending the body"
    CHUNKING = "sending chunks"
    CHUNK_REFUSED = "in a transaction of which a chunk was refused"
    QUITTING = "saying goodbye"
    CLOSED = "closed"


_S = ClientState

# Sending moves on; some replies move back. Chunks are no commands of their own here: they come
# by `write_chunk`, in TRANSACTION and in CHUNKING.
ALLOWED: Final[dict[ClientState, tuple[type[Command], ...]]] = {
    _S.CONNECTED: (),
    _S.GREETED: (Ehlo, Helo, Lhlo, Quit),
    _S.READY: (Ehlo, Helo, Lhlo, StartTLS, Xclient, Auth, Mail, Rset, Noop, Quit),
    _S.STARTING_TLS: (),
    _S.HANDSHAKE: (),
    _S.AUTHENTICATING: (AuthResponse, AuthCancel),
    _S.TRANSACTION: (Rcpt, Data, Rset, Noop, Quit),
    _S.DATA_SENT: (),
    _S.BODY: (),
    _S.CHUNKING: (Rset, Noop, Quit),
    _S.CHUNK_REFUSED: (Rset, Noop, Quit),
    _S.QUITTING: (),
    _S.CLOSED: (),
}
"""What may be said in which state."""

MOVES: Final[dict[type[Command], ClientState]] = {
    StartTLS: _S.STARTING_TLS,
    Auth: _S.AUTHENTICATING,
    Mail: _S.TRANSACTION,
    Data: _S.DATA_SENT,
    Rset: _S.READY,
    Quit: _S.QUITTING,
}
"""Where saying a command leads."""

ENDS_A_GROUP: Final = (Ehlo, Helo, StartTLS, Xclient, Auth, AuthResponse, AuthCancel, Data, Quit)
"""What changes what may follow, so that nothing may be sent behind it unanswered (RFC 2920 3.1)."""
