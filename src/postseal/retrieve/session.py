"""What a retriever needs of a mailbox on a server, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, unique
from typing import Protocol

from postseal.retrieve.criteria import Criteria
from postseal.retrieve.kept import KeptMessage

__all__ = ["Afterwards", "Session"]


@unique
class Afterwards(Enum):
    """What becomes of a message on the server once the caller is through with it."""

    LEAVE = "leave"
    """Nothing: it is as new as it was."""
    MARK_SEEN = "mark seen"
    DELETE = "delete"


class Session(Protocol):
    """An open mailbox. Any `MailError` but a refusal leaves the connection closed."""

    def select(self, folder: str, *, read_only: bool) -> int:
        """Open a folder; give how many messages it has."""
        ...

    def folders(self) -> tuple[str, ...]:
        """List the folders by name."""
        ...

    def search(self, criteria: Criteria) -> Sequence[str]:
        """Give the keys of the messages that fit, the oldest first."""
        ...

    def fetch(self, key: str, *, max_octets: int) -> KeptMessage | None:
        """Get one message; None where it has gone. Raises `MessageTooLarge`."""
        ...

    def mark_seen(self, key: str) -> None:
        """Remember that somebody has read it."""
        ...

    def check(self, afterwards: Afterwards) -> None:
        """Raise `InvalidSetting` or `RetrievalRefused` for what cannot be done with a message."""
        ...

    def delete(self, key: str) -> None:
        """Remove one message; with POP3, at the honest end of the session."""
        ...

    def quit(self) -> None:
        """End the session; raise where something that was asked for is lost with it."""
        ...
