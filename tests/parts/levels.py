"""A memory of levels that ends with the test."""

from __future__ import annotations

from postseal.tls.remembered import LevelMemory, Sighting


class Levels(LevelMemory):
    """Keeps sightings in a dictionary, which tests may look at and fill."""

    def __init__(self) -> None:
        self.sightings: dict[str, Sighting] = {}

    async def recall(self, destination: str) -> Sighting | None:
        """Give what is known of a destination."""
        return self.sightings.get(destination)

    async def remember(self, destination: str, sighting: Sighting | None) -> None:
        """Replace what is known of a destination; None forgets it."""
        if sighting is None:
            self.sightings.pop(destination, None)
        else:
            self.sightings[destination] = sighting
