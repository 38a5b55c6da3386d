"""Postfix's smtp-sink: a server that takes all mail, keeps none, and waits for no disk."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from bench.case import Server
from bench.parts.processes import LOOPBACK, wait_for_greeting
from bench.parts.programs import find_program, postfix_version

__all__ = ["smtp_sink", "smtp_sink_version"]


@contextmanager
def smtp_sink() -> Iterator[Server]:
    """Run smtp-sink with its defaults."""
    # It refuses to run as root, and changes to another user itself.
    unprivileged = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [find_program("smtp-sink"), *unprivileged]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as reserved:
        # Bound and not listening: the port stays ours until the sink, which reuses it, listens.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((LOOPBACK, 0))
        port: int = reserved.getsockname()[1]
        process = subprocess.Popen(
            [*command, f"{LOOPBACK}:{port}", "1024"], stdin=subprocess.DEVNULL
        )
        try:
            wait_for_greeting(port, process)
            yield Server(port, process.pid)
        finally:
            process.kill()
            process.wait()


def smtp_sink_version() -> str:
    """Say which smtp-sink it is."""
    return f"smtp-sink of Postfix {postfix_version()}"
