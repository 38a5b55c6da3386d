"""What clients share: asyncio connections of either library, kept open, and their messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.case import Server
from bench.parts.mail import RECIPIENT, SENDER, make_message

if TYPE_CHECKING:
    from postseal.send import Outgoing

__all__ = ["outgoing", "send_by_aiosmtplib", "send_by_async_mailer", "url_of"]

_CONNECTIONS = 20
"""Unless a case says otherwise."""


def outgoing(size: int) -> Iterator[Outgoing]:
    """Make `size` messages one after the other, as a program that sends many would."""
    from postseal import Address, Envelope
    from postseal.send import Outgoing

    message = make_message()
    for _ in range(size):
        envelope = Envelope(Address.parse(SENDER), (Address.parse(RECIPIENT),))
        yield Outgoing(envelope=envelope, content=[message])


def url_of(server: Server) -> str:
    """Give what a mailer is told: STARTTLS where the server has a CA file, and no TLS elsewhere."""
    if server.ca_file:
        return f"smtp://localhost:{server.port}"
    return f"smtp+insecure://127.0.0.1:{server.port}"


def send_by_async_mailer(server: Server, size: int, *, connections: int = _CONNECTIONS) -> float:
    """Send `size` messages through one mailer; return messages per second.

    Where the server has a CA file, under STARTTLS and verified.
    """
    from postseal import AsyncMailer
    from postseal.send import PoolOptions

    async def run() -> float:
        started = time.perf_counter()
        pool = PoolOptions(max_connections=connections)
        mailer = AsyncMailer(url_of(server), pool=pool, ca_file=server.ca_file)
        async with mailer:
            async for sent in mailer.send_many(outgoing(size)):
                sent.result()
        return time.perf_counter() - started

    return size / asyncio.run(run())


def send_by_aiosmtplib(server: Server, size: int, *, connections: int = _CONNECTIONS) -> float:
    """Send `size` messages, with a client that stays connected in each task; return the rate."""
    import ssl

    import aiosmtplib

    message = make_message()
    left = iter(range(size))

    async def work(context: ssl.SSLContext | None) -> None:
        client = aiosmtplib.SMTP(
            hostname="localhost" if context else "127.0.0.1",
            port=server.port,
            start_tls=context is not None,
            tls_context=context,
        )
        async with client:
            for _ in left:
                refused, _ = await client.sendmail(SENDER, [RECIPIENT], message)
                if refused:
                    raise RuntimeError(f"refused: {refused}")

    async def run() -> float:
        started = time.perf_counter()
        context = ssl.create_default_context(cafile=server.ca_file) if server.ca_file else None
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(work(context))
        return time.perf_counter() - started

    return size / asyncio.run(run())
