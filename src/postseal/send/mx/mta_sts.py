"""MTA-STS discovery: the policy to apply to a domain, fetched, refreshed and remembered (RFC 8461).

A policy that was fetched once holds for its max_age, whatever becomes of the domain's DNS and web
server meanwhile: an attacker who suppresses both must not get rid of it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from postseal.address import ascii_domain
from postseal.dns import NameDoesNotExist, Resolver, ResolverFailure
from postseal.errors import (
    CertificateRejected,
    MailError,
    MissingExtra,
    PolicyUnavailable,
    TLSResultType,
)
from postseal.send.mx.policy_cache import CachedPolicy, MemoryPolicyCache, PolicyCache
from postseal.send.networks.https import HTTPSRequest, HTTPSResponse, exchange
from postseal.send.networks.network import Gate, Network
from postseal.tls import Trust
from postseal.tls.mta_sts import (
    MAX_POLICY_SIZE,
    MTAStsPolicy,
    MTAStsRecord,
    policy_host,
    record_name,
)

__all__ = ["DiscoveredPolicy", "PolicyFinder", "fetch_policy"]

_PATH: Final = "/.well-known/mta-sts.txt"
# RFC 8461 3.3: a suggested timeout is one minute.
_TIMEOUT: Final = 60.0
# RFC 8461 3.3: no further attempts for five minutes or longer.
_PAUSE: Final = 300.0
_MAX_FAILURES: Final = 10_000


@dataclass(frozen=True, slots=True)
class DiscoveredPolicy:
    """What is to be applied to a domain: None where it has no policy that we know of.

    `problem` is what went wrong with the record or the fetch, for logs and reports. With a
    policy beside it, that is the cached one, and the domain cannot be asked whether it still wants
    it; without one, mail goes as if there were no MTA-STS (RFC 8461 3.3).
    """

    domain: str
    policy: MTAStsPolicy | None
    problem: PolicyUnavailable | None = None


@dataclass(frozen=True, slots=True)
class _Failure:
    """A problem not to be run into again for a while; an id of None is that of the lookup."""

    id: str | None
    problem: PolicyUnavailable
    until: float


@dataclass(slots=True)
class _Turn:
    gate: Gate
    waiting: int = 0


class PolicyFinder:
    """Finds the MTA-STS policies of domains, over either network.

    `trust` says who vouches for web servers. `clock` gives seconds since the epoch; `timeout` is
    in seconds for one fetch. Tasks or threads may share a finder: a domain is asked by one at a
    time, the others then take what it got.
    """

    def __init__(
        self,
        network: Network,
        resolver: Resolver,
        *,
        cache: PolicyCache | None = None,
        trust: Trust | None = None,
        clock: Callable[[], float] = time.time,
        timeout: float = _TIMEOUT,
    ) -> None:
        self._network = network
        self._resolver = resolver
        self._cache = cache or MemoryPolicyCache()
        self._trust = trust
        self._clock = clock
        self._timeout = timeout
        self._failures: dict[str, _Failure] = {}
        self._turns: dict[str, _Turn] = {}
        self._lock = threading.Lock()

    async def find(self, domain: str, *, deadline: float | None = None) -> DiscoveredPolicy:
        """Find the policy for mail to `domain`: what is behind the @, or a smart host.

        Without a deadline, all of it takes the finder's `timeout` at most. A parent's policy is
        none of its subdomains' (RFC 8461 3.4). Raises `TimedOut` when others ask for the same
        domain until `deadline`, `InvalidAddress` for what is no domain, and what the cache raises;
        trouble of the domain's is in the result.
        """
        domain = ascii_domain(domain)
        if domain.startswith("["):
            # An address literal has no DNS to announce anything in.
            return DiscoveredPolicy(domain, None)
        if deadline is None:
            deadline = self._network.now() + self._timeout
        async with self._turn(domain, deadline):
            return await self._find(domain, deadline)

    async def refresh(self) -> tuple[DiscoveredPolicy, ...]:
        """Fetch again what is due (see `CachedPolicy.refresh_at`); to be called every few hours.

        Gives what was found, one domain after another; problems among it deserve a person's
        attention, unless the policy's mode is none (RFC 8461 3.3).
        """
        found = []
        for domain in await self._cache.domains():
            cached = await self._cache.get(domain)
            if cached is not None and self._clock() >= cached.refresh_at:
                found.append(await self.find(domain))
        return tuple(found)

    async def _find(self, domain: str, deadline: float) -> DiscoveredPolicy:
        cached = await self._live(domain)
        policy = cached.policy if cached else None
        failure = self._remembered(domain)
        if failure is not None and failure.id is None:
            return DiscoveredPolicy(domain, policy, failure.problem)
        try:
            record = await self._record(domain)
        except PolicyUnavailable as problem:
            return DiscoveredPolicy(domain, policy, problem)
        # RFC 8461 5.1: without a record, what is cached still holds.
        if record is None or (cached and cached.id == record.id and not self._is_due(cached)):
            return DiscoveredPolicy(domain, policy)
        if failure is not None and failure.id == record.id:
            return DiscoveredPolicy(domain, policy, failure.problem)
        try:
            fetched = await fetch_policy(
                self._network,
                domain,
                trust=self._trust,
                deadline=min(deadline, self._network.now() + self._timeout),
            )
        except PolicyUnavailable as problem:
            self._remember(domain, record.id, problem)
            return DiscoveredPolicy(domain, policy, problem)
        self._failures.pop(domain, None)
        await self._cache.put(domain, CachedPolicy(record.id, fetched, self._clock()))
        return DiscoveredPolicy(domain, fetched)

    async def _live(self, domain: str) -> CachedPolicy | None:
        cached = await self._cache.get(domain)
        if cached is not None and self._clock() >= cached.expires_at:
            await self._cache.remove(domain)
            return None
        return cached

    async def _record(self, domain: str) -> MTAStsRecord | None:
        try:
            answer = await self._resolver.txt(record_name(domain))
        except NameDoesNotExist:
            return None
        except ResolverFailure as error:
            problem = _unavailable(domain, error, TLSResultType.STS_POLICY_FETCH_ERROR)
            self._remember(domain, None, problem)
            raise problem from error
        try:
            return MTAStsRecord.among(answer.records)
        except PolicyUnavailable as problem:
            problem.at(host=record_name(domain))
            raise

    def _is_due(self, cached: CachedPolicy) -> bool:
        return self._clock() >= cached.refresh_at

    def _remembered(self, domain: str) -> _Failure | None:
        failure = self._failures.get(domain)
        return failure if failure is not None and self._clock() < failure.until else None

    def _remember(self, domain: str, identifier: str | None, problem: PolicyUnavailable) -> None:
        with self._lock:
            self._failures.pop(domain, None)
            self._failures[domain] = _Failure(identifier, problem, self._clock() + _PAUSE)
            if len(self._failures) > _MAX_FAILURES:
                del self._failures[next(iter(self._failures))]

    @contextlib.asynccontextmanager
    async def _turn(self, domain: str, deadline: float) -> AsyncIterator[None]:
        with self._lock:
            turn = self._turns.setdefault(domain, _Turn(self._network.gate(1)))
            turn.waiting += 1
        try:
            await turn.gate.enter(deadline)
            try:
                yield
            finally:
                turn.gate.leave()
        finally:
            with self._lock:
                turn.waiting -= 1
                if not turn.waiting:
                    del self._turns[domain]


async def fetch_policy(
    network: Network, domain: str, *, trust: Trust | None = None, deadline: float
) -> MTAStsPolicy:
    """Fetch a domain's policy file and read it (RFC 8461 3.3).

    No redirect is followed and nothing but 200 and text/plain taken. `domain` is in A-labels,
    `deadline` on the network's clock and for all of it. Raises `PolicyUnavailable`, whose
    `result_type` tells a web server that did not prove who it is from one that is not there and
    from a policy that is none; and `MissingExtra`.
    """
    host = policy_host(domain)
    request = HTTPSRequest(host=host, target=_PATH, headers=(("Accept", "text/plain"),))
    try:
        response = await exchange(
            network, request, trust=trust, deadline=deadline, max_size=MAX_POLICY_SIZE
        )
    except MissingExtra:
        raise
    except CertificateRejected as error:
        raise _unavailable(domain, error, TLSResultType.STS_WEBPKI_INVALID) from error
    except MailError as error:
        raise _unavailable(domain, error, TLSResultType.STS_POLICY_FETCH_ERROR) from error
    if response.status != 200:
        raise PolicyUnavailable(
            f"the web server answers {response.status} in place of the policy",
            host=host,
            code=response.status,
        )
    if fault := _media_fault(response):
        raise PolicyUnavailable(fault, host=host)
    try:
        return MTAStsPolicy.parse(response.body)
    except PolicyUnavailable as error:
        error.at(host=host)
        raise


def _media_fault(response: HTTPSResponse) -> str:
    # RFC 8461 3.3: so that no user of a web server can put a policy there; parameters are ignored.
    content_type = response.header("Content-Type") or ""
    if content_type.partition(";")[0].strip().lower() != "text/plain":
        return f"the policy is not text/plain but {content_type[:60]!a}"
    if (response.header("Content-Encoding") or "identity").strip().lower() != "identity":
        return "the policy is encoded, although that was not asked for"
    return ""


def _unavailable(domain: str, error: MailError, result_type: TLSResultType) -> PolicyUnavailable:
    return PolicyUnavailable(
        f"the MTA-STS policy of {domain} cannot be had: {error.text}",
        result_type=result_type,
        phase=error.phase,
        host=error.host,
    )
