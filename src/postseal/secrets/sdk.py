"""Providers that ask a web service through the SDK of its makers, which is what they all share."""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from postseal.errors import MailError, SecretError
from postseal.secrets.managers import value_in
from postseal.secrets.provider import Need, SecretVersion, missing_extra, seconds_left

if TYPE_CHECKING:
    from postseal.secrets.provider import Location, SecretReference

__all__ = ["Clients", "Kept", "SDKProvider", "hushed"]

N = TypeVar("N")
K = TypeVar("K", bound=Hashable)
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a manager keeps: the whole of it, before a key is looked up."""

    octets: bytes
    version: str | None = None
    created: datetime | None = None
    expires: datetime | None = None


class SDKProvider(ABC, Generic[N]):
    """A provider for one scheme, whose SDK comes with an extra.

    A subclass reads the name of a secret, asks for it, and tells what an SDK's exception means. It
    imports the SDK where it asks: who uses another scheme does not have it.
    """

    _extra: ClassVar[str]
    _talkative: ClassVar[tuple[str, ...]] = ()
    """Loggers that write what is answered."""

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        """See `Provider.fetch`. Whatever the need, the service is asked."""
        location, name = self._named(reference)
        left = seconds_left(reference, deadline)
        failure: SecretError | None = None
        try:
            with hushed(*self._talkative):
                kept = self._ask(name, left)
        except ImportError:
            raise missing_extra(reference.scheme, self._extra) from None
        except MailError:
            raise
        except Exception as error:
            failure = self._failure(reference, error)
            if failure is None:
                raise
        if failure is not None:
            raise failure
        return SecretVersion(
            value_in(reference, kept.octets, location.key), kept.version, kept.created, kept.expires
        )

    @abstractmethod
    def _named(self, reference: SecretReference) -> tuple[Location, N]:
        """Split a reference and find what the service calls it; raises `InvalidReference`."""

    @abstractmethod
    def _ask(self, name: N, patience: float) -> Kept:
        """Ask the service, for about as many seconds."""

    @abstractmethod
    def _failure(self, reference: SecretReference, error: Exception) -> SecretError | None:
        """The error of ours for one of the SDK's; None for one that it should not raise."""


class Clients(Generic[K, C]):
    """One client of each kind for each process: their connections do not survive a fork."""

    def __init__(self, make: Callable[[K], C]) -> None:
        self._make = make
        self._made: dict[tuple[int, K], C] = {}
        self._making = threading.Lock()

    def get(self, kind: K) -> C:
        """Give the client of a kind, made when it is first needed."""
        key = (os.getpid(), kind)
        with self._making:
            if key not in self._made:
                self._made[key] = self._make(kind)
            return self._made[key]


class _Hush(logging.Filter):
    """Drops what a thread logs while it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.here = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(self.here, "is_on", False)


_hush = _Hush()


@contextmanager
def hushed(*loggers: str) -> Iterator[None]:
    """Keep `loggers` from logging what this thread does: some clients log what they receive."""
    for name in loggers:
        # It stays there, and does nothing at other times.
        logging.getLogger(name).addFilter(_hush)
    _hush.here.is_on = True
    try:
        yield
    finally:
        _hush.here.is_on = False
