"""Runs of targets: each in its own process, for a bounded time, with what came of it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fuzz.target import FOLDER

__all__ = ["Limits", "Outcome", "run_target"]

_LONGEST_INPUT: Final = 2048
_SECONDS_FOR_ONE_INPUT: Final = 10
_MEGABYTES: Final = 2048
# Importing the instrumented code, reading the corpus, and one last input that hangs.
_GRACE: Final = 60

_EXECUTED: Final = re.compile(r"^stat::number_of_executed_units: +(\d+)", re.MULTILINE)
_COVERED: Final = re.compile(r"^#\d+\s.*\bcov: (\d+)", re.MULTILINE)
_REPORT: Final = re.compile(r"^ *=== Uncaught Python exception", re.MULTILINE)
_ADDRESS_NOISE: Final = re.compile(r"^(==\d+==|SUMMARY:|MS: |0x|artifact_prefix=|stat::)")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one target runs; `runs`, where given, ends it sooner."""

    seconds: int
    runs: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one target: `report` is empty where its invariant held.

    `runs` and `covered` (edges of the project's code that were reached) are None where the
    process did not get so far as to say. `inputs` are the files that break the invariant.
    """

    name: str
    runs: int | None
    covered: int | None
    report: str = ""
    inputs: tuple[Path, ...] = ()


def run_target(name: str, limits: Limits) -> Outcome:
    """Fuzz one target within the limits and read what its process said."""
    findings, grown = (FOLDER / folder / name for folder in ("findings", "grown"))
    for folder in (findings, grown):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    code, log = _run(_command(name, limits, findings, grown), limits.seconds + _GRACE)
    runs, covered = _last(_EXECUTED, log), _last(_COVERED, log)
    if code == 0:
        return Outcome(name, runs, covered)
    inputs = tuple(sorted(set(findings.iterdir()) - before))
    return Outcome(name, runs, covered, _report(log, code), inputs)


def _command(name: str, limits: Limits, findings: Path, grown: Path) -> list[str]:
    runs = [] if limits.runs is None else [f"-runs={limits.runs}"]
    return [
        *(sys.executable, "-m", "fuzz.worker", name),
        f"-max_total_time={limits.seconds}",
        *runs,
        f"-max_len={_LONGEST_INPUT}",
        f"-timeout={_SECONDS_FOR_ONE_INPUT}",
        f"-rss_limit_mb={_MEGABYTES}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        # The first folder takes what is new, the second is only read.
        str(grown),
        str(FOLDER / "corpus" / name),
    ]


def _run(command: list[str], seconds: int) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command,
            cwd=FOLDER.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        log = (expired.stdout or b"").decode("utf-8", "replace")
        return -1, f"{log}\nthe process did not end in {seconds} seconds"
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _last(pattern: re.Pattern[str], log: str) -> int | None:
    found = pattern.findall(log)
    return int(found[-1]) if found else None


def _report(log: str, code: int) -> str:
    """Cut the traceback, or the end of what was said, out of the log of a run that failed."""
    found = _REPORT.search(log)
    lines = (log[found.start() :] if found else log).splitlines()
    kept = [line for line in lines if not _ADDRESS_NOISE.match(line.strip())]
    return "\n".join([*kept[-40:], f"(the process ended with {code})"])
