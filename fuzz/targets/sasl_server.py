"""Whatever a client says in an AUTH exchange, the server's mechanism takes steps, raises nothing
and lets nobody in who does not know the keys.
"""

from __future__ import annotations

from typing import Final

from fuzz.chunks import flights
from postseal.smtp.sasl import (
    CertificateClaimed,
    Challenge,
    ChannelEnds,
    Failed,
    PasswordReceived,
    RecordNeeded,
    ScramServer,
    ServerOffer,
    ServerSASL,
    TokenPresented,
)

__all__ = ["run"]

_CHANNEL: Final = ChannelEnds(channel_binding=b"\x01" * 32, client_certificate=b"certificate")
_OFFER: Final = ServerOffer(
    frozenset(ServerSASL), decoy_secret=b"\x02" * 32, nonce=lambda: "SERVER"
)
_NAMES: Final = _OFFER.names(_CHANNEL)


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the mechanism; pauses part responses."""
    if not data:
        return
    server = _OFFER.begin(_NAMES[data[0] % len(_NAMES)], _CHANNEL)
    assert server is not None
    responses: list[bytes | None] = [*flights(data[1:])]
    for response in responses or [None]:
        step = server.receive(response)
        if isinstance(step, RecordNeeded):
            assert isinstance(server, ScramServer)
            assert step.username
            step = server.supply(None)
        match step:
            case PasswordReceived(credentials):
                assert credentials.username
                assert "\x00" not in credentials.password
            case TokenPresented(username, token):
                assert token.isascii()
                assert not {"\x00", "\x01"} & {*username, *token}
            case CertificateClaimed(identity):
                assert "\x00" not in identity
            case _:
                assert isinstance(step, Challenge | Failed)
