"""How long a program waits for `import postseal`, beside one that imports nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from statistics import median

from bench.case import Case, Contender, Server
from bench.parts.alone import no_server, nothing_met
from bench.parts.programs import package_version

__all__ = ["MAILER", "PACKAGE"]


def start(server: Server, size: int, *, program: str) -> float:
    """Start Python `size` times, after once to warm up; return the median in milliseconds."""
    command = [sys.executable, "-c", program]
    # Whoever installs a package has its bytecode.
    environment = {**os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(command, check=True, env=environment)
    times = []
    for _ in range(size):
        started = time.perf_counter()
        subprocess.run(command, check=True, env=environment)
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


PACKAGE = Case(
    name="import",
    bench="import",
    title="a program of one line: import postseal",
    unit="ms",
    size=20,
    ours=Contender(
        "postseal",
        lambda: package_version("postseal"),
        partial(start, program="import postseal"),
        no_server,
    ),
    peer=Contender(
        "Python itself",
        lambda: ".".join(map(str, sys.version_info[:3])),
        partial(start, program="pass"),
        no_server,
    ),
    met=nothing_met,
)

MAILER = replace(
    PACKAGE,
    name="import-mailer",
    title="a program of one line: from postseal import Mailer, Message",
    ours=replace(
        PACKAGE.ours, measure=partial(start, program="from postseal import Mailer, Message")
    ),
)
