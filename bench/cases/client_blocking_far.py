"""The blocking client over 10 connections to a server that is far away, beside smtplib's."""

from __future__ import annotations

import platform
import time

from bench.case import Case, Contender, Server
from bench.cases.clients import outgoing
from bench.parts.mail import RECIPIENT, SENDER, make_message
from bench.parts.programs import package_version
from bench.parts.terminator import far_starttls_sink, starttls_sink_version

__all__ = ["CASE"]

_CONNECTIONS = 10


def measure_ours(server: Server, size: int) -> float:
    """Send `size` messages through one mailer; return messages per second."""
    from postseal import Mailer
    from postseal.send import PoolOptions

    started = time.perf_counter()
    pool = PoolOptions(max_connections=_CONNECTIONS)
    with Mailer(f"smtp://localhost:{server.port}", ca_file=server.ca_file, pool=pool) as mailer:
        for sent in mailer.send_many(outgoing(size), connections=_CONNECTIONS):
            sent.result()
    return size / (time.perf_counter() - started)


def measure_smtplib(server: Server, size: int) -> float:
    """Send `size` messages, with a client that stays connected in each thread; return the rate."""
    import smtplib
    import ssl
    from concurrent.futures import ThreadPoolExecutor

    message = make_message()
    context = ssl.create_default_context(cafile=server.ca_file)

    def send(count: int) -> None:
        with smtplib.SMTP("localhost", server.port) as client:
            client.starttls(context=context)
            for _ in range(count):
                if refused := client.sendmail(SENDER, [RECIPIENT], message):
                    raise RuntimeError(f"refused: {refused}")

    started = time.perf_counter()
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        list(threads.map(send, [size // _CONNECTIONS] * _CONNECTIONS))
    return size / (time.perf_counter() - started)


CASE = Case(
    name="client-blocking-far",
    bench="client",
    title="send_many, blocking, 10 connections, 4 KiB, STARTTLS, round trip of 20 ms",
    unit="messages/s",
    size=1000,
    ours=Contender(
        "postseal", lambda: package_version("postseal"), measure_ours, far_starttls_sink
    ),
    peer=Contender("smtplib", platform.python_version, measure_smtplib, far_starttls_sink),
    met=starttls_sink_version,
)
