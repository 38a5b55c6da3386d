"""Octets are read as a message of SCRAM or PLAIN that is written again as the same octets, or as
what of them was understood, or are refused.
"""

from __future__ import annotations

from contextlib import suppress

from postseal.smtp.sasl.plain import decode_plain, encode_plain
from postseal.smtp.sasl.scram_messages import (
    ClientFinal,
    ClientFirst,
    MessageInvalid,
    ServerFinal,
    ServerFirst,
)

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    with suppress(MessageInvalid):
        assert ClientFirst.read(data).encode() == data
    with suppress(MessageInvalid):
        final = ClientFinal.read(data)
        assert ClientFinal.read(final.encode()) == final
        assert data.startswith(final.bare)
    with suppress(MessageInvalid):
        first = ServerFirst.read(data)
        assert ServerFirst.read(first.encode()) == first
    with suppress(MessageInvalid):
        verdict = ServerFinal.read(data)
        if verdict.signature:
            assert ServerFinal.read(verdict.encode()) == verdict
        else:
            assert verdict.error
    if (credentials := decode_plain(data)) is not None:
        identity = credentials.authorization_identity
        assert data == encode_plain(
            credentials.username, credentials.password, authorization_identity=identity
        )
