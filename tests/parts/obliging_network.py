"""A network whose servers take every message at once, and keep no octet of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from postseal.send.networks.network import Gate, IPAddress, Stream
from postseal.testing import MemoryNetwork
from tests.parts.worlds import World

_HELLO = b"250-mail.example.org\r\n250 PIPELINING\r\n"
_ANSWERS = {b"EHLO": _HELLO, b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}


class ObligingStream(Stream):
    """Answers 250 to all there is; `on_message` is told of each end of data."""

    def __init__(self, on_message: Callable[[], None]) -> None:
        self._said = bytearray(b"220 mail.example.org\r\n")
        self._heard = bytearray()
        self._in_body = False
        self._on_message = on_message

    @property
    def peer_address(self) -> str:
        return "192.0.2.25"

    @property
    def local_address(self) -> str:
        return "192.0.2.1"

    async def read(self, deadline: float) -> bytes:
        data = bytes(self._said)
        self._said.clear()
        return data

    async def write(self, data: bytes, deadline: float) -> None:
        self._heard += data
        while (end := self._heard.find(b"\r\n")) >= 0:
            line = bytes(self._heard[:end])
            del self._heard[: end + 2]
            if self._in_body:
                if line != b".":
                    continue
                self._on_message()
                self._in_body = False
                self._said += b"250 taken\r\n"
                continue
            self._in_body = line == b"DATA"
            self._said += _ANSWERS.get(line[:4], b"250 ok\r\n")

    def has_input(self) -> bool:
        return bool(self._said)

    def close(self) -> None:
        self._said.clear()


class ObligingNetwork(MemoryNetwork):
    """Connects to such servers, as many as are wanted; `taken` counts their messages."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.taken = 0
        self.opened = 0
        self._world = world

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        self.opened += 1
        return ObligingStream(self._count)

    def gate(self, places: int) -> Gate:
        return self._world.network().gate(places)

    def _count(self) -> None:
        self.taken += 1
