"""Where MTA-STS policies are kept while they are valid (RFC 8461 3.3, 5.1)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from postseal.tls.mta_sts import MTAStsPolicy

__all__ = ["CachedPolicy", "MemoryPolicyCache", "PolicyCache"]

_MAX_DOMAINS: Final = 10_000
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class CachedPolicy:
    """A policy, the id of the record that announced it, and when it was fetched.

    Times are in seconds since the epoch, for a policy outlives the process that fetched it.
    """

    id: str
    policy: MTAStsPolicy
    fetched_at: float

    @property
    def expires_at(self) -> float:
        """When it is valid no more, unless it is fetched again."""
        return self.fetched_at + self.policy.max_age

    @property
    def refresh_at(self) -> float:
        """When to fetch it again although its id has not changed.

        Daily as RFC 8461 3.3 suggests, and early enough that there is time for another try.
        """
        return self.fetched_at + min(_DAY, self.policy.max_age / 2)


class PolicyCache(Protocol):
    """Keeps one policy for each domain. Domains are in A-labels and lower case.

    Losing a policy before it expires lets an attacker suppress it: what can be lost by a restart
    serves tests and short runs alone. Methods may raise `MailError`.
    """

    async def get(self, domain: str) -> CachedPolicy | None:
        """Give what was put for the domain, expired or not."""
        ...

    async def put(self, domain: str, cached: CachedPolicy) -> None:
        """Keep it in the place of what was there."""
        ...

    async def remove(self, domain: str) -> None:
        """Forget it; nothing happens where there is none."""
        ...

    async def domains(self) -> tuple[str, ...]:
        """Name the domains of which there is a policy."""
        ...


class MemoryPolicyCache(PolicyCache):
    """Keeps policies as long as the process lives, at most `max_domains`.

    It begins with `policies`. When it is full, the one that would expire first makes room. Threads
    may share it.
    """

    def __init__(
        self,
        *,
        max_domains: int = _MAX_DOMAINS,
        policies: Mapping[str, CachedPolicy] | None = None,
    ) -> None:
        self._max_domains = max_domains
        self._policies = dict(policies or {})
        self._lock = threading.Lock()

    async def get(self, domain: str) -> CachedPolicy | None:
        return self._policies.get(domain)

    async def put(self, domain: str, cached: CachedPolicy) -> None:
        with self._lock:
            self._policies[domain] = cached
            while len(self._policies) > self._max_domains:
                del self._policies[min(self._policies, key=self._expiry)]

    async def remove(self, domain: str) -> None:
        with self._lock:
            self._policies.pop(domain, None)

    async def domains(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._policies)

    def _expiry(self, domain: str) -> float:
        return self._policies[domain].expires_at
