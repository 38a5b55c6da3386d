"""What a server says it can do: the reply to EHLO as a value (RFC 5321 4.1.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from postseal.smtp.grammar import KEYWORD
from postseal.smtp.limits import Limits
from postseal.smtp.reply import Reply

__all__ = ["Extensions"]


@dataclass(frozen=True, slots=True)
class Extensions:
    """The keywords of one EHLO reply, in upper case, each with its parameters as one text.

    Only whole lines count: a keyword inside another's parameters or in the greeting is none.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_reply(cls, reply: Reply) -> Extensions:
        """Read the lines behind the first; lines that are no keyword are passed over."""
        found: dict[str, str] = {}
        for line in reply.lines[1:]:
            keyword, _, parameters = line.strip().partition(" ")
            if KEYWORD.match(keyword):
                found.setdefault(keyword.upper(), parameters.strip())
        return cls(MappingProxyType(found))

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.parameters

    @property
    def mechanisms(self) -> frozenset[str]:
        """The SASL mechanisms offered by AUTH (RFC 4954 3)."""
        return frozenset(self.parameters.get("AUTH", "").upper().split())

    @property
    def max_message_size(self) -> int | None:
        """The largest message taken, in octets; None where no limit is stated (RFC 1870)."""
        text = self.parameters.get("SIZE", "")
        return int(text) or None if text.isascii() and text.isdigit() and len(text) <= 20 else None

    @property
    def limits(self) -> Limits | None:
        """What the server takes in one session; None where it does not tell (RFC 9422)."""
        text = self.parameters.get("LIMITS")
        return None if text is None else Limits.parse(text)
