"""The asyncio client over 20 plaintext connections to smtp-sink, beside aiosmtplib."""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version

from bench.case import Case, Contender
from bench.parts import postfix_version, smtp_sink

__all__ = ["CASE"]

_CONNECTIONS = 20
_SENDER = "ada@example.com"
_RECIPIENT = "bob@example.org"


def _message() -> bytes:
    """4 KiB as mail has them: a short header and lines of text, a few of which begin with a dot."""
    header = (
        f"From: Ada <{_SENDER}>\r\nTo: Bob <{_RECIPIENT}>\r\nSubject: Your invoice\r\n"
        "Date: Sun, 1 Mar 2026 12:00:00 +0000\r\nMessage-ID: <bench@example.com>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    line = "The quick brown fox jumps over the lazy dog, and nobody is any the wiser.\r\n"
    paragraph = line * 9 + ".dot\r\n"
    text = header + paragraph * (4096 // len(paragraph) + 1)
    return text[:4094].encode() + b"\r\n"


def measure_ours(port: int, size: int) -> float:
    """Send `size` messages through one mailer with 20 connections; return messages per second."""
    from postseal import Address, AsyncMailer, Envelope

    message = _message()
    left = iter(range(size))

    async def work(mailer: AsyncMailer) -> None:
        for _ in left:
            envelope = Envelope(Address.parse(_SENDER), (Address.parse(_RECIPIENT),))
            delivery = await mailer.send_raw(envelope, [message])
            if delivery.refused:
                raise RuntimeError(f"refused: {delivery.refused}")

    async def run() -> float:
        started = time.perf_counter()
        url = f"smtp+insecure://127.0.0.1:{port}"
        mailer = AsyncMailer(url, max_connections=_CONNECTIONS)
        async with mailer, asyncio.TaskGroup() as group:
            for _ in range(_CONNECTIONS):
                group.create_task(work(mailer))
        return time.perf_counter() - started

    return size / asyncio.run(run())


def measure_aiosmtplib(port: int, size: int) -> float:
    """Send `size` messages over 20 clients that stay connected; return messages per second."""
    import aiosmtplib

    message = _message()
    left = iter(range(size))

    async def work() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for _ in left:
                refused, _ = await client.sendmail(_SENDER, [_RECIPIENT], message)
                if refused:
                    raise RuntimeError(f"refused: {refused}")

    async def run() -> float:
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(_CONNECTIONS):
                group.create_task(work())
        return time.perf_counter() - started

    return size / asyncio.run(run())


CASE = Case(
    name="client-async-plain",
    bench="client",
    title="asyncio, 20 connections, 4 KiB, plaintext to smtp-sink",
    unit="messages/s",
    size=4000,
    ours=Contender("postseal", lambda: version("postseal"), measure_ours),
    peer=Contender("aiosmtplib", lambda: version("aiosmtplib"), measure_aiosmtplib),
    server=smtp_sink,
    server_version=lambda: f"smtp-sink of Postfix {postfix_version()}",
)
