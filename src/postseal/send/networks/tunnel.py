"""A stream through a proxy: what the proxy says first is taken from it, what follows is carried."""

from __future__ import annotations

from postseal.errors import ConnectError
from postseal.send.networks.network import Stream

__all__ = ["Tunnel"]


class Tunnel(Stream):
    """Carries octets over another stream; `peer_address` is that of who is behind the proxy.

    What arrived behind the proxy's last word is kept for the first read: servers speak first.
    """

    def __init__(self, stream: Stream, *, peer_address: str) -> None:
        self._stream = stream
        self._peer_address = peer_address
        self._early = b""

    @property
    def peer_address(self) -> str:
        """The address behind the proxy; empty where only the proxy knows it."""
        return self._peer_address

    @property
    def local_address(self) -> str:
        """Empty: the address that the server sees is the proxy's."""
        return ""

    async def take(self, size: int, deadline: float) -> bytes:
        """Read exactly `size` octets of the proxy's. Raises `ConnectError` at an end."""
        while len(self._early) < size:
            await self._fetch(deadline)
        taken, self._early = self._early[:size], self._early[size:]
        return taken

    async def take_until(self, end: bytes, limit: int, deadline: float) -> bytes:
        """Read up to and with `end`, behind at most `limit` octets. Raises `ConnectError`."""
        while (found := self._early.find(end)) < 0 and len(self._early) < limit + len(end):
            await self._fetch(deadline)
        if not 0 <= found <= limit:
            raise ConnectError("what it says goes on and on")
        return await self.take(found + len(end), deadline)

    async def read(self, deadline: float) -> bytes:
        if self._early:
            data, self._early = self._early, b""
            return data
        return await self._stream.read(deadline)

    async def write(self, data: bytes, deadline: float) -> None:
        await self._stream.write(data, deadline)

    def has_input(self) -> bool:
        return bool(self._early) or self._stream.has_input()

    def close(self) -> None:
        self._stream.close()

    def abandon(self) -> None:
        self._stream.abandon()

    async def _fetch(self, deadline: float) -> None:
        data = await self._stream.read(deadline)
        if not data:
            raise ConnectError("it closed the connection before it had answered")
        self._early += data
