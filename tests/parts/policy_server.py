"""An HTTPS server with the MTA-STS policies of many domains, and a network on which it is found.

What is posted to it, such as a TLS report, it keeps.
"""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

import trustme

from postseal.send.networks.aio import AsyncioNetwork
from postseal.send.networks.network import Gate, IPAddress, Network, Stream
from postseal.tls import Trust
from tests.parts.ports import LOOPBACK

T = TypeVar("T")


@dataclass(slots=True)
class PolicyServer(Network):
    """Serves `policies[domain]`; an async context manager, and the network that leads to it.

    Connections to port 443 go to it, all others where they should.
    """

    directory: Path
    policies: Mapping[str, str]
    hosts: Sequence[str] = ()
    status: str = "200 OK"
    posted: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _inner: Network = field(default_factory=AsyncioNetwork)

    @property
    def trust(self) -> Trust:
        return Trust.only(self.directory / "web-authority.pem")

    async def __aenter__(self) -> Self:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.directory / "web-authority.pem")
        names = [*(f"mta-sts.{domain}" for domain in self.policies), *self.hosts]
        # Not on the edge of a day, whatever the clock of the test says.
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)
        leaf = authority.issue_cert(*names, not_after=ends)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, ssl=context)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    def now(self) -> float:
        return self._inner.now()

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        if port != 443:
            return await self._inner.connect(host, port, deadline, addresses=addresses)
        assert self._server is not None
        own_port = self._server.sockets[0].getsockname()[1]
        return await self._inner.connect(LOOPBACK, own_port, deadline)

    async def connect_unix(self, path: str, deadline: float) -> Stream:
        return await self._inner.connect_unix(path, deadline)

    def gate(self, places: int) -> Gate:
        return self._inner.gate(places)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)

    async def run_blocking(self, work: Callable[[], T]) -> T:
        return await self._inner.run_blocking(work)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        request, *fields = head.splitlines()
        headers = {
            name.lower(): value for name, _, value in (one.partition(": ") for one in fields)
        }
        self.asked.append(f"{request.partition(' HTTP')[0]} {headers['host']}")
        if request.startswith("POST "):
            self.posted.append(await reader.readexactly(int(headers["content-length"])))
        body = self.policies.get(headers["host"].removeprefix("mta-sts."), "")
        writer.write(
            f"HTTP/1.1 {self.status}\r\nContent-Type: text/plain\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()
