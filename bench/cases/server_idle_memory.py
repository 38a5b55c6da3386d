"""The memory of a server that holds thousands of idle TLS sessions, beside aiosmtpd."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack

from bench.case import Case, Contender, Server
from bench.parts.discards import aiosmtpd_implicit_tls, our_discard_implicit_tls
from bench.parts.processes import LOOPBACK, allow_files, memory_in_mebibytes
from bench.parts.programs import package_version

__all__ = ["CASE"]

# Files of the process that are no sessions.
_OTHER_FILES = 100


def measure(server: Server, size: int) -> float:
    """Open `size` sessions, say EHLO on each, and return what the server then has in MiB."""
    if allow_files() < size + _OTHER_FILES:
        raise RuntimeError(f"the system allows fewer open files than {size} sessions need")
    context = ssl.create_default_context(cafile=server.ca_file)
    with ExitStack() as stack:
        for _ in range(size):
            connection = socket.create_connection((LOOPBACK, server.port), timeout=60)
            sealed = context.wrap_socket(connection, server_hostname="localhost")
            stack.enter_context(sealed)
            _hear(sealed)
            sealed.sendall(b"EHLO localhost\r\n")
            _hear(sealed)
        return memory_in_mebibytes(server.pid)


def _hear(connection: ssl.SSLSocket) -> None:
    heard = b""
    while not heard.endswith(b"\r\n") or heard.splitlines()[-1][3:4] == b"-":
        piece = connection.recv(4096)
        if not piece:
            raise RuntimeError("the server ended a session")
        heard += piece


CASE = Case(
    name="server-idle-memory",
    bench="server",
    title="resident memory at 5,000 idle TLS sessions",
    unit="MiB",
    size=5000,
    ours=Contender(
        "postseal", lambda: package_version("postseal"), measure, our_discard_implicit_tls
    ),
    peer=Contender("aiosmtpd", lambda: package_version("aiosmtpd"), measure, aiosmtpd_implicit_tls),
    met=lambda: f"a client of Python's ssl, {ssl.OPENSSL_VERSION}",
)
