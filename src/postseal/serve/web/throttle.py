"""A limit on guessing: how many passwords may be tried for one key, and how soon again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

__all__ = ["Throttle", "client_network"]


@dataclass(slots=True)
class _Bucket:
    tries: float
    filled_at: float


class Throttle:
    """A bucket of tries for each key: `burst` at once, then one for each `seconds_each`.

    `take` pays for a try before its outcome is known, so that tries side by side cannot exceed
    the limit; `forgive` gives them back after a success. No more than `capacity` keys are kept:
    the one that was used longest ago goes first. Times are seconds of `clock`.
    """

    def __init__(
        self,
        *,
        burst: int,
        seconds_each: float,
        clock: Callable[[], float],
        capacity: int = 10_000,
    ) -> None:
        self._burst = burst
        self._seconds_each = seconds_each
        self._clock = clock
        self._capacity = capacity
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> float:
        """Pay for one try of `key`: 0.0 if it is allowed, else the seconds until one will be."""
        now = self._clock()
        bucket = self._buckets.pop(key, None) or _Bucket(float(self._burst), now)
        # A clock that is set back must not lock anybody out, nor give tries for nothing.
        elapsed = max(0.0, now - bucket.filled_at)
        bucket.tries = min(float(self._burst), bucket.tries + elapsed / self._seconds_each)
        bucket.filled_at = now
        self._buckets[key] = bucket
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)
        if bucket.tries < 1.0:
            return (1.0 - bucket.tries) * self._seconds_each
        bucket.tries -= 1.0
        return 0.0

    def forgive(self, key: str) -> None:
        """Forget the tries of `key`: whoever it was knew the password."""
        self._buckets.pop(key, None)

    def __len__(self) -> int:
        return len(self._buckets)


def client_network(address: str) -> str:
    """Give what one client can be told by: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        # One customer gets at least a /64 (RFC 6177), so single addresses say nothing.
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)
