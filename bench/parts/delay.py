"""A proxy that passes on everything some time later, as a long way does.

Run as ``python -m bench.parts.delay PORT SECONDS`` it prints {"port": N}.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque

from bench.parts.processes import LOOPBACK


class _End(asyncio.Protocol):
    """One end of a connection; what it hears, the other says `seconds` later."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._under_way: deque[bytes] = deque()
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._under_way.append(data)
        self._loop.call_later(self._seconds, self._arrive)

    def connection_lost(self, exc: Exception | None) -> None:
        self._under_way.append(b"")
        self._loop.call_later(self._seconds, self._arrive)

    def _arrive(self) -> None:
        # Timers of the same moment are in no order; what is under way is.
        data = self._under_way.popleft()
        if self.other is None or self.other.transport is None:
            return
        if data:
            self.other.transport.write(data)
        else:
            self.other.transport.close()


class _Accepted(_End):
    """The client's end, which makes the server's."""

    def __init__(self, port: int, seconds: float) -> None:
        super().__init__(seconds)
        self._port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        def make() -> _End:
            end = _End(self._seconds)
            end.other = self
            return end

        _, self.other = await self._loop.create_connection(make, LOOPBACK, self._port)


async def _run(port: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Accepted(port, seconds), LOOPBACK, 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), float(sys.argv[2])))
