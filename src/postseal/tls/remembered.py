"""The remembered level: where a destination was sealed before, falling below that is noticed.

A destination is what an attacker cannot choose: the domain of the recipient, not the server that
its unsigned MX records name today.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Protocol

from postseal.errors import InvalidInput
from postseal.tls.ladder import Stance, Statement
from postseal.tls.levels import SOUND_PROOFS, PolicySource, TLSLevel, TLSOutcome

__all__ = ["Fall", "LevelMemory", "RememberingRule", "Sighting"]

_DAY: Final = 86400.0
# A sighting that is confirmed is written anew only after this share of its lifetime.
_REFRESHED_AFTER: Final = 1 / 30


@unique
class Fall(StrEnum):
    """What comes of a connection below the remembered level."""

    IGNORE = "ignore"
    REPORT = "report"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class Sighting:
    """The level that a destination had, and when it was last confirmed, in epoch seconds."""

    level: TLSLevel
    seen_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberingRule:
    """How long a level is remembered, in seconds after it was last seen, and what it is worth."""

    fall: Fall = Fall.REPORT
    lifetime: float = 30 * _DAY

    def __post_init__(self) -> None:
        if not 0 < self.lifetime < float("inf"):
            raise InvalidInput(
                f"a level remembered for {self.lifetime} seconds", hint="Use more than 0."
            )

    def statement(
        self, destination: str, known: Sighting | None, *, now: float
    ) -> Statement | None:
        """What the memory says of a connection to the destination."""
        if known is None or self.fall is Fall.IGNORE or self._is_over(known, now):
            return None
        days = int(max(0.0, now - known.seen_at) / _DAY)
        return Statement(
            source=PolicySource.REMEMBERED,
            stance=Stance.REPORTS if self.fall is Fall.REPORT else Stance.REQUIRES,
            level=known.level,
            proofs=SOUND_PROOFS,
            found=f"{destination} was last seen at it {days} days ago",
            remedy=f"Wait until {int(self.lifetime / _DAY)} days have passed without it, have the "
            "memory forget the destination, or let a fall be reported only.",
        )

    def updated(
        self, known: Sighting | None, outcome: TLSOutcome, *, now: float
    ) -> Sighting | None:
        """What to remember after a connection; the very same value where nothing is to be written.

        A lower level neither replaces nor confirms a higher one that is still remembered.
        """
        if known is not None and self._is_over(known, now):
            known = None
        if known is not None and outcome.level < known.level:
            return known
        if outcome.level <= TLSLevel.OPPORTUNISTIC:
            return None
        fresh = Sighting(outcome.level, now)
        if known is None or known.level < fresh.level:
            return fresh
        return fresh if now - known.seen_at > self.lifetime * _REFRESHED_AFTER else known

    def _is_over(self, known: Sighting, now: float) -> bool:
        return now - known.seen_at > self.lifetime


class LevelMemory(Protocol):
    """Where sightings are kept, by destination in A-labels; bounded by who implements it."""

    async def recall(self, destination: str) -> Sighting | None:
        """Give what is known of a destination."""

    async def remember(self, destination: str, sighting: Sighting | None) -> None:
        """Replace what is known of a destination; None forgets it."""
