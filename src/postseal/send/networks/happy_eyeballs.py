"""Several addresses of one host: in which order they are tried, and how long after each other.

Source: RFC 8305 4, 5.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Final

from postseal.send.networks.lookup import Place

__all__ = ["ATTEMPT_DELAY", "in_turn"]

ATTEMPT_DELAY: Final = 0.25
"""How long an attempt is alone before the next one begins, in seconds (RFC 8305 5)."""


def in_turn(places: Iterable[Place]) -> tuple[Place, ...]:
    """Order places for the attempts: the families by turns, beginning with that of the first."""
    by_family: dict[int, list[Place]] = {}
    for place in dict.fromkeys(places):
        by_family.setdefault(place.family, []).append(place)
    turns = chain.from_iterable(zip_longest(*by_family.values()))
    return tuple(place for place in turns if place is not None)
