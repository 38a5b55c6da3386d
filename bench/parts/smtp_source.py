"""Postfix's smtp-source: load for servers, and a client in C to be compared with."""

from __future__ import annotations

import subprocess
import time

from bench.case import Server
from bench.parts.mail import RECIPIENT, SENDER
from bench.parts.programs import find_program

__all__ = ["send_by_smtp_source"]

_CONNECTIONS = 20


def send_by_smtp_source(server: Server, size: int) -> float:
    """Send `size` messages of 4 KiB over 20 connections that stay; return messages per second.

    The start of the process is in the time.
    """
    command = [
        *(find_program("smtp-source"), "-d", "-s", str(_CONNECTIONS), "-m", str(size)),
        *("-l", "4096", "-f", SENDER, "-t", RECIPIENT, f"inet:127.0.0.1:{server.port}"),
    ]
    started = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode or done.stderr:
        raise RuntimeError(f"smtp-source: {done.stderr.decode(errors='replace')[:500]}")
    return size / seconds
