"""An SMTP client that says what it is told, octet for octet, over asyncio's own streams and TLS.

Nothing of it is the project's, and nothing of it is polite.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Self

from tests.parts.ports import LOOPBACK

# A server that does not answer is a failed test, not one that hangs.
_PATIENCE = 20.0


class RawClient:
    """One connection; an async context manager that closes it without a word."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int, *, ca_file: Path | None = None, host: str = LOOPBACK) -> Self:
        """Connect; with a `ca_file`, by TLS from the first octet."""
        context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
        return cls(*await asyncio.open_connection(host, port, ssl=context))

    async def hear(self) -> str:
        """Read one reply, its lines without CRLF joined by newlines."""
        lines: list[str] = []
        async with asyncio.timeout(_PATIENCE):
            while not lines or lines[-1][3:4] == "-":
                line = await self._reader.readline()
                assert line.endswith(b"\r\n"), f"the connection ended in {line!r} after {lines}"
                lines.append(line[:-2].decode())
        return "\n".join(lines)

    async def say(self, *lines: str) -> None:
        """Send lines, each with its CRLF, in one segment."""
        await self.send("".join(f"{line}\r\n" for line in lines).encode())

    async def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self._writer.write(octets)
        async with asyncio.timeout(_PATIENCE):
            await self._writer.drain()

    async def ask(self, line: str) -> str:
        """Send a line and read the reply to it."""
        await self.say(line)
        return await self.hear()

    async def start_tls(self, ca_file: Path) -> None:
        """Do the handshake, verifying the server; the 220 has been read."""
        context = ssl.create_default_context(cafile=str(ca_file))
        async with asyncio.timeout(_PATIENCE):
            await self._writer.start_tls(context, server_hostname=LOOPBACK)

    async def taste(self) -> bytes:
        """Read whatever comes next; empty at the end."""
        async with asyncio.timeout(_PATIENCE):
            return await self._reader.read(65536)

    async def rest(self) -> bytes:
        """Read what comes until the server ends the connection, by whatever means."""
        pieces = []
        async with asyncio.timeout(_PATIENCE):
            with contextlib.suppress(OSError):
                while piece := await self._reader.read(65536):
                    pieces.append(piece)
        return b"".join(pieces)

    async def end(self) -> None:
        """Say that nothing more will come, and go on reading."""
        self._writer.write_eof()

    def vanish(self) -> None:
        """Break the connection as a crash of the client does."""
        self._writer.transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.vanish()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
