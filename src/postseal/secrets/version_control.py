"""Whether a file is in a Git repository, now or in its history."""

from __future__ import annotations

import os
import subprocess
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

__all__ = ["Tracking", "tracking_of"]

_PATIENCE: Final = 10.0


@unique
class Tracking(StrEnum):
    """What a Git repository knows of a file."""

    OUTSIDE = "in no repository"
    IGNORED = "ignored"
    UNTRACKED = "in the directory of a repository, and not ignored"
    IN_HISTORY = "in the history of a repository"
    TRACKED = "in a repository"
    UNKNOWN = "not known: git cannot tell"


def tracking_of(path: Path) -> Tracking:
    """Ask `git` about a file, and about the one that a symbolic link leads to.

    The answer is the worst of both. `UNKNOWN` where there is a repository, but no `git` that reads
    it.
    """
    places = {path.absolute(), path.resolve()}
    known = [_tracking(place) for place in sorted(places)]
    return max(known, key=list(Tracking).index)


def _tracking(path: Path) -> Tracking:
    if not any((folder / ".git").exists() for folder in path.parents):
        return Tracking.OUTSIDE
    try:
        if _git(path, "ls-files", "--cached", "--", path.name):
            return Tracking.TRACKED
        if _git(path, "log", "--all", "--max-count=1", "--format=%h", "--", path.name):
            return Tracking.IN_HISTORY
        is_ignored = _git(
            path, "ls-files", "--others", "--ignored", "--exclude-standard", "--", path.name
        )
    except (OSError, subprocess.SubprocessError):
        return Tracking.UNKNOWN
    return Tracking.IGNORED if is_ignored else Tracking.UNTRACKED


def _git(path: Path, *arguments: str) -> bytes:
    # The repository may be a stranger's: it is not to have a program of its own run.
    safe = ("-c", "core.fsmonitor=false", "--literal-pathspecs", "--no-pager")
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    return subprocess.run(  # noqa: S603  # fixed words and a path
        ("git", "-C", str(path.parent), *safe, *arguments),  # noqa: S607  # as people call it
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_PATIENCE,
        check=True,
        env=environment,
    ).stdout
