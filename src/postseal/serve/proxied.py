"""Who is at the other end of a connection, and what a balancer in front of us says of it.

The PROXY protocol is read from configured peers, and from those always: one that sends no header
is turned away, and a header from anybody else is no SMTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from postseal.errors import Disconnected, Phase, TimedOut
from postseal.send.networks.network import Stream
from postseal.smtp.proxy_protocol import ProxyHeaderReader

__all__ = ["Arrival", "Networks", "arrive", "client_ip"]

Networks = tuple[IPv4Network | IPv6Network, ...]
"""Peers that are trusted with something by configuration."""

_HINT = "Let this peer send the PROXY protocol, or take it off the list of those that do."


@dataclass(frozen=True, slots=True)
class Arrival:
    """A connection as it counts from here on: its octets, and whose they are."""

    stream: Stream
    client: IPv4Address | IPv6Address | None


async def arrive(stream: Stream, *, proxies: Networks, deadline: float) -> Arrival:
    """Take the PROXY header off a connection, if its peer is among the `proxies`.

    LOCAL and UNKNOWN connections stay those of the peer. Raises `RemoteProtocolError` for what is
    no header, `TimedOut` for one that is not whole at the `deadline`, and `Disconnected`.
    """
    peer = client_ip(stream.peer_address)
    if peer is None or not any(peer in network for network in proxies):
        return Arrival(stream, peer)
    reader = ProxyHeaderReader()
    proxied = None
    while proxied is None:
        try:
            data = await stream.read(deadline)
        except TimedOut:
            raise TimedOut(
                "no PROXY header came in time", phase=Phase.CONNECT, hint=_HINT
            ) from None
        if not data:
            raise Disconnected("the peer left before its PROXY header", phase=Phase.CONNECT)
        proxied = reader.receive(data)
    rest = _Resumed(stream, reader.rest) if reader.rest else stream
    return Arrival(rest, peer if proxied.source is None else _plain(proxied.source))


def client_ip(text: str) -> IPv4Address | IPv6Address | None:
    """Read a peer's address as networks are compared with it; None for what is none."""
    try:
        return _plain(ip_address(text))
    except ValueError:
        return None


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    # A listener on "::" sees clients of IPv4 in this form; the rules are written in the other.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


class _Resumed(Stream):
    """A stream whose first octets were read already."""

    def __init__(self, stream: Stream, beginning: bytes) -> None:
        self._stream = stream
        self._beginning = beginning

    @property
    def peer_address(self) -> str:
        return self._stream.peer_address

    @property
    def local_address(self) -> str:
        return self._stream.local_address

    async def read(self, deadline: float) -> bytes:
        data, self._beginning = self._beginning, b""
        return data or await self._stream.read(deadline)

    async def write(self, data: bytes, deadline: float) -> None:
        await self._stream.write(data, deadline)

    def has_input(self) -> bool:
        return bool(self._beginning) or self._stream.has_input()

    def close(self) -> None:
        self._stream.close()
