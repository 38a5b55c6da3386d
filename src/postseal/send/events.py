"""What happens while mail is sent, as values for metrics and traces.

They hold no address, no subject and no credential: what they say may be counted and kept. `seconds`
are those that the step took, on the network's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from postseal.errors import MailError, Phase
from postseal.tls.levels import TLSOutcome

__all__ = [
    "Authenticated",
    "ConnectionClosed",
    "ConnectionFailed",
    "ConnectionOpened",
    "HandshakeDone",
    "MessageRefused",
    "MessageSent",
    "Observer",
    "SendEvent",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOpened:
    """A connection was made; TLS and all else are still to come."""

    host: str
    port: int
    peer_address: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeDone:
    """A connection is under TLS, with what `tls` says."""

    host: str
    tls: TLSOutcome
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """The server took the credentials, by the SASL mechanism of that name (RFC 4422)."""

    host: str
    mechanism: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFailed:
    """A connection could not be made, sealed or authenticated; `kind` is the error's class."""

    host: str
    kind: type[MailError]
    phase: Phase | None
    code: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionClosed:
    """A connection that was opened is closed, by either side, after so many seconds."""

    host: str
    messages: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent:
    """A message was taken for `accepted` recipients and refused for `refused`."""

    host: str
    accepted: int
    refused: int
    code: int
    tls: TLSOutcome
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRefused:
    """A message was taken for nobody, as far as is known; `kind` is the error's class."""

    host: str
    kind: type[MailError]
    phase: Phase | None
    code: int | None
    enhanced_code: str | None
    is_temporary: bool
    seconds: float


SendEvent: TypeAlias = (
    ConnectionOpened
    | HandshakeDone
    | Authenticated
    | ConnectionFailed
    | ConnectionClosed
    | MessageSent
    | MessageRefused
)

Observer: TypeAlias = Callable[[SendEvent], None]
"""Is called with each event where it happens, and must not wait. What it raises is logged."""
