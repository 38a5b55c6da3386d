"""The client under attack: how it is started, and how a run of it ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from postseal.audit.lab.canaries import Canaries
from postseal.audit.lab.case import Mode

__all__ = ["Client", "ClientRun", "Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a client is told for one run: where the server is, and what to send to whom.

    `ca_file` is the one authority to trust.
    """

    host: str
    port: int
    mode: Mode
    canaries: Canaries
    ca_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRun:
    """How a run ended. `exit_code` is None for a client that had to be stopped.

    `crashed`: it ended by a signal or an unhandled exception. `output` is what it said, without
    the secrets of its environment.
    """

    exit_code: int | None
    seconds: float
    output: str = ""
    crashed: bool = False

    @property
    def claims_success(self) -> bool:
        """True when the client says that the message is on its way."""
        return self.exit_code == 0


class Client(Protocol):
    """Something that sends one message for given settings."""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        ...

    async def run(self, settings: Settings, *, patience: float) -> ClientRun:
        """Send one message, in at most `patience` seconds."""
        ...
