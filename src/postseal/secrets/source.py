"""A secret by its reference: fetched when needed, kept for a while, fetched anew once refused."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, final

from postseal.errors import InvalidSetting, MailError, SecretDenied, SecretError, SecretUnreachable
from postseal.secrets.access import Access, AccessLog, Outcome, log_access
from postseal.secrets.opaque import Secret
from postseal.secrets.provider import (
    Need,
    Provider,
    SecretReference,
    SecretVersion,
    provider_of,
)

__all__ = ["SecretSource", "secret"]

# A lease is renewed, or a new one taken, in the last tenth of its life, but not hours before.
_MARGIN: Final = 0.1
_MAX_MARGIN: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Kept:
    version: SecretVersion
    fetched: float
    due: float


@dataclass(frozen=True, slots=True)
class _Flight:
    need: Need
    process: int
    result: Future[SecretVersion]


@final
class SecretSource:
    """Where a secret comes from, and the version that is in use; for any number of threads.

    What was fetched is kept for `lifetime` seconds, or until shortly before it expires. However
    many ask at once, the provider is asked one time, for at most `patience` seconds. While the
    provider cannot be reached, what it gave last is good for another `grace` seconds, unless it
    expires; a provider that says no is obeyed at once. Each access is told to `log`.

    Raises `InvalidReference` for a `reference` that is none, and `InvalidSetting` for times that
    are not positive. `clock` is in seconds since the epoch and `monotonic` never goes back.
    """

    def __init__(
        self,
        reference: str | SecretReference,
        *,
        provider: Provider | None = None,
        lifetime: float = 300.0,
        grace: float = 3600.0,
        patience: float = 30.0,
        log: AccessLog = log_access,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not (lifetime >= 0 and grace >= 0 and patience > 0):
            raise InvalidSetting("lifetime and grace are not negative, and patience is positive")
        if isinstance(reference, str):
            reference = SecretReference.parse(reference)
        self.reference = reference
        self._provider = provider
        self._lifetime = lifetime
        self._grace = grace
        self._patience = patience
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: _Kept | None = None
        self._flight: _Flight | None = None

    def get(self, *, timeout: float = 30.0) -> SecretVersion:
        """Give the secret with its version and end; waits up to `timeout` seconds.

        Raises the `SecretError`s of `Provider.fetch`, without the frames of the provider, which
        may hold the value.
        """
        return self._wait(self._kept_or_asked(None), timeout)

    def replace(self, refused: Secret, *, timeout: float = 30.0) -> SecretVersion | None:
        """Give what is in force now that `refused` was; None where that is still the same.

        Waits and raises as `get` does.
        """
        deadline = time.monotonic() + timeout
        while True:
            asked = self._kept_or_asked(refused)
            version = self._wait(asked, deadline - time.monotonic())
            if version.secret != refused:
                return version
            if isinstance(asked, _Flight) and asked.need is Need.REPLACEMENT:
                return None

    def forget(self) -> None:
        """Drop what is kept; the next one who asks waits for the provider."""
        with self._lock:
            self._kept = None

    def __repr__(self) -> str:
        return f"SecretSource({str(self.reference)!r})"

    def _kept_or_asked(self, refused: Secret | None) -> SecretVersion | _Flight:
        """Take what is kept, join those who wait for the provider, or have it asked."""
        with self._lock:
            kept = self._kept
            if kept is not None and self._is_good(kept, refused):
                return kept.version
            # After a fork, the thread that was fetching is the parent's.
            if self._flight is None or self._flight.process != os.getpid():
                need = Need.CURRENT if refused is None else Need.REPLACEMENT
                flight = _Flight(need, os.getpid(), Future())
                threading.Thread(
                    target=self._fetch,
                    args=(flight, kept, refused),
                    name="postseal-secret",
                    daemon=True,
                ).start()
                # Not before: nobody is to wait for a thread that could not be started.
                self._flight = flight
            return self._flight

    def _is_good(self, kept: _Kept, refused: Secret | None) -> bool:
        if self._has_expired(kept.version):
            return False
        return self._monotonic() < kept.due if refused is None else kept.version.secret != refused

    def _fetch(self, flight: _Flight, kept: _Kept | None, refused: Secret | None) -> None:
        """Fetch in a thread of its own, which a provider without deadlines may block for ever."""
        try:
            version = self._fetched(flight.need, kept, refused)
        except BaseException as error:  # noqa: BLE001  # all of them are for those who wait
            with self._lock:
                self._flight = None
            flight.result.set_exception(error)
            return
        with self._lock:
            self._kept = self._keep(version, kept)
            self._flight = None
        flight.result.set_result(version)

    def _fetched(self, need: Need, kept: _Kept | None, refused: Secret | None) -> SecretVersion:
        failure: MailError
        try:
            provider = self._provider or provider_of(self.reference.scheme)
            version = provider.fetch(
                self.reference, deadline=time.monotonic() + self._patience, need=need
            )
            if not self._has_expired(version):
                self._tell(_outcome(version, refused), version)
                return version
            failure = SecretDenied("it has expired", reference=str(self.reference))
        except MailError as error:
            failure = error
            if isinstance(error, SecretError):
                error.reference = error.reference or str(self.reference)
        except Exception as error:  # noqa: BLE001  # of whatever a provider is made of
            # Its text may hold anything, even the secret.
            failure = SecretUnreachable(
                f"the provider failed ({type(error).__name__})", reference=str(self.reference)
            )
        if refused is None and kept is not None and self._may_outlast(kept, failure):
            self._tell(Outcome.STALE, kept.version, failure)
            return kept.version
        self._tell(Outcome.FAILED, None, failure)
        raise failure

    def _may_outlast(self, kept: _Kept, failure: MailError) -> bool:
        in_grace = self._monotonic() < kept.fetched + self._lifetime + self._grace
        return (
            isinstance(failure, SecretUnreachable)
            and in_grace
            and not self._has_expired(kept.version)
        )

    def _keep(self, version: SecretVersion, before: _Kept | None) -> _Kept:
        now = self._monotonic()
        if before is not None and version is before.version:
            # It was not fetched: its time runs on, and the provider is asked again soon.
            return _Kept(version, before.fetched, now + min(self._lifetime, 1.0))
        due = now + self._lifetime
        if version.expires is not None:
            left = version.expires.timestamp() - self._clock()
            due = min(due, now + left - min(left * _MARGIN, _MAX_MARGIN))
        return _Kept(version, now, due)

    def _has_expired(self, version: SecretVersion) -> bool:
        return version.expires is not None and version.expires.timestamp() <= self._clock()

    def _tell(
        self, outcome: Outcome, version: SecretVersion | None, error: MailError | None = None
    ) -> None:
        self._log(
            Access(
                when=datetime.fromtimestamp(self._clock(), UTC),
                user=os.geteuid(),
                process=os.getpid(),
                reference=self.reference,
                version=None if version is None else version.version,
                outcome=outcome,
                error=None if error is None else type(error).__name__,
            )
        )

    def _wait(self, asked: SecretVersion | _Flight, timeout: float) -> SecretVersion:
        if isinstance(asked, SecretVersion):
            self._tell(Outcome.CACHED, asked)
            return _own(asked)
        try:
            return _own(asked.result.result(max(0.0, timeout)))
        except FutureTimeout:
            failure: MailError = SecretUnreachable(
                "no answer in time", reference=str(self.reference)
            )
        except MailError as error:
            # Each who waits raises one of its own: they add to it where they are.
            failure = copy(error)
        raise failure


def secret(reference: str) -> SecretSource:
    """Name where a secret is kept; it is fetched when it is first needed, not before.

    ``env:NAME``, ``file:/path``, ``systemd:name``, ``keyring:service/user``, ``exec:program``,
    ``sealed:/path#name``, and those of the managers: ``vault:``, ``aws-sm:``, ``azure-kv:``,
    ``gcp-sm:``. Raises `InvalidReference`. For other lifetimes, or a log of accesses, make a
    `SecretSource`.
    """
    return SecretSource(reference)


def _own(version: SecretVersion) -> SecretVersion:
    # Whoever clears the secret that they were given takes it from nobody else.
    return replace(version, secret=copy(version.secret))


def _outcome(version: SecretVersion, refused: Secret | None) -> Outcome:
    if refused is None:
        return Outcome.FETCHED
    return Outcome.UNCHANGED if version.secret == refused else Outcome.REPLACED
