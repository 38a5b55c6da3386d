"""A clock that stands still until it is told to move."""

from __future__ import annotations

__all__ = ["ManualClock"]


class ManualClock:
    """Seconds since an arbitrary beginning, as `time.monotonic` counts them."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Tell the time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`. Raises `ValueError` for a way back."""
        if seconds < 0:
            raise ValueError("a monotonic clock does not go back")
        self._now += seconds

    def advance_to(self, moment: float) -> None:
        """Move on to `moment`; stay where that has passed."""
        self._now = max(self._now, moment)
