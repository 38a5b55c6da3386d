"""The states of a server session, and which command is in order in which of them."""

from __future__ import annotations

from enum import Enum, unique
from typing import Final

from postseal.smtp.commands import (
    Auth,
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
from postseal.smtp.parse import Vrfy
from postseal.smtp.xclient import Xclient

__all__ = [
    "AUTHENTICATING",
    "BODY",
    "CHUNK",
    "CHUNKED",
    "CLOSED",
    "CONNECTED",
    "GREETED",
    "HANDSHAKE",
    "IN_CLEAR",
    "IN_ORDER",
    "READY",
    "TRANSACTION",
    "ServerState",
]


@unique
class ServerState(Enum):
    """Where the session stands."""

    CONNECTED = "before the greeting"
    GREETED = "waiting for EHLO"
    READY = "ready"
    TRANSACTION = "in a transaction"
    AUTHENTICATING = "waiting for a SASL response"
    HANDSHAKE = "in the TLS handshake"
    BODY = "taking the body"
    CHUNK = "taking a chunk of the body"
    CHUNKED = "between the chunks of a body"
    CLOSED = "closed"


# The states by names of their own: on Python 3.11 reaching a member through its class takes ten
# times as long, and a session compares states with every line.
AUTHENTICATING: Final = ServerState.AUTHENTICATING
BODY: Final = ServerState.BODY
CHUNK: Final = ServerState.CHUNK
CHUNKED: Final = ServerState.CHUNKED
CLOSED: Final = ServerState.CLOSED
CONNECTED: Final = ServerState.CONNECTED
GREETED: Final = ServerState.GREETED
HANDSHAKE: Final = ServerState.HANDSHAKE
READY: Final = ServerState.READY
TRANSACTION: Final = ServerState.TRANSACTION

_ANY_TIME = (GREETED, READY, TRANSACTION, CHUNKED)

# RFC 5321 4.1.4: which command is in order in which state; the others get 503. RFC 3030 2: once
# a chunk has come, only chunks go on with the transaction. BDAT itself has a rule of its own.
IN_ORDER: Final[dict[type[Command], tuple[ServerState, ...]]] = {
    Ehlo: _ANY_TIME,
    Helo: _ANY_TIME,
    Lhlo: _ANY_TIME,
    StartTLS: (READY,),
    Auth: (READY,),
    Mail: (READY,),
    Rcpt: (TRANSACTION,),
    Data: (TRANSACTION,),
    Rset: _ANY_TIME,
    Noop: _ANY_TIME,
    Vrfy: _ANY_TIME,
    Quit: _ANY_TIME,
    Xclient: (GREETED, READY),
}

# RFC 3207 4: what a server that requires TLS may answer in clear.
IN_CLEAR: Final = (Ehlo, Helo, Lhlo, Noop, StartTLS, Quit)
