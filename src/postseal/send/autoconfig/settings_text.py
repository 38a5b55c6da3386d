"""The settings of an account as text, for people who type them in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from postseal.address import Address
from postseal.send.autoconfig.account import (
    AccountSettings,
    ServerSettings,
    Service,
    UserFormat,
    username_for,
)
from postseal.tls.channel import Opening

__all__ = ["write_settings_text"]

_TITLES: Final = {
    Service.SUBMISSION: "Sending (SMTP)",
    Service.IMAP: "Reading (IMAP)",
    Service.POP3: "Reading (POP3)",
}
# In the words of mail programs, which seldom say TLS where they mean it.
_SECURITY: Final = {
    Opening.IMPLICIT: "SSL/TLS",
    Opening.STARTTLS: 'STARTTLS, always (not "if available")',
    None: "none",
}
_USERS: Final = {
    UserFormat.ADDRESS.template: "the whole address",
    UserFormat.LOCAL_PART.template: "what is before the @ of the address",
}


def write_settings_text(settings: AccountSettings, *, address: Address | None = None) -> str:
    """Write the servers, for reading first, each preferred one before those that may do instead."""
    return "\n".join(_lines(settings, address)) + "\n"


def _lines(settings: AccountSettings, address: Address | None) -> Iterator[str]:
    yield f"Mail of {address or settings.domain}"
    for service in (Service.IMAP, Service.POP3, Service.SUBMISSION):
        for rank, server in enumerate(settings.of(service)):
            yield ""
            yield _TITLES[service] + (", where the one before does not work" if rank else "")
            yield from _server_lines(server, address)


def _server_lines(server: ServerSettings, address: Address | None) -> Iterator[str]:
    if address is None:
        user = _USERS.get(server.username, server.username)
    else:
        user = username_for(server.username, address)
    for label, value in (
        ("Server", server.host),
        ("Port", str(server.port)),
        ("Security", _SECURITY[server.opening]),
        ("Login", "password (normal)"),
        ("User", user),
    ):
        yield f"  {label:<10}{value}"
