"""The envelope: who is told of failures, and who gets the message (RFC 5321 2.3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidInput

__all__ = ["MAX_RECIPIENTS", "Envelope"]

MAX_RECIPIENTS = 10_000
"""The most that one envelope takes."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The reverse-path, None for the null one of bounces, and the forward-paths in order.

    A recipient that is given twice is kept once; domains are compared without case. Raises
    `InvalidInput` without any recipient, and with more than 10,000.
    """

    sender: Address | None
    recipients: tuple[Address, ...]

    def __post_init__(self) -> None:
        unique: dict[tuple[str, str], Address] = {}
        for recipient in self.recipients:
            unique.setdefault((recipient.local, ascii_domain(recipient.domain)), recipient)
        if not unique:
            raise InvalidInput("there is no recipient", hint="Give one in to, cc or bcc.")
        if len(unique) > MAX_RECIPIENTS:
            raise InvalidInput(
                f"{len(unique)} recipients are more than the {MAX_RECIPIENTS} of one envelope",
                hint="Send several messages.",
            )
        object.__setattr__(self, "recipients", tuple(unique.values()))

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address can only travel by SMTPUTF8 (RFC 6531)."""
        if self.sender is not None and self.sender.is_internationalized:
            return True
        return any(recipient.is_internationalized for recipient in self.recipients)
