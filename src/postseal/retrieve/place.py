"""Mailbox URLs: which server, by which protocol, and how sealed the way to it must be."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import Final
from urllib.parse import urlsplit

from postseal.errors import InvalidURL
from postseal.send.endpoint import Endpoint

__all__ = ["MailboxProtocol", "MailboxURL"]


@unique
class MailboxProtocol(StrEnum):
    """How a mailbox is spoken to."""

    IMAP = "IMAP"
    """RFC 3501 and RFC 9051."""
    POP3 = "POP3"
    """RFC 1939."""


@dataclass(frozen=True, slots=True)
class _Scheme:
    protocol: MailboxProtocol
    port: int
    sealed_as: str


# RFC 8314 3: TLS from the first octet has ports of its own; the others ask for STARTTLS or STLS.
_SCHEMES: Final = {
    "imap": _Scheme(MailboxProtocol.IMAP, 143, "smtp"),
    "imaps": _Scheme(MailboxProtocol.IMAP, 993, "smtps"),
    "imap+insecure": _Scheme(MailboxProtocol.IMAP, 143, "smtp+insecure"),
    "pop3": _Scheme(MailboxProtocol.POP3, 110, "smtp"),
    "pop3s": _Scheme(MailboxProtocol.POP3, 995, "smtps"),
    "pop3+insecure": _Scheme(MailboxProtocol.POP3, 110, "smtp+insecure"),
}


@dataclass(frozen=True, slots=True)
class MailboxURL:
    """A mailbox on a server, as a URL such as `imaps://ada@mail.example.com` names it.

    | URL | meaning |
    |---|---|
    | `imap://user@host` | STARTTLS required, peer verified, port 143 |
    | `imaps://user@host` | TLS from the first octet, peer verified, port 993 |
    | `pop3://user@host` | STLS required, peer verified, port 110 |
    | `pop3s://user@host` | TLS from the first octet, peer verified, port 995 |
    | `imap+insecure://`, `pop3+insecure://` | no TLS; to a loopback address alone |
    """

    protocol: MailboxProtocol
    endpoint: Endpoint

    @classmethod
    def parse(cls, url: str) -> MailboxURL:
        """Read a URL. Raises `InvalidURL`, which never repeats a password."""
        name, separator, rest = url.partition("://")
        scheme = _SCHEMES.get(name.lower())
        if not separator or scheme is None:
            near = difflib.get_close_matches(name[:20].lower(), _SCHEMES, n=1)
            raise InvalidURL(
                "a mailbox must be given as a URL of a known scheme",
                hint=f"Did you mean {near[0]}://?"
                if separator and near
                else f"Known: {', '.join(f'{known}://' for known in _SCHEMES)}.",
            )
        try:
            # What makes a URL of a server sound is the same for all protocols.
            endpoint = Endpoint.parse(f"{scheme.sealed_as}://{rest}")
        except InvalidURL as error:
            raise InvalidURL(
                error.text, hint="For example imaps://ada@mail.example.com, without a password."
            ) from None
        if urlsplit(f"//{rest}").port is None:
            endpoint = replace(endpoint, port=scheme.port)
        return cls(scheme.protocol, endpoint)
