"""smtp-sink behind stunnel, which does the STARTTLS that it lacks, near or far away."""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.case import Server
from bench.parts.certificate import self_signed_certificate
from bench.parts.processes import LOOPBACK, python_server, wait_for_greeting
from bench.parts.programs import MissingPart, find_program
from bench.parts.sink import smtp_sink, smtp_sink_version

__all__ = ["far_starttls_sink", "starttls_sink", "starttls_sink_version"]

_ROUND_TRIP_MS = 20


@contextmanager
def starttls_sink() -> Iterator[Server]:
    """Run both; clients verify the certificate by the server's CA file."""
    program = find_program("stunnel4")
    with (
        smtp_sink() as sink,
        self_signed_certificate() as (chain, ca_file),
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as reserved,
    ):
        # Bound and not listening: the port stays ours until stunnel, which reuses it, listens.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((LOOPBACK, 0))
        port: int = reserved.getsockname()[1]
        settings = Path(folder, "stunnel.conf")
        settings.write_text(
            "foreground = yes\npid =\nsyslog = no\ndebug = crit\n[sink]\nprotocol = smtp\n"
            f"accept = {LOOPBACK}:{port}\nconnect = {LOOPBACK}:{sink.port}\ncert = {chain}\n",
            encoding="ascii",
        )
        process = subprocess.Popen([program, str(settings)], stdin=subprocess.DEVNULL)
        try:
            wait_for_greeting(port, process)
            yield Server(port, process.pid, ca_file)
        finally:
            process.kill()
            process.wait()


@contextmanager
def far_starttls_sink() -> Iterator[Server]:
    """The same, with a round trip of 20 ms in between."""
    with starttls_sink() as near:
        one_way = str(_ROUND_TRIP_MS / 2000)
        with python_server("bench.parts.delay", str(near.port), one_way) as far:
            yield replace(far, ca_file=near.ca_file)


def starttls_sink_version() -> str:
    """Say which programs they are."""
    asked = [find_program("stunnel4"), "-version"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stderr
    if not (found := re.search(r"stunnel ([\d.]+)", told)):
        raise MissingPart("stunnel4 does not say its version")
    return f"{smtp_sink_version()} behind stunnel {found[1]}"
