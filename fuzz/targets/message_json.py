"""Any octets are refused as InvalidInput or are a message that is written in fit lines and comes
back from its own JSON.
"""

from __future__ import annotations

from postseal.errors import InvalidInput
from postseal.mail import Message

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    try:
        message = Message.from_json(data)
    except InvalidInput as error:
        assert str(error).isprintable()
        return
    assert max(map(len, bytes(message).split(b"\r\n"))) <= 998
    assert Message.from_json(message.to_json()) == message
