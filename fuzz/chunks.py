"""Input for fuzz targets cut from plain octets: pieces of a stream, flights, and texts.

Nothing is hidden in the input but a first octet that chooses how the rest is cut, so a corpus can
be written by hand and read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["PAUSE", "cuts", "flights", "text_of"]

PAUSE: Final = b"\xff"
"""What stands for a pause of the peer: no octet of UTF-8."""

_LARGEST_PIECE: Final = 24


def cuts(choice: int, data: bytes) -> list[list[bytes]]:
    """Cut a stream as a network may: in one piece, octet by octet, and as `choice` (0-255) says."""
    if not data:
        return [[], [], []]
    return [[data], [data[n : n + 1] for n in range(len(data))], list(_pieces(choice, data))]


def flights(data: bytes) -> list[bytes]:
    """Take apart what a peer says at `PAUSE`s, where it waits for the other side."""
    return [flight for flight in data.split(PAUSE) if flight]


def text_of(data: bytes) -> str:
    """Decode UTF-8; what is none becomes lone surrogates, which are hostile text as well."""
    return data.decode("utf-8", "surrogateescape")


def _pieces(choice: int, data: bytes) -> Iterator[bytes]:
    # A full-period generator of small steps: the lengths look random and are the same each time.
    position, state = 0, choice
    while position < len(data):
        state = (state * 141 + 3) % 256
        end = position + 1 + state % _LARGEST_PIECE
        yield data[position:end]
        position = end
