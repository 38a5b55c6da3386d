"""The settings of a mail account: its servers, how each is sealed, and who the user is there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from postseal.address import Address
from postseal.tls.channel import Opening

__all__ = ["AccountSettings", "ServerSettings", "Service", "UserFormat", "username_for"]

_ADDRESS: Final = "%EMAILADDRESS%"
_LOCAL_PART: Final = "%EMAILLOCALPART%"
_DOMAIN: Final = "%EMAILDOMAIN%"


@unique
class Service(StrEnum):
    """What a server does for a mail program."""

    SUBMISSION = "submission"
    IMAP = "imap"
    POP3 = "pop3"


@unique
class UserFormat(StrEnum):
    """What users are called by their server."""

    ADDRESS = "address"
    LOCAL_PART = "local-part"

    @property
    def template(self) -> str:
        """The placeholder that mail programs put the name in place of."""
        return _ADDRESS if self is UserFormat.ADDRESS else _LOCAL_PART


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """One server. An `opening` of None is a connection in clear.

    `username` may have the placeholders `%EMAILADDRESS%`, `%EMAILLOCALPART%` and `%EMAILDOMAIN%`;
    it is empty where the user is not told.
    """

    service: Service
    host: str
    port: int
    opening: Opening | None
    username: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """What a mail program needs for the accounts of a domain; the preferred servers come first."""

    domain: str
    name: str
    servers: tuple[ServerSettings, ...]

    def of(self, service: Service) -> tuple[ServerSettings, ...]:
        """Give the servers for one service."""
        return tuple(server for server in self.servers if server.service is service)


def username_for(template: str, address: Address) -> str:
    """Put what `address` has in place of the placeholders."""
    return (
        template.replace(_ADDRESS, str(address))
        .replace(_LOCAL_PART, address.local)
        .replace(_DOMAIN, address.domain)
    )
