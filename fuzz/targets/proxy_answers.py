"""Whatever a proxy answers, and however it is cut, it is refused as ConnectError or has let us
through, and then what came behind its answer is the server's, in full.
"""

from __future__ import annotations

from collections import deque

from fuzz.chunks import cuts
from postseal.errors import ConnectError
from postseal.send.networks.blocking import run as drive
from postseal.send.networks.network import Stream
from postseal.send.networks.proxy_dialogues import ask_http, ask_socks
from postseal.send.networks.tunnel import Tunnel

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the cut, and the kind of the proxy."""
    if not data:
        return
    answer = data[1:]
    outcomes = [_left_behind(data[0], pieces) for pieces in cuts(data[0], answer)]
    assert outcomes[1:] == [outcomes[0]] * 2
    assert outcomes[0] is None or answer.endswith(outcomes[0])


def _left_behind(choice: int, pieces: list[bytes]) -> bytes | None:
    tunnel = Tunnel(_Proxy(pieces), peer_address="")
    ask = ask_socks if choice % 2 else ask_http
    try:
        drive(ask(tunnel, "mail.example.org", 25, None, None, 1.0))
    except ConnectError as error:
        assert str(error).isprintable()
        return None
    left = b""
    while octets := drive(tunnel.read(1.0)):
        left += octets
    return left


class _Proxy(Stream):
    """Says its pieces, hears everything, and ends."""

    peer_address = local_address = ""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = deque(pieces)

    async def read(self, deadline: float) -> bytes:
        return self._pieces.popleft() if self._pieces else b""

    async def write(self, data: bytes, deadline: float) -> None:
        assert data

    def has_input(self) -> bool:
        return bool(self._pieces)

    def close(self) -> None:
        self._pieces.clear()
