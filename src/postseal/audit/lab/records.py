"""What a hostile server saw: every octet, told apart by whether TLS was below it."""

from __future__ import annotations

from dataclasses import dataclass, field

from postseal.address import Address

__all__ = ["Connection", "Delivered", "Record"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that the honest engine took; `was_sealed` tells whether by TLS."""

    recipients: tuple[Address, ...]
    content: bytes
    was_sealed: bool


@dataclass(slots=True)
class Connection:
    """One connection: what the client said in clear and sealed, and what became of TLS.

    `dialogue` is for people: who said what, in order. `continued` is set when the client went on
    with a handshake that it had to break off; `trapped` says what else it believed wrongly, and
    `swallowed` how many octets of an answer without end it took.
    """

    number: int
    clear: bytearray = field(default_factory=bytearray)
    sealed: bytearray = field(default_factory=bytearray)
    handshake: bytearray = field(default_factory=bytearray)
    tls: str = ""
    continued: bool = False
    trapped: list[str] = field(default_factory=list)
    swallowed: int = 0
    delivered: list[Delivered] = field(default_factory=list)
    dialogue: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Record:
    """All the connections of one client in one case; `fault` says how the lab itself failed."""

    connections: list[Connection] = field(default_factory=list)
    fault: str = ""

    @property
    def delivered(self) -> list[Delivered]:
        """The messages that were taken, over all connections."""
        return [one for connection in self.connections for one in connection.delivered]
