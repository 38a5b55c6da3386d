"""LIMITS: what a server says it takes in one session, and a client's account of it (RFC 9422)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from postseal.address import Address, ascii_domain

__all__ = ["Allowance", "Limits"]

# RFC 9422 4: one to six digits, the first of which is no zero.
_VALUE: Final = re.compile(r"[1-9][0-9]{0,5}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one EHLO reply; None where none is stated.

    `max_messages` (MAILMAX) counts MAIL commands of a session, `max_recipients` (RCPTMAX) RCPT
    commands of a transaction, `max_recipient_domains` (RCPTDOMAINMAX) the domains of a session;
    commands that are refused count as well.
    """

    max_messages: int | None = None
    max_recipients: int | None = None
    max_recipient_domains: int | None = None

    @classmethod
    def parse(cls, parameters: str) -> Self:
        """Read the parameters of LIMITS; limits that are unknown or malformed are none."""
        found: dict[str, int] = {}
        for parameter in parameters.split():
            name, _, value = parameter.partition("=")
            if _VALUE.match(value):
                found.setdefault(name.upper(), int(value))
        return cls(found.get("MAILMAX"), found.get("RCPTMAX"), found.get("RCPTDOMAINMAX"))


class Allowance:
    """What is left of a session's limits: say what is going to be sent, send what is given."""

    __slots__ = ("_domains", "_limits", "_messages")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._messages = 0
        self._domains: set[str] = set()

    @property
    def is_spent(self) -> bool:
        """True when the session takes no further message."""
        most = self._limits.max_messages
        return most is not None and self._messages >= most

    def take(self, recipients: Sequence[Address]) -> tuple[Address, ...]:
        """Give the first recipients, in their order, that may share the next transaction.

        They count as sent. None are given when the session takes no more; a new session takes at
        least one.
        """
        if self.is_spent:
            return ()
        taken, domains = self._first(recipients)
        if taken:
            self._messages += 1
            self._domains = domains
        return taken

    def take_all(self, recipients: Sequence[Address]) -> bool:
        """Tell whether all may share the next transaction; if so, they count as sent."""
        if self.is_spent or len(self._first(recipients)[0]) < len(recipients):
            return False
        self.take(recipients)
        return True

    def _first(self, recipients: Sequence[Address]) -> tuple[tuple[Address, ...], set[str]]:
        most = self._limits.max_recipient_domains
        domains = set(self._domains)
        taken: list[Address] = []
        for recipient in recipients:
            if len(taken) == self._limits.max_recipients:
                break
            domain = ascii_domain(recipient.domain)
            if domain in domains or most is None or len(domains) < most:
                domains.add(domain)
                taken.append(recipient)
        return tuple(taken), domains
