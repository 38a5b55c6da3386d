"""How long each step of a delivery may take."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

from postseal.errors import InvalidSetting, Phase

__all__ = ["Timeouts"]

# What poll(2) can count is 24 days; nobody waits that long for a mail server.
_MAX_SECONDS: Final = 86_400.0
_STEPS: Final = {
    Phase.GREETING: "greeting",
    Phase.HANDSHAKE: "handshake",
    Phase.BODY: "end_of_data",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds for each step, and for the whole operation.

    RFC 5321 4.5.3.2 asks relays for minutes at most steps; `for_relays` follows it. The defaults
    are for programs with a person or a request waiting. Raises `InvalidSetting` for what is not
    between 0 and a day.
    """

    connect: float = 20.0
    greeting: float = 60.0
    handshake: float = 30.0
    command: float = 60.0
    body_block: float = 120.0
    end_of_data: float = 300.0
    total: float = 600.0

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            if not 0 < getattr(self, name) <= _MAX_SECONDS:
                raise InvalidSetting(
                    f"the timeout {name} must be more than 0 seconds and at most a day"
                )

    @classmethod
    def for_relays(cls) -> Timeouts:
        """What RFC 5321 4.5.3.2 asks for, with a shorter connect: there are other hosts to try."""
        return cls(
            connect=30.0,
            greeting=300.0,
            handshake=60.0,
            command=300.0,
            body_block=180.0,
            end_of_data=600.0,
            total=3600.0,
        )

    @classmethod
    def within(cls, total: float) -> Timeouts:
        """Give the whole operation `total` seconds, for callers who think in one number.

        Where that is more than the default, each step may take longer in the same proportion.
        """
        usual, whole = cls(), cls(total=total)
        factor = max(1.0, whole.total / usual.total)
        steps = [field.name for field in fields(cls) if field.name != "total"]
        return replace(whole, **{step: factor * getattr(usual, step) for step in steps})

    def of(self, phase: Phase) -> float:
        """The seconds for waiting in `phase`."""
        seconds: float = getattr(self, _STEPS.get(phase, "command"))
        return seconds
