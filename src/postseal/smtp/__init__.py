"""The protocol, in both roles and without I/O (RFC 5321, 2034, 2920, 3207, 4954)."""

from __future__ import annotations

from postseal.smtp.client import ClientSession, ClientState, ReplyReceived
from postseal.smtp.extensions import Extensions
from postseal.smtp.reply import Reply
from postseal.smtp.server import ServerSession, ServerState

__all__ = [
    "ClientSession",
    "ClientState",
    "Extensions",
    "Reply",
    "ReplyReceived",
    "ServerSession",
    "ServerState",
]
