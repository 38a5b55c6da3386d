"""How a hostile server differs from an honest one: raw steps at named moments of a session.

What no deviation speaks of, the honest engine does. The octets of a raw step are said as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import TypeAlias

__all__ = [
    "ANYTHING",
    "AUTH_RESPONSE",
    "CONNECT",
    "END_OF_DATA",
    "Advertise",
    "Answer",
    "Append",
    "Channel",
    "Deviation",
    "Drip",
    "Flood",
    "Then",
    "Trap",
]

CONNECT = "connection"
"""The moment at which the greeting is due."""
AUTH_RESPONSE = "response"
"""A line of the client inside an exchange of AUTH."""
END_OF_DATA = "."
"""The end of a body."""
ANYTHING = "*"
"""Whatever the client says; the greeting is none of it."""


@unique
class Channel(Enum):
    """Below which octets a deviation holds: those in clear, those under TLS, or all."""

    CLEAR = "clear"
    SEALED = "sealed"
    ANY = "any"


@unique
class Then(Enum):
    """What the server does behind a raw step."""

    GO_ON = "goes on as if the command had not come"
    OBEY = "goes on as if the honest engine had answered"
    CLOSE = "closes the connection"
    RESET = "resets the connection"
    CUT = "cuts the connection below TLS, without close_notify"
    STALL = "says nothing any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Say `raw` in place of the honest answer to `to`: a verb, or one of the named moments.

    With `times`, only to the first so many of a connection.
    """

    to: str
    raw: bytes
    then: Then = Then.GO_ON
    on: Channel = Channel.ANY
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Say `raw` behind the honest answer to `to`: in the same segment, or `seconds` later."""

    to: str
    raw: bytes
    on: Channel = Channel.ANY
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertise:
    """Change the reply to EHLO: keywords to leave out, and lines to add as they are."""

    without: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()
    on: Channel = Channel.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """Say everything one octet at a time, `seconds` apart."""

    seconds: float
    on: Channel = Channel.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """That the client says `to`, with `holding` in its line, shows that it believed a forgery.

    `told` says so in words that go on after "the client".
    """

    to: str
    told: str
    holding: bytes = b""
    on: Channel = Channel.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """Say `piece` over and over in place of the honest answer to `to`, `octets` in all.

    A client that takes all of them takes any number; the connection is closed then.
    """

    to: str
    piece: bytes
    octets: int
    on: Channel = Channel.ANY


Deviation: TypeAlias = Answer | Append | Advertise | Drip | Flood | Trap
