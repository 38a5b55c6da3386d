"""Any octets are a ClientHello, the beginning of one or `UnreadableHello`, and the same octet by
octet; the name that is read is one that hosts have.
"""

from __future__ import annotations

from postseal.tls.client_hello import (
    ClientHello,
    ClientHelloReader,
    UnreadableHello,
    is_server_name,
)

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    whole = _read([data])
    assert _read([data[at : at + 1] for at in range(len(data))]) == whole
    if isinstance(whole, ClientHello) and whole.server_name is not None:
        assert is_server_name(whole.server_name)
        assert whole.server_name.isprintable()
        assert whole.server_name.isascii()


def _read(pieces: list[bytes]) -> ClientHello | str | None:
    reader = ClientHelloReader()
    try:
        for piece in pieces:
            if (hello := reader.feed(piece)) is not None:
                return hello
    except UnreadableHello:
        return "unreadable"
    return None
