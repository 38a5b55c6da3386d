"""The file of settings that Outlook asks for, in the plain form that is no Exchange server's.

Source: MS-OXDSCLI 2.2.4 and Microsoft's description of the schema for Outlook 2007 and later.
"""

from __future__ import annotations

from typing import Final

# Built here and written; nothing is read.
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from postseal.address import Address
from postseal.send.autoconfig.account import (
    AccountSettings,
    ServerSettings,
    Service,
    username_for,
)
from postseal.tls.channel import Opening

__all__ = ["write_autodiscover"]

_OUTER: Final = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_INNER: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_TYPES: Final = {Service.SUBMISSION: "SMTP", Service.IMAP: "IMAP", Service.POP3: "POP3"}
# "SSL" is TLS from the first octet, "TLS" is STARTTLS; both are demanded, "Auto" would try.
_ENCRYPTION: Final = {Opening.IMPLICIT: "SSL", Opening.STARTTLS: "TLS"}


def write_autodiscover(settings: AccountSettings, *, address: Address | None = None) -> bytes:
    """Write the answer to `https://autodiscover.DOMAIN/autodiscover/autodiscover.xml`.

    Only the first server of each service is in it, for Outlook takes no other, and none in clear.
    The login is in it where `address` is given; Outlook takes the address itself otherwise.
    """
    root = Element("Autodiscover", xmlns=_OUTER)
    response = SubElement(root, "Response", xmlns=_INNER)
    account = SubElement(response, "Account")
    SubElement(account, "AccountType").text = "email"
    SubElement(account, "Action").text = "settings"
    for service in (Service.IMAP, Service.POP3, Service.SUBMISSION):
        sealed = [server for server in settings.of(service) if server.opening is not None]
        if sealed:
            _add(account, sealed[0], address)
    indent(root)
    octets: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return octets + b"\n"


def _add(account: Element, server: ServerSettings, address: Address | None) -> None:
    protocol = SubElement(account, "Protocol")
    values = {
        "Type": _TYPES[server.service],
        "Server": server.host,
        "Port": str(server.port),
        "DomainRequired": "off",
        "SPA": "off",
        "SSL": "on",
        "AuthRequired": "on",
    }
    if address is not None:
        values["LoginName"] = username_for(server.username, address)
    if server.opening is not None:
        values["Encryption"] = _ENCRYPTION[server.opening]
    if server.service is Service.SUBMISSION:
        values |= {"UsePOPAuth": "off", "SMTPLast": "off"}
    for tag, text in values.items():
        SubElement(protocol, tag).text = text
