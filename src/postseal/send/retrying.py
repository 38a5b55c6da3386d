"""When a message is tried once more, and after how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from postseal.errors import DeliveryUnknown, InvalidSetting, MailError, StartTLSInjection
from postseal.send.results import Refusal

__all__ = ["RetryPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a message is tried, and how long is waited before it is tried again.

    Only what is temporary is tried again: a reply of 4yz, for the recipients that got it alone, and
    a server that cannot be reached, sealed or heard. What was lost behind the end of the data may
    have been taken, so it is left alone: another try might deliver it twice, which
    `dangerous_repeat_unknown` allows. So is a connection that somebody tampered with.

    There are `attempts` in all. The wait is `first_delay` seconds, then `factor` times as long as
    the one before, up to `max_delay`; a share of up to `jitter` is left out by chance, so that
    many clients do not come back together. An attempt that would begin behind the deadline of the
    whole (`Timeouts.total`) is not made. Raises `InvalidSetting`.
    """

    attempts: int = 3
    first_delay: float = 1.0
    factor: float = 2.0
    max_delay: float = 60.0
    jitter: float = 0.5
    dangerous_repeat_unknown: bool = False

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise InvalidSetting("attempts counts the first one: it must be at least 1")
        if self.first_delay < 0 or self.max_delay < self.first_delay or self.factor < 1:
            raise InvalidSetting("the delays of a RetryPolicy must be positive and must not shrink")
        if not 0 <= self.jitter <= 1:
            raise InvalidSetting("jitter is a share: it must be between 0 and 1")

    @classmethod
    def none(cls) -> Self:
        """One attempt and no more."""
        return cls(attempts=1)

    def delay(self, made: int, chance: float) -> float:
        """Seconds to wait after `made` attempts; `chance` is at random between 0 and 1."""
        try:
            full = self.first_delay * self.factor ** (made - 1)
        except OverflowError:
            full = self.max_delay
        return min(full, self.max_delay) * (1 - self.jitter * chance)

    def allows_after(self, made: int, failure: MailError | Refusal) -> bool:
        """Tell whether another attempt may follow, after `made` of them and such an end."""
        if made >= self.attempts:
            return False
        if isinstance(failure, Refusal):
            is_unknown, is_temporary = failure.is_unknown, failure.reply.is_temporary
        else:
            is_unknown, is_temporary = isinstance(failure, DeliveryUnknown), failure.is_temporary
        if is_unknown:
            return self.dangerous_repeat_unknown
        return is_temporary and not isinstance(failure, StartTLSInjection)
