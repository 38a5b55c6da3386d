"""A message that is octets already, signed or encrypted, which nothing on its way may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from postseal.errors import InvalidInput
from postseal.mail.envelope import Envelope
from postseal.mail.message import Message

__all__ = ["PreparedMessage"]


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """Octets that are a whole message, lines ended by CRLF, and who they go to.

    `is_8bit`: its body holds octets above 127 (RFC 6152); `is_internationalized`: its header does
    (RFC 6532). Mailers send the octets as they are or not at all. Raises `InvalidInput` for octets
    above 127 that neither of the two announces.
    """

    envelope: Envelope
    content: bytes
    is_8bit: bool = False
    is_internationalized: bool = False

    def __post_init__(self) -> None:
        if self.is_8bit or self.is_internationalized or self.content.isascii():
            return
        raise InvalidInput(
            "the prepared message holds octets above 127 and is said to hold none",
            hint="Say is_8bit=True for those of a body, is_internationalized=True for a header's.",
        )

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Write a composed message, attachments and all, into memory.

        Raises `InvalidInput` if an attachment cannot be read.
        """
        return cls(message.envelope, bytes(message), is_internationalized=message.needs_smtputf8)

    def __bytes__(self) -> bytes:
        return self.content

    def __repr__(self) -> str:
        # What it says does not belong in logs.
        return f"<PreparedMessage of {len(self.content)} octets>"
