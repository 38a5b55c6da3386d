"""How fast messages may leave: a place in time for each."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from postseal.errors import InvalidSetting, TimedOut
from postseal.send.networks.network import Network

__all__ = ["Pace", "Rate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many messages may begin in a second: of a mailer, and of each of its connections.

    None stands for any number. `burst` messages may begin at once after a pause; those behind them
    keep their distance. Raises `InvalidSetting`.
    """

    per_second: float | None = None
    per_connection: float | None = None
    burst: int = 1

    def __post_init__(self) -> None:
        for rate in (self.per_second, self.per_connection):
            if rate is not None and not 0 < rate <= 1e6:
                raise InvalidSetting("a rate must be more than 0 messages a second")
        if self.burst < 1:
            raise InvalidSetting("burst must be at least 1")


class Pace:
    """Gives out moments that lie `1 / per_second` apart; shared by any number of threads or tasks.

    This is the generic cell rate algorithm: one number is all that has to be remembered.
    """

    def __init__(self, network: Network, per_second: float | None, *, burst: int = 1) -> None:
        self._network = network
        self._gap = 0.0 if per_second is None else 1.0 / per_second
        self._slack = self._gap * (burst - 1)
        self._lock = threading.Lock()
        self._next = 0.0

    def is_free(self) -> bool:
        """Tell whether the present moment can be had."""
        return not self._gap or self._next - self._slack <= self._network.now()

    async def take(self, *, deadline: float) -> None:
        """Take the next free moment, and wait for it. Raises `TimedOut` where it comes too late."""
        if not self._gap:
            return
        now = self._network.now()
        with self._lock:
            moment = max(self._next - self._slack, now)
            if moment >= deadline:
                raise TimedOut(
                    f"the rate of messages would let this one begin in {moment - now:.0f} seconds",
                    hint="Allow a higher rate, or more time: Timeouts(total=...).",
                )
            self._next = max(self._next, now) + self._gap
        if moment > now:
            await self._network.sleep(moment - now)
