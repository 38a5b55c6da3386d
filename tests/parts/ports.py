"""A port that is ours before the server behind it exists, and refuses connections until then."""

from __future__ import annotations

import socket
from typing import Self

LOOPBACK = "127.0.0.1"
_ATTEMPTS = 50


class ReservedPort:
    """A loopback port chosen by the system and kept while the object is open.

    The socket is bound and never listens: connections are refused, the system gives the port to
    nobody else, and a server that sets SO_REUSEADDR (Postfix, smtp-sink, asyncio) may still listen.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, 0))
        self.number: int = self._socket.getsockname()[1]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as sockets want them."""
        return LOOPBACK, self.number

    def close(self) -> None:
        """Give the port back to the system."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def bind_streams_and_datagrams() -> tuple[socket.socket, socket.socket]:
    """Give two loopback sockets, of TCP and of UDP, on one port chosen by the system.

    The port of a new TCP socket may be in use by UDP: then another is tried. A server that sets
    SO_REUSEADDR (Unbound) may take the port over; what comes then is its.
    """
    for _ in range(_ATTEMPTS):
        streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            for one in (streams, datagrams):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            streams.bind((LOOPBACK, 0))
            datagrams.bind(streams.getsockname())
        except OSError:
            streams.close()
            datagrams.close()
        else:
            return streams, datagrams
    raise AssertionError(f"no port is free for TCP and UDP, {_ATTEMPTS} times")
