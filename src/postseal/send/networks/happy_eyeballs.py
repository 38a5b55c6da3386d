"""Several addresses of one host: in which order they are tried, and how long after each other.

Source: RFC 8305 4, 5.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Final

from postseal.send.networks.network import IPAddress

__all__ = ["ATTEMPT_DELAY", "in_turn"]

ATTEMPT_DELAY: Final = 0.25
"""How long an attempt is alone before the next one begins, in seconds (RFC 8305 5)."""


def in_turn(addresses: Iterable[IPAddress]) -> tuple[IPAddress, ...]:
    """Order addresses for the attempts: IPv6 first, then the two families by turns."""
    distinct = tuple(dict.fromkeys(addresses))
    by_family = ([one for one in distinct if one.version == version] for version in (6, 4))
    turns = chain.from_iterable(zip_longest(*by_family))
    return tuple(address for address in turns if address is not None)
