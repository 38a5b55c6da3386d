"""The `postseal` command without what Python takes to start: forked where it is imported already.

`python -m tests.parts.forked_command FD` imports the command and takes connections from a listening
socket. Each is one run, in a process of its own with its own arguments, environment, output and
exit status; it ends with the connection.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import NoReturn, TypedDict

from postseal.cli.main import main
from tests.parts.command import clean_environment

__all__ = ["ForkedCommand", "Run", "forked_command"]

# Nobody listens there.
_REHEARSAL = ("send", "smtps://127.0.0.1:1", "--from", "a@lab.example", "--to", "b@lab.example")
_ROOT = Path(__file__).resolve().parents[2]
# More than the cases of a catalogue that wait side by side.
_WAITING = 256


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended, as `Popen.returncode` tells it, and what it printed on both its streams."""

    status: int
    output: str


class _Wanted(TypedDict):
    arguments: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ForkedCommand:
    """The command at the address of a process that is it already."""

    address: bytes

    async def run(self, *arguments: str, environment: Mapping[str, str]) -> Run:
        """Run it, in a clean environment and what is added to that; if cancelled, kill it."""
        wanted: _Wanted = {
            "arguments": arguments,
            "environment": {**clean_environment(), **environment},
        }
        reader, writer = await asyncio.open_unix_connection(os.fsdecode(self.address))
        try:
            writer.write(json.dumps(wanted).encode() + b"\n")
            return Run(**json.loads(await reader.read()))
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def forked_command() -> AsyncIterator[ForkedCommand]:
    """Keep a process of which runs are forked."""
    with socket.socket(socket.AF_UNIX) as listener:
        # Linux chooses a name that is in no directory (unix(7), autobind).
        listener.bind("")
        listener.listen(_WAITING)
        address: bytes = listener.getsockname()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__, str(listener.fileno())),
            stdin=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            cwd=_ROOT,
        )
    # It alone listens now: if it ends, so do all that wait for it.
    try:
        yield ForkedCommand(address)
    finally:
        process.terminate()
        await process.wait()


def _rehearse() -> None:
    """Import what the command does, which imports things as it goes."""
    import_module("postseal.smtp.sasl.negotiation")
    sys.argv = ["postseal", *_REHEARSAL]
    with suppress(SystemExit), redirect_stderr(StringIO()) as told:
        main()
    assert "cannot be reached" in told.getvalue(), told.getvalue()


def _become_each(listener: socket.socket) -> None:
    """Fork for each connection; return in the processes that are to go on as the command."""
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            break
        connection.close()
    listener.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection.makefile() as lines:
        wanted: _Wanted = json.loads(lines.readline())
    reading, writing = os.pipe()
    if (pid := os.fork()) != 0:
        os.close(writing)
        _attend(pid, reading, connection)
    connection.close()
    os.close(reading)
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    os.close(writing)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    sys.argv = ["postseal", *wanted["arguments"]]


def _attend(pid: int, reading: int, connection: socket.socket) -> NoReturn:
    """Tell how a run ended; end it as soon as nobody wants to know."""
    output = b""
    waiting = connection.fileno()
    while True:
        ready, _, _ = select.select([reading, waiting], [], [])
        if waiting in ready:
            os.kill(pid, signal.SIGKILL)
            os._exit(0)
        if not (piece := os.read(reading, 65536)):
            break
        output += piece
    _, status = os.waitpid(pid, 0)
    told = {
        "status": os.waitstatus_to_exitcode(status),
        "output": output.decode("utf-8", "backslashreplace"),
    }
    connection.sendall(json.dumps(told).encode())
    os._exit(0)


def _end_as_told() -> NoReturn:
    """Run the command, which ends by itself."""
    try:
        main()
    except SystemExit as ending:
        if threading.active_count() > 1 or not isinstance(ending.code, int):
            raise
        # Taking Python apart costs more than the run, and nothing waits that could keep it from it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ending.code)
    raise AssertionError("it has not ended")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as inherited:
        _rehearse()
        _become_each(inherited)
    _end_as_told()
