"""Peers from npm as processes: smtp-server to deliver to, nodemailer to be fed by."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tests.conftest import find_part, report_lack
from tests.parts.certificates import ServerCertificate

FOLDER = Path(__file__).resolve().parents[1] / "interop" / "node"


@dataclass(frozen=True, slots=True)
class NodeReceived:
    """One message as smtp-server saw it."""

    sender: str
    recipients: tuple[str, ...]
    size: int
    sha256: str
    sealed: bool
    user: str | None


@dataclass(frozen=True, slots=True)
class NodeSent:
    """What nodemailer says of a message; `error` is empty where it was sent."""

    accepted: tuple[str, ...]
    rejected: tuple[str, ...]
    error: str
    code: int


class NodeServer:
    """A running smtp-server; `next_message` waits for what it takes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = cast(int, json.loads(self._line())["port"])

    def next_message(self) -> NodeReceived:
        """The next message; the server tells of it before it replies."""
        told = json.loads(self._line())
        return NodeReceived(**told | {"recipients": tuple(told["recipients"])})

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "smtp-server ended"
        return line


@contextmanager
def node_server(
    *,
    certificate: ServerCertificate | None = None,
    implicit_tls: bool = False,
    password: str | None = None,
    mechanism: str = "PLAIN",
) -> Iterator[NodeServer]:
    """Run smtp-server on a free loopback port; with a `password` for "ada", it wants AUTH."""
    options = {
        "chain": str(certificate.chain_file) if certificate else None,
        "secure": implicit_tls,
        "password": password,
        "mechanisms": [mechanism],
        "report": True,
    }
    process = subprocess.Popen(
        [find_node(), FOLDER / "server.js", json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield NodeServer(process)
        finally:
            process.kill()


def run_nodemailer(transport: dict[str, object], message: dict[str, object]) -> NodeSent:
    """Send one message; both arguments have nodemailer's own keys."""
    done = subprocess.run(
        [find_node(), FOLDER / "send.js"],
        input=json.dumps({"transport": transport, "message": message}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return NodeSent(
        accepted=tuple(told.get("accepted", ())),
        rejected=tuple(told.get("rejected", ())),
        error=told.get("error", ""),
        code=told.get("code", 0),
    )


def find_node() -> Path:
    """Return the program, with the packages in place; without them skip, or fail where CI=true."""
    node = find_part("node")
    if not (FOLDER / "node_modules" / "smtp-server").is_dir():
        report_lack("npm's smtp-server and nodemailer are not installed (scripts/node-packages)")
    return node
