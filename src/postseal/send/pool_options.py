"""How many connections are kept, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from postseal.errors import InvalidSetting

__all__ = ["PoolOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """How many connections a mailer has, and when it replaces one; times are in seconds.

    `max_connections` is a cap on those that are open or being opened, in use or not. `min_idle`
    are kept open and unused, as far as the cap allows, so that no message waits for TLS. One that
    nobody used for `max_idle`, that is older than `max_lifetime` or has carried `max_messages` is
    closed; the last two end a connection between two messages only. Raises `InvalidSetting`.
    """

    max_connections: int = 5
    min_idle: int = 0
    # Servers close what idles; RFC 5321 4.5.3.2.7 lets them after five minutes, many do earlier.
    max_idle: float = 60.0
    max_lifetime: float = 3600.0
    max_messages: int | None = None

    def __post_init__(self) -> None:
        if self.max_connections < 1:
            raise InvalidSetting("max_connections must be at least 1")
        if not 0 <= self.min_idle <= self.max_connections:
            raise InvalidSetting("min_idle must be between 0 and max_connections")
        if not (self.max_idle > 0 and self.max_lifetime > 0):
            raise InvalidSetting("max_idle and max_lifetime must be more than 0 seconds")
        if self.max_messages is not None and self.max_messages < 1:
            raise InvalidSetting("max_messages must be at least 1, or None for any number")
