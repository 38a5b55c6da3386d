"""Any octets are refused as InvalidInput or are an envelope that says the same once it is written
and read again.
"""

from __future__ import annotations

from postseal.errors import InvalidInput
from postseal.send.transports.envelope_json import envelope_from_json, envelope_to_json

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    try:
        read = envelope_from_json(data)
    except InvalidInput as error:
        assert str(error).isprintable()
        return
    assert envelope_from_json(envelope_to_json(read)) == read
