"""What a client that authenticates is told: the same words, whatever was wrong.

An unknown user is told from a wrong password no more than from a wrong proof: whoever could tell
them apart would learn who there is.
"""

from __future__ import annotations

from typing import Final

from postseal.smtp.reply import Reply

__all__ = ["LET_IN", "REFUSED", "reply_to_proven"]

LET_IN: Final = Reply(235, ("Authentication succeeded",), "2.7.0")
"""The client is who it says (RFC 4954 6)."""

REFUSED: Final = Reply(535, ("Authentication credentials invalid",), "5.7.8")
"""It is not, or may not act as whom it names (RFC 4954 6)."""


def reply_to_proven(username: str, identity: str) -> Reply:
    """Let in who is proven to be a user, and wants to act as nobody else (RFC 4422 3.4.1)."""
    return LET_IN if identity in ("", username) else REFUSED
