"""Promise 7: memory does not grow with the message, on either network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.send import sending_process
from tests.integration.send.scripts import starttls, take_envelope, take_quit
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.worlds import World, in_each_world

# 100 MB and a bit, in pieces of 64 KiB.
PIECES = 1600
ALLOWED_KIB = 16 * 1024


@in_each_world
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from proc(5)")
def test_a_message_of_100_MB_is_streamed(world: World, certificates: Certificates) -> None:
    sizes: list[int] = []

    def script(talk: Talk) -> None:
        starttls(talk, certificates.context())
        for _ in range(2):
            take_envelope(talk)
            sizes.append(_size_of_body(talk))
            talk.say("250 taken")
        take_quit(talk)

    with HostileServer(script) as server:
        arguments = [world.value, f"smtp://{HOST}:{server.port}", str(certificates.ca_file)]
        done = subprocess.run(
            [sys.executable, sending_process.__file__, *arguments, str(PIECES)],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert sizes == [4 * 65536, PIECES * 65536]
    assert PIECES * 65536 > 100_000_000
    assert int(done.stdout) < ALLOWED_KIB


def _size_of_body(talk: Talk) -> int:
    """Take a body without keeping it."""
    size, end = 0, b""
    while end[-5:] != b"\r\n.\r\n":
        data = talk.take(keep=False)
        size += len(data)
        end = end[-4:] + data[-5:]
    return size - 3
