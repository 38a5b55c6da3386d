"""Running a server as a process, and seeing that it is there."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.case import Server

__all__ = [
    "LOOPBACK",
    "allow_files",
    "announced_server",
    "memory_in_mebibytes",
    "peak_growth",
    "python_server",
    "wait_for_greeting",
]

LOOPBACK = "127.0.0.1"
_START_SECONDS = 20
_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def announced_server(command: Sequence[str], *, ca_file: Path | None = None) -> Iterator[Server]:
    """Run a server whose first line of output is {"port": N}; it is killed on exit."""
    allow_files()
    process = subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"{command[-1]} did not start")
            yield Server(json.loads(line)["port"], process.pid, ca_file)
        finally:
            process.kill()


def python_server(
    module: str, *arguments: str, ca_file: Path | None = None
) -> AbstractContextManager[Server]:
    """Run a module of the benchmarks as such a server."""
    return announced_server([sys.executable, "-m", module, *arguments], ca_file=ca_file)


def wait_for_greeting(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once a server greets on the port. Raises `RuntimeError` when it does not."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
                if connection.recv(3) == b"220":
                    return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"no greeting on port {port} within {_START_SECONDS} s")


def allow_files() -> int:
    """Raise the limit of open files to the hard one, for this process and its children."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def memory_in_mebibytes(pid: int, figure: str = "VmRSS") -> float:
    """Return the resident memory of a process (or its peak, VmHWM) as Linux tells it."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    [line] = [line for line in status.splitlines() if line.startswith(f"{figure}:")]
    return int(line.split()[1]) / 1024


def peak_growth(work: Callable[[], None]) -> float:
    """Return how far above the present the process's resident memory rises in `work`, in MiB.

    Linux forgets the peak so far when 5 is written to clear_refs (proc(5)); getrusage would tell
    that of the process which started this one.
    """
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = memory_in_mebibytes(os.getpid())
    work()
    return memory_in_mebibytes(os.getpid(), "VmHWM") - before
