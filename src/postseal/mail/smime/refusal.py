"""The error by which a step of the verification says what it found; it never leaves the package."""

from __future__ import annotations

from postseal.mail.seal_status import SignatureStatus

__all__ = ["Refusal"]


class Refusal(Exception):
    """A signature is not valid; caught where it becomes a value."""

    def __init__(self, status: SignatureStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
