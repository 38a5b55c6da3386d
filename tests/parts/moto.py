"""AWS as moto plays it, in a process of its own: nothing of moto reaches into ours."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.waiting import wait_until

ACCOUNT = "123456789012"
"""The account that moto plays."""


@dataclass(frozen=True, slots=True)
class Moto:
    """Where it is."""

    address: str

    def reset(self) -> None:
        """Forget everything that was made, and let everybody do anything."""
        self.obey_policies(after=1_000_000)
        self._post("reset", "")

    def obey_policies(self, *, after: int) -> None:
        """Look at what policies allow, from the request on that comes after so many."""
        self._post("reset-auth", str(after))

    def _post(self, what: str, body: str) -> None:
        requests.post(f"{self.address}/moto-api/{what}", data=body, timeout=20).raise_for_status()


@contextmanager
def moto_server() -> Iterator[Moto]:
    """Run it until the end."""
    with ReservedPort() as port, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port.number)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        moto = Moto(f"http://{LOOPBACK}:{port.number}")

        def is_up() -> bool:
            assert process.poll() is None, "moto ended at once"
            try:
                moto.reset()
            except requests.ConnectionError:
                return False
            return True

        def logged() -> str:
            log.seek(0)
            return log.read().decode(errors="replace")

        try:
            wait_until(is_up, within=60, what="moto's first answer", state=logged)
            yield moto
        finally:
            process.kill()
            process.wait()
