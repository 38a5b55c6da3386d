"""The blocking client over one plaintext connection, beside smtplib."""

from __future__ import annotations

import platform
import time

from bench.case import Case, Contender, Server
from bench.cases.clients import outgoing
from bench.parts.mail import RECIPIENT, SENDER, make_message
from bench.parts.programs import package_version
from bench.parts.sink import smtp_sink, smtp_sink_version

__all__ = ["CASE"]


def measure_ours(server: Server, size: int) -> float:
    """Send `size` messages through a mailer with one connection; return messages per second."""
    from postseal import Mailer
    from postseal.send import PoolOptions

    started = time.perf_counter()
    url = f"smtp+insecure://127.0.0.1:{server.port}"
    with Mailer(url, pool=PoolOptions(max_connections=1)) as mailer:
        for sent in mailer.send_many(outgoing(size)):
            sent.result()
    return size / (time.perf_counter() - started)


def measure_smtplib(server: Server, size: int) -> float:
    """Send `size` messages over one client that stays connected; return messages per second."""
    import smtplib

    message = make_message()
    started = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        for _ in range(size):
            if refused := client.sendmail(SENDER, [RECIPIENT], message):
                raise RuntimeError(f"refused: {refused}")
    return size / (time.perf_counter() - started)


CASE = Case(
    name="client-blocking-plain",
    bench="client",
    title="blocking, 1 connection, 4 KiB, plaintext to smtp-sink",
    unit="messages/s",
    size=2000,
    ours=Contender("postseal", lambda: package_version("postseal"), measure_ours, smtp_sink),
    peer=Contender("smtplib", platform.python_version, measure_smtplib, smtp_sink),
    met=smtp_sink_version,
)
