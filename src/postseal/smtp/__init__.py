"""The protocol, in both roles and without I/O (RFC 5321, 2034, 2920, 3207, 4954)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.smtp.client import ClientSession, ClientState, ReplyReceived
    from postseal.smtp.extensions import Extensions
    from postseal.smtp.reply import Reply
    from postseal.smtp.server import ServerSession, ServerState
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.smtp.client": (
                "ClientSession",
                "ClientState",
                "ReplyReceived",
            ),
            "postseal.smtp.extensions": ("Extensions",),
            "postseal.smtp.reply": ("Reply",),
            "postseal.smtp.server": (
                "ServerSession",
                "ServerState",
            ),
        },
    )

__all__ = [
    "ClientSession",
    "ClientState",
    "Extensions",
    "Reply",
    "ReplyReceived",
    "ServerSession",
    "ServerState",
]
