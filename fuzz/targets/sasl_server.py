"""Whatever a client says in an AUTH exchange, the server's mechanism takes steps, raises nothing
and lets nobody in who does not know the keys.
"""

from __future__ import annotations

from typing import Final

from fuzz.chunks import flights
from postseal.smtp.sasl import (
    Challenge,
    Failed,
    PasswordReceived,
    RecordNeeded,
    ScramHash,
    ScramServer,
    ServerOffer,
)

__all__ = ["run"]

_OFFER: Final = ServerOffer(
    scram_hashes=tuple(ScramHash),
    channel_binding=b"\x01" * 32,
    decoy_secret=b"\x02" * 32,
    nonce=lambda: "SERVER",
)


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the mechanism; pauses part responses."""
    if not data:
        return
    server = _OFFER.begin(_OFFER.names[data[0] % len(_OFFER.names)])
    assert server is not None
    responses: list[bytes | None] = [*flights(data[1:])]
    for response in responses or [None]:
        step = server.receive(response)
        if isinstance(step, RecordNeeded):
            assert isinstance(server, ScramServer)
            assert step.username
            step = server.supply(None)
        assert isinstance(step, Challenge | Failed | PasswordReceived)
        if isinstance(step, PasswordReceived):
            assert step.credentials.username
            assert "\x00" not in step.credentials.password
