"""When a deferred delivery is tried again, and when it is given up (RFC 5321 4.5.4.1). Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from postseal.errors import InvalidInput

__all__ = ["RetrySchedule"]

_HOUR = 3600.0
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySchedule:
    """Waits that grow from `first` by `factor` up to `cap`, until a message is `lifetime` old.

    All in seconds. `jitter` is the largest share by which a wait is made longer or shorter, so
    that what failed together does not come back together.

    RFC 5321 4.5.4.1 asks for 30 minutes between attempts in general, allows cleverer strategies,
    and wants mail tried for at least 4 to 5 days. The defaults make seven attempts in the first
    65 minutes, because what fails first is mostly greylisting, which passes within minutes
    (RFC 6647), and then about one an hour for five days.
    """

    first: float = 60.0
    factor: float = 2.0
    cap: float = _HOUR
    jitter: float = 0.1
    lifetime: float = 5 * _DAY

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.cap < float("inf"):
            raise InvalidInput(
                f"waits from {self.first} to {self.cap} seconds",
                hint="The first wait is more than nothing, and the cap is not below it.",
            )
        if not 1 <= self.factor < float("inf"):
            raise InvalidInput(f"waits that grow by {self.factor}", hint="Use 1 or more.")
        if not 0 <= self.jitter < 1:
            raise InvalidInput(f"a jitter of {self.jitter}", hint="Use 0 or more and less than 1.")
        if not 0 < self.lifetime < float("inf"):
            raise InvalidInput(f"a lifetime of {self.lifetime} seconds", hint="Use more than 0.")

    def next_attempt(
        self, *, attempts: int, received_at: float, now: float, random: Callable[[], float]
    ) -> float | None:
        """The time of the next attempt, or None when the message has outlived its lifetime.

        `attempts` counts those made, the one that just failed included. The last attempt is at
        the very end of the lifetime. Times are in seconds since the epoch; `random` gives
        numbers from 0 to 1, like `random.random`.
        """
        if attempts < 1:
            raise InvalidInput(f"a retry after {attempts} attempts", hint="Count the failed one.")
        gives_up_at = received_at + self.lifetime
        if now >= gives_up_at:
            return None
        shift = 1 + self.jitter * (2 * random() - 1)
        return min(now + self._wait(attempts) * shift, gives_up_at)

    def _wait(self, attempts: int) -> float:
        try:
            return min(self.first * self.factor ** (attempts - 1), self.cap)
        except OverflowError:
            return self.cap
