"""Two channels that are each other's peers, with nothing between them but the octets."""

from __future__ import annotations

import ssl

from postseal.tls import Channel, Opening, ResumableSession, TLSLevel, Trust
from tests.parts.flawed_certificates import HOST, Certificates


def client(
    certificates: Certificates,
    *,
    host: str = HOST,
    level: TLSLevel = TLSLevel.AUTHENTICATED,
    opening: Opening = Opening.STARTTLS,
    resume: ResumableSession | None = None,
) -> Channel:
    """A client that trusts the authority of `certificates`."""
    return Channel.client(
        host,
        trust=Trust.only(certificates.ca_file),
        level=level,
        opening=opening,
        resume=resume,
    )


def server(context: ssl.SSLContext, *, opening: Opening = Opening.STARTTLS) -> Channel:
    """A server's end."""
    return Channel.server(context, opening=opening)


def shake_hands(one: Channel, other: Channel, *, piece: int = 1 << 20) -> None:
    """Carry octets in pieces between two channels until neither has any."""
    while True:
        moved = False
        for source, sink in ((one, other), (other, one)):
            data = source.data_to_send()
            moved = moved or bool(data)
            for start in range(0, len(data), piece):
                assert sink.receive(data[start : start + piece]) == b""
        if not moved:
            return
