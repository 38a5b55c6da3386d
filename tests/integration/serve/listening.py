"""What a test can ask of a listener of its own."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from postseal.serve.listener import Listener, Patience
from postseal.serve.proxied import Networks
from postseal.serve.settings import Settings
from postseal.smtp.rules import Offer, ServerRules
from postseal.tls import Opening

USERNAME = "ada"
PASSWORD = "the-password-of-ada-is-long-enough"

IN_CLEAR = ServerRules("mail.test", Offer.OFFERED, Offer.UNAVAILABLE)
"""The rules of an mx listener: TLS is no condition, so a transcript can be short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a test wants of its listener; the rest is as the submission listener has it."""

    opening: Opening = Opening.STARTTLS
    session: ServerRules = field(default_factory=lambda: ServerRules("mail.test"))
    max_connections: int = 10
    proxies: Networks = ()
    patience: Patience = field(default_factory=Patience)
    settings: Settings = field(default_factory=lambda: Settings(hostname="mail.test"))
    spool_directory: Path | None = None


OpenListener = Callable[[Rules], Awaitable[Listener]]


def auth_plain(username: str = USERNAME, password: str = PASSWORD, *, identity: str = "") -> str:
    """The command that authenticates with PLAIN (RFC 4616), perhaps to act as `identity`."""
    response = base64.b64encode(f"{identity}\0{username}\0{password}".encode()).decode()
    return f"AUTH PLAIN {response}"
