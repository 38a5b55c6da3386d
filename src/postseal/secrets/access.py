"""The record of who asked for which secret, and what came of it, without its value."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from pathlib import Path
from typing import TypeAlias

from postseal.secrets.provider import SecretReference

__all__ = ["Access", "AccessLog", "Outcome", "file_log", "log_access"]

_logger = logging.getLogger("postseal.secrets")
# A program that has set up no logging is not to find warnings on its standard error.
_logger.addHandler(logging.NullHandler())


@unique
class Outcome(StrEnum):
    """What came of asking for a secret."""

    FETCHED = "fetched"
    REPLACED = "replaced"
    """A server refused the one before, and there is a newer one."""
    UNCHANGED = "unchanged"
    """A server refused it, and there is no newer one."""
    CACHED = "cached"
    STALE = "stale"
    """Its time in the cache was over, but who keeps it could not be asked."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Access:
    """One time that a secret was asked for.

    `user` is the number of the effective user, `error` the name of the error's class where the
    outcome is a failure or stale.
    """

    when: datetime
    user: int
    process: int
    reference: SecretReference
    version: str | None
    outcome: Outcome
    error: str | None = None

    def __str__(self) -> str:
        detail = self.error or (f"version {self.version}" if self.version else "no version")
        return f"{self.reference}: {self.outcome} ({detail})"


AccessLog: TypeAlias = Callable[[Access], None]
"""Is told of each access, in the thread that asks; when it raises, the secret is not given."""


def log_access(access: Access) -> None:
    """Write to the logger `postseal.secrets`: failures as warnings, the cache's as debugging."""
    level = logging.INFO
    if access.outcome in (Outcome.FAILED, Outcome.STALE, Outcome.UNCHANGED):
        level = logging.WARNING
    elif access.outcome is Outcome.CACHED:
        level = logging.DEBUG
    _logger.log(level, "%s", access)


def file_log(path: Path) -> AccessLog:
    """Make a log that appends a line of JSON to a file of mode 0600 for each access."""

    def write(access: Access) -> None:
        fields = {
            "when": access.when.isoformat(),
            "user": access.user,
            "process": access.process,
            "reference": str(access.reference),
            "version": access.version,
            "outcome": access.outcome,
            "error": access.error,
        }
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            # One write, so that the lines of several processes do not mix.
            os.write(descriptor, json.dumps(fields).encode() + b"\n")
        finally:
            os.close(descriptor)

    return write
