"""A program run once: with a file for input, little output, and no more time than it is given."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final, cast

from postseal.errors import TimedOut

__all__ = ["Ended", "Program"]

_MAX_OUTPUT: Final = 4096
_READ_SIZE: Final = 65536
# How often to look whether a program has ended that left its output open to others; in seconds.
_GLANCE: Final = 0.05
# How soon to look again when its output has ended, as it does with the program.
_MOMENT: Final = 0.001
# From asking to be gone to being made to.
_GRACE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit `status`, or the negative number of a signal.

    `output` is the beginning of what it wrote, to either of its outputs.
    """

    status: int
    output: str


class Program:
    """A program to be run once, in a process group of its own.

    It sees the environment that it is given and no other. From now on it has so many `seconds`.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], seconds: float
    ) -> None:
        self._command = command
        self._environment = environment
        self._until = time.monotonic() + seconds

    def give_up(self) -> None:
        """End its time now; `run`, in whichever thread it is, sees to the rest."""
        self._until = 0.0

    def run(self, stdin: IO[bytes]) -> Ended | None:
        """Start it and block until it has ended; None when its time was over before.

        Its input is the file from where that stands. What it writes beyond the first 4096 octets is
        read and thrown away. Raises `OSError` where it cannot be started, and `TimedOut` where it
        was not, because its time was over.
        """
        if self._left() <= 0:
            raise TimedOut("there was no time left to run the program")
        process = subprocess.Popen(  # noqa: S603  # a list of arguments, and no shell
            self._command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self._environment),
            cwd="/",
            start_new_session=True,
        )
        try:
            return self._attend(process)
        finally:
            if process.returncode is None:
                _end(process)

    def _attend(self, process: subprocess.Popen[bytes]) -> Ended | None:
        output = bytearray()
        poll = select.poll()
        pause = _MOMENT
        # Asked for with PIPE.
        with cast("IO[bytes]", process.stdout) as stdout:
            poll.register(stdout, select.POLLIN)
            is_open = True
            while (status := process.poll()) is None or is_open:
                left = self._left()
                if left <= 0:
                    break
                if not is_open:
                    time.sleep(min(left, pause))
                    pause = min(2 * pause, _GLANCE)
                elif poll.poll(math.ceil(min(left, _GLANCE) * 1000)):
                    data = os.read(stdout.fileno(), _READ_SIZE)
                    is_open = bool(data)
                    output += data[: _MAX_OUTPUT - len(output)]
                elif status is not None:
                    # Something that it started goes on, with the output still open.
                    break
        return None if status is None else Ended(status, output.decode("utf-8", "replace"))

    def _left(self) -> float:
        return self._until - time.monotonic()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that was not reaped, and all that it started in its process group."""
    os.killpg(process.pid, signal.SIGTERM)
    until = time.monotonic() + _GRACE
    # Looked at but not reaped: until the others are gone, its number must be the group's.
    while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() >= until:
            break
        time.sleep(_MOMENT)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
