"""The blocking client beside smtplib: one connection near its server, and ten far from it."""

from __future__ import annotations

import platform
import time
from dataclasses import replace
from functools import partial

from bench.case import Case, Contender, Server
from bench.cases.clients import outgoing, url_of
from bench.parts.mail import RECIPIENT, SENDER, make_message
from bench.parts.programs import package_version
from bench.parts.sink import smtp_sink, smtp_sink_version
from bench.parts.terminator import far_starttls_sink, starttls_sink_version

__all__ = ["FAR", "PLAIN"]


def send_by_mailer(server: Server, size: int, *, connections: int) -> float:
    """Send `size` messages through one mailer; return messages per second.

    Where the server has a CA file, under STARTTLS and verified.
    """
    from postseal import Mailer
    from postseal.send import PoolOptions

    started = time.perf_counter()
    pool = PoolOptions(max_connections=connections)
    with Mailer(url_of(server), pool=pool, ca_file=server.ca_file) as mailer:
        for sent in mailer.send_many(outgoing(size), connections=connections):
            sent.result()
    return size / (time.perf_counter() - started)


def send_by_smtplib(server: Server, size: int, *, connections: int) -> float:
    """Do the same, with a client that stays connected in each of so many threads."""
    import smtplib
    import ssl
    from concurrent.futures import ThreadPoolExecutor

    message = make_message()
    context = ssl.create_default_context(cafile=server.ca_file) if server.ca_file else None

    left = iter(range(size))

    def send() -> None:
        with smtplib.SMTP("localhost" if context else "127.0.0.1", server.port) as client:
            if context is not None:
                client.starttls(context=context)
            for _ in left:
                if refused := client.sendmail(SENDER, [RECIPIENT], message):
                    raise RuntimeError(f"refused: {refused}")

    started = time.perf_counter()
    with ThreadPoolExecutor(connections) as threads:
        for sending in [threads.submit(send) for _ in range(connections)]:
            sending.result()
    return size / (time.perf_counter() - started)


PLAIN = Case(
    name="client-blocking-plain",
    bench="client",
    title="blocking, 1 connection, 4 KiB, plaintext to smtp-sink",
    unit="messages/s",
    size=2000,
    ours=Contender(
        "postseal",
        lambda: package_version("postseal"),
        partial(send_by_mailer, connections=1),
        smtp_sink,
    ),
    peer=Contender(
        "smtplib", platform.python_version, partial(send_by_smtplib, connections=1), smtp_sink
    ),
    met=smtp_sink_version,
)

FAR = replace(
    PLAIN,
    name="client-blocking-far",
    title="send_many, blocking, 10 connections, 4 KiB, STARTTLS, round trip of 20 ms",
    size=1000,
    ours=replace(
        PLAIN.ours, measure=partial(send_by_mailer, connections=10), server=far_starttls_sink
    ),
    peer=replace(
        PLAIN.peer, measure=partial(send_by_smtplib, connections=10), server=far_starttls_sink
    ),
    met=starttls_sink_version,
)
