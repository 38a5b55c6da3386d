"""The configuration profile by which Apple's systems set up a mail account.

Source: Apple, Device Management: Mail (`com.apple.mail.managed`), TopLevel, CommonPayloadKeys.
"""

from __future__ import annotations

from plistlib import dumps
from typing import Final
from uuid import NAMESPACE_DNS, uuid5

from postseal.address import Address
from postseal.errors import InvalidSetting
from postseal.send.autoconfig.account import (
    AccountSettings,
    ServerSettings,
    Service,
    username_for,
)

__all__ = ["write_apple_profile"]

_TYPES: Final = {Service.IMAP: "EmailTypeIMAP", Service.POP3: "EmailTypePOP"}


def write_apple_profile(settings: AccountSettings, *, address: Address | None = None) -> bytes:
    """Write a `.mobileconfig` file with the first server of each kind, unsigned.

    Without `address` it is for everybody, and the device asks. It never has a password in it. The
    identifiers follow from the domain, so that a later profile takes the place of an earlier one.
    Raises `InvalidSetting` where a server for reading or for sending is missing or not sealed.
    """
    incoming = _sealed([*settings.of(Service.IMAP), *settings.of(Service.POP3)], "reading")
    outgoing = _sealed([*settings.of(Service.SUBMISSION)], "sending")
    identifier = ".".join([*reversed(settings.domain.split(".")), "postseal", "mail"])
    account: dict[str, object] = {
        **_head(settings, "com.apple.mail.managed", f"{identifier}.account"),
        "EmailAccountDescription": settings.name,
        "EmailAccountType": _TYPES[incoming.service],
        **_server(incoming, "Incoming"),
        **_server(outgoing, "Outgoing"),
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    if address is not None:
        account["EmailAddress"] = str(address)
        account["IncomingMailServerUsername"] = username_for(incoming.username, address)
        account["OutgoingMailServerUsername"] = username_for(outgoing.username, address)
    profile = {
        **_head(settings, "Configuration", identifier),
        "PayloadOrganization": settings.name,
        "PayloadContent": [account],
    }
    return dumps(profile)


def _head(settings: AccountSettings, kind: str, identifier: str) -> dict[str, object]:
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": str(uuid5(NAMESPACE_DNS, identifier)).upper(),
        "PayloadDisplayName": f"{settings.name} (mail)",
    }


def _server(server: ServerSettings, direction: str) -> dict[str, object]:
    return {
        f"{direction}MailServerHostName": server.host,
        f"{direction}MailServerPortNumber": server.port,
        f"{direction}MailServerUseSSL": True,
        f"{direction}MailServerAuthentication": "EmailAuthPassword",
    }


def _sealed(servers: list[ServerSettings], purpose: str) -> ServerSettings:
    sealed = [server for server in servers if server.opening is not None]
    if not sealed:
        raise InvalidSetting(f"a profile needs a server for {purpose} that is reached by TLS")
    return sealed[0]
