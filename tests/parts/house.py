"""The platform inside the test's event loop: real listeners, store and worker on a directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from postseal.dns import Resolver
from postseal.send.networks.network import Network
from postseal.serve.first_run import Announcement
from postseal.serve.platform import Platform, serving
from postseal.serve.settings import Settings
from postseal.tls import Trust

_PORTS: dict[str, object] = {
    "listeners": {name: {"port": 0} for name in ("submission", "submissions", "mx")},
    "web": {"enabled": False},
}


@dataclass(frozen=True, slots=True)
class House:
    """A platform that is up, and the credential that its first run announced."""

    platform: Platform
    data_directory: Path
    username: str
    password: str

    def port(self, listener: str) -> int:
        """Where a listener listens."""
        return self.platform.listeners[listener].port

    @property
    def ca_file(self) -> Path:
        """The authority that certified the listeners."""
        assert self.platform.authority is not None
        return self.platform.authority

    @property
    def url(self) -> str:
        """The submission listener, as the library's mailers want it."""
        return f"smtp://{self.username}@127.0.0.1:{self.port('submission')}"


def house_settings(directory: Path, **tables: object) -> Settings:
    """Make settings with ports that the system chooses; `tables` are those of the file."""
    return Settings.load(
        overrides={"data_directory": str(directory / "data"), **_PORTS, **tables},
    )


@asynccontextmanager
async def keep_house(
    directory: Path,
    *,
    resolver: Resolver | None = None,
    network: Network | None = None,
    web_trust: Trust | None = None,
    delivery: Mapping[str, object] | None = None,
    **tables: object,
) -> AsyncIterator[House]:
    """Run the platform in `directory`; the credential of a first run is kept beside its data."""
    settings = house_settings(directory, delivery=delivery or {}, **tables)
    kept = directory / "credential.txt"

    def announce(made: Announcement) -> None:
        assert made.credential is not None
        kept.write_text(f"{made.credential.name} {made.credential.password.reveal()}")

    async with serving(
        settings, announce=announce, resolver=resolver, network=network, web_trust=web_trust
    ) as platform:
        username, _, password = kept.read_text().partition(" ")
        yield House(platform, settings.data_directory, username, password)
