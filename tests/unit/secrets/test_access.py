"""The record of accesses: to a logger or a file, with everything but the value."""

from __future__ import annotations

import json
import logging
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postseal.secrets import Access, Outcome, SecretReference, file_log, log_access

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def access(outcome: Outcome, *, error: str | None = None) -> Access:
    return Access(
        when=NOON,
        user=1000,
        process=77,
        reference=SecretReference.parse("exec:pass show mail"),
        version=None if error else "3",
        outcome=outcome,
        error=error,
    )


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        (Outcome.FETCHED, logging.INFO),
        (Outcome.REPLACED, logging.INFO),
        (Outcome.UNCHANGED, logging.WARNING),
        (Outcome.CACHED, logging.DEBUG),
        (Outcome.STALE, logging.WARNING),
        (Outcome.FAILED, logging.WARNING),
    ],
)
def test_the_logger(outcome: Outcome, level: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "postseal.secrets")
    log_access(access(outcome))
    ((name, logged, text),) = caplog.record_tuples
    assert (name, logged) == ("postseal.secrets", level)
    assert text == f"exec:pass ...: {outcome} (version 3)"


def test_the_file_has_a_line_for_each(tmp_path: Path) -> None:
    path = tmp_path / "accesses"
    log = file_log(path)
    log(access(Outcome.FETCHED))
    log(access(Outcome.FAILED, error="SecretDenied"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {
        "when": "2026-06-01T12:00:00+00:00",
        "user": 1000,
        "process": 77,
        "reference": "exec:pass ...",
        "version": "3",
        "outcome": "fetched",
        "error": None,
    }
    assert (second["outcome"], second["error"]) == ("failed", "SecretDenied")


def test_the_file_is_no_link(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        file_log(link)(access(Outcome.FETCHED))
