"""The servers that benchmarks meet: programs of others, on loopback ports chosen by the system."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["MissingPart", "postfix_version", "smtp_sink"]

_LOOPBACK = "127.0.0.1"
_START_SECONDS = 10
# Debian keeps servers where the PATH of a plain user does not look.
_SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


class MissingPart(Exception):
    """A program that a case needs is not installed."""


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Run Postfix's smtp-sink, which takes all mail and keeps none; give its port."""
    # It refuses to run as root, and changes to another user itself.
    unprivileged = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [_find("smtp-sink"), *unprivileged]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as reserved:
        # Bound and not listening: the port stays ours until the sink, which reuses it, listens.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((_LOOPBACK, 0))
        port: int = reserved.getsockname()[1]
        process = subprocess.Popen(
            [*command, f"{_LOOPBACK}:{port}", "1024"], stdin=subprocess.DEVNULL
        )
        try:
            _wait_for_greeting(port, process)
            yield port
        finally:
            process.kill()
            process.wait()


def postfix_version() -> str:
    """Return the version of the Postfix that brings smtp-sink and smtp-source."""
    asked = [_find("postconf"), "-d", "-h", "mail_version"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def _find(program: str) -> str:
    if found := shutil.which(program, path=_SEARCH_PATH):
        return found
    raise MissingPart(f"{program} is not installed (scripts/system-packages installs it)")


def _wait_for_greeting(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((_LOOPBACK, port), timeout=1) as connection:
                if connection.recv(3) == b"220":
                    return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"no greeting on port {port} within {_START_SECONDS} s")
