"""Whatever a connection begins with, and in whatever pieces, it is one PROXY header that says the
same when it is written anew, it is refused as RemoteProtocolError, or more octets are needed; and
no octet behind a header is lost.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final

from fuzz.chunks import cuts
from postseal.errors import RemoteProtocolError
from postseal.smtp.proxy_protocol import ProxiedConnection, ProxyHeaderReader

__all__ = ["run"]

# Fixed part and block of version 2, which is the longer one.
_LONGEST: Final = 16 + 520


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the cut."""
    choice, stream = data[0] if data else 0, data[1:]
    outcomes = [_read(pieces) for pieces in cuts(choice, stream)]
    assert outcomes[1:] == [outcomes[0]] * 2
    connection, behind = outcomes[0]
    if isinstance(connection, ProxiedConnection):
        assert stream.endswith(behind)
        assert len(stream) - len(behind) <= _LONGEST
        if connection.source is not None:
            assert _read([_line(connection) + behind]) == (connection, behind)
    elif connection is None:
        assert len(stream) < _LONGEST, "octets are kept without bound"


def _read(pieces: list[bytes]) -> tuple[ProxiedConnection | str | None, bytes]:
    reader = ProxyHeaderReader()
    for position, piece in enumerate(pieces):
        try:
            connection = reader.receive(piece)
        except RemoteProtocolError as error:
            assert str(error).isprintable()
            return "refused", b""
        if connection is not None:
            return connection, b"".join([reader.rest, *pieces[position + 1 :]])
    return None, b""


def _line(connection: ProxiedConnection) -> bytes:
    """Write a header of version 1."""
    family = "TCP4" if isinstance(connection.source, IPv4Address) else "TCP6"
    ends = f"{connection.source} {connection.destination}"
    return (
        f"PROXY {family} {ends} {connection.source_port} {connection.destination_port}\r\n"
    ).encode()
