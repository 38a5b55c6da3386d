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

__all__ = [
    "ALLOWED",
    "AUTHENTICATING",
    "BODY",
    "CHUNKING",
    "CHUNK_REFUSED",
    "CLOSED",
    "CONNECTED",
    "DATA_SENT",
    "ENDS_A_GROUP",
    "GREETED",
    "HANDSHAKE",
    "MOVES",
    "QUITTING",
    "READY",
    "STARTING_TLS",
    "TRANSACTION",
    "ClientState",
]


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

    # The tables below are looked up with every command, and `Enum.__hash__` is no C.
    __hash__ = object.__hash__


# The states by names of their own: on Python 3.11 reaching a member through its class takes ten
# times as long, and a session compares states with every reply.
AUTHENTICATING: Final = ClientState.AUTHENTICATING
BODY: Final = ClientState.BODY
CHUNKING: Final = ClientState.CHUNKING
CHUNK_REFUSED: Final = ClientState.CHUNK_REFUSED
CLOSED: Final = ClientState.CLOSED
CONNECTED: Final = ClientState.CONNECTED
DATA_SENT: Final = ClientState.DATA_SENT
GREETED: Final = ClientState.GREETED
HANDSHAKE: Final = ClientState.HANDSHAKE
QUITTING: Final = ClientState.QUITTING
READY: Final = ClientState.READY
STARTING_TLS: Final = ClientState.STARTING_TLS
TRANSACTION: Final = ClientState.TRANSACTION

# Sending moves on; some replies move back. Chunks are no commands of their own here: they come
# by `write_chunk`, in TRANSACTION and in CHUNKING.
ALLOWED: Final[dict[ClientState, tuple[type[Command], ...]]] = {
    CONNECTED: (),
    GREETED: (Ehlo, Helo, Lhlo, Quit),
    READY: (Ehlo, Helo, Lhlo, StartTLS, Xclient, Auth, Mail, Rset, Noop, Quit),
    STARTING_TLS: (),
    HANDSHAKE: (),
    AUTHENTICATING: (AuthResponse, AuthCancel),
    TRANSACTION: (Rcpt, Data, Rset, Noop, Quit),
    DATA_SENT: (),
    BODY: (),
    CHUNKING: (Rset, Noop, Quit),
    CHUNK_REFUSED: (Rset, Noop, Quit),
    QUITTING: (),
    CLOSED: (),
}
"""What may be said in which state."""

MOVES: Final[dict[type[Command], ClientState]] = {
    StartTLS: STARTING_TLS,
    Auth: AUTHENTICATING,
    Mail: TRANSACTION,
    Data: DATA_SENT,
    Rset: READY,
    Quit: QUITTING,
}
"""Where saying a command leads."""

ENDS_A_GROUP: Final = frozenset(
    {Ehlo, Helo, Lhlo, StartTLS, Xclient, Auth, AuthResponse, AuthCancel, Data, Quit}
)
"""What changes what may follow, so that nothing may be sent behind it unanswered (RFC 2920 3.1)."""
