"""The system asks a name server that never answers; mailers and programs end all the same."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.parts.namespace import NetworkNamespace
from tests.parts.worlds import World, in_each_world

# What resolv.conf(5) may ask for at most: 30 seconds for each of five attempts.
STUCK = "RES_OPTIONS=timeout:30 attempts:5"
SEND = """
import asyncio
from postseal import Address, AsyncMailer, Envelope, Mailer, Timeouts
from postseal.errors import TimedOut

URL, TIMEOUTS = "smtp://mail.example.org", Timeouts(connect=0.2)
ENVELOPE = Envelope(Address.parse("ada@example.com"), (Address.parse("bob@example.org"),))

def blocking():
    with Mailer(URL, timeouts=TIMEOUTS) as mailer:
        mailer.send_raw(ENVELOPE, [b"hello"])

async def sending():
    async with AsyncMailer(URL, timeouts=TIMEOUTS) as mailer:
        await mailer.send_raw(ENVELOPE, [b"hello"])

try:
    {call}
except TimedOut as error:
    print(error.phase, error.host)
"""
CALLS = {World.BLOCKING: "blocking()", World.ASYNCIO: "asyncio.run(sending())"}
AUDIT = """
from postseal.cli import client_audit
from postseal.cli.app import app

client_audit._LOOK_UP_SECONDS = 0.2
app(["audit", "client", "--host", "mail.example.org", "--", "touch", "started"])
"""


@in_each_world
def test_neither_the_mailer_nor_the_program_waits_for_it(world: World) -> None:
    ran = _run_stuck(SEND.format(call=CALLS[world]))
    assert (ran.stdout, ran.stderr) == ("resolve mail.example.org\n", "")


def test_the_audit_of_a_client_does_not_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = _run_stuck(AUDIT)
    assert ran.returncode == 3, ran.stderr
    assert "looking up the name 'mail.example.org' took too long" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def _run_stuck(program: str) -> CompletedProcess[str]:
    with (
        NetworkNamespace() as namespace,
        namespace.make_socket(socket.SOCK_DGRAM) as name_server,
    ):
        name_server.bind(("127.0.0.1", 53))
        started = time.monotonic()
        ran = namespace.run("env", STUCK, sys.executable, "-c", program)
        assert time.monotonic() - started < 20
        # It was asked.
        assert b"example" in name_server.recv(512)
    return ran
