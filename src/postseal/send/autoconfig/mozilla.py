"""Mozilla's file of settings, `config-v1.1.xml`, read and written.

Source: draft-ietf-mailmaint-autoconfig 4; the ISP database of Thunderbird has files of this form.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

# Built here and written; what strangers wrote is read by `read_xml`.
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidAddress
from postseal.send.autoconfig.account import AccountSettings, ServerSettings, Service
from postseal.send.autoconfig.hostile_xml import InvalidXML, read_xml
from postseal.tls.channel import Opening

__all__ = ["MAX_CONFIG_SIZE", "read_client_config", "write_client_config"]

MAX_CONFIG_SIZE: Final = 64 * 1024
"""How many octets a file may have; those of the largest providers have 4,000."""

_MAX_SERVERS: Final = 16
_MAX_TEXT: Final = 255
_TYPES: Final = {"smtp": Service.SUBMISSION, "imap": Service.IMAP, "pop3": Service.POP3}
_TYPE_OF: Final = {service: word for word, service in _TYPES.items()}
_SOCKETS: Final[dict[str, Opening | None]] = {
    "SSL": Opening.IMPLICIT,
    "STARTTLS": Opening.STARTTLS,
    "plain": None,
}
_SOCKET_OF: Final = {opening: word for word, opening in _SOCKETS.items()}


def read_client_config(octets: bytes, *, domain: str | None = None) -> AccountSettings:
    """Read the servers of the first provider that the file tells of.

    Servers that make no sense, or are of other services, are passed over, as mail programs do.
    Raises `InvalidXML` where it is no such file, too large, or not for the `domain` (in A-labels)
    that it has to be for.
    """
    root = read_xml(octets, max_octets=MAX_CONFIG_SIZE)
    provider = root.find("emailProvider")
    if root.tag != "clientConfig" or provider is None:
        raise InvalidXML("it is XML, but no clientConfig with an emailProvider")
    if domain is not None and domain not in map(_domain, provider.iterfind("domain")):
        raise InvalidXML(f"it is for other domains, and not for {domain}")
    first = _text(provider, "domain") or _shown(provider.get("id", ""))
    return AccountSettings(
        domain=domain or first,
        name=_text(provider, "displayName") or first,
        servers=tuple(_servers(provider))[:_MAX_SERVERS],
    )


def write_client_config(settings: AccountSettings) -> bytes:
    """Write the file that mail programs look for at `autoconfig.DOMAIN/mail/config-v1.1.xml`."""
    root = Element("clientConfig", version="1.1")
    provider = SubElement(root, "emailProvider", id=settings.domain)
    SubElement(provider, "domain").text = settings.domain
    SubElement(provider, "displayName").text = settings.name
    # The format wants the servers for reading before those for sending.
    for server in sorted(settings.servers, key=lambda one: one.service is Service.SUBMISSION):
        direction = "outgoing" if server.service is Service.SUBMISSION else "incoming"
        element = SubElement(provider, f"{direction}Server", type=_TYPE_OF[server.service])
        for tag, text in (
            ("hostname", server.host),
            ("port", str(server.port)),
            ("socketType", _SOCKET_OF[server.opening]),
            # Not encrypted itself: it is TLS that keeps it from being read.
            ("authentication", "password-cleartext"),
            ("username", server.username),
        ):
            SubElement(element, tag).text = text
    indent(root)
    octets: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return octets + b"\n"


def _servers(provider: Element) -> Iterator[ServerSettings]:
    for element in provider:
        if element.tag not in ("incomingServer", "outgoingServer"):
            continue
        service = _TYPES.get(element.get("type", ""))
        socket = _text(element, "socketType")
        host, port = _host(_text(element, "hostname")), _port(_text(element, "port"))
        if service is None or socket not in _SOCKETS or host is None or port is None:
            continue
        yield ServerSettings(
            service=service,
            host=host,
            port=port,
            opening=_SOCKETS[socket],
            username=_text(element, "username"),
        )


def _text(element: Element, tag: str) -> str:
    """Give the text of a child; empty where there is none that can be printed."""
    return _shown(element.findtext(tag) or "")


def _shown(text: str) -> str:
    text = text.strip()
    return text if text.isprintable() and len(text) <= _MAX_TEXT else ""


def _domain(element: Element) -> str | None:
    return _host(_shown(element.text or ""))


def _host(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        return ascii_domain(Address("postmaster", text).domain) if "." in text else None
    except InvalidAddress:
        return None


def _port(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        return None
    return int(text) if 0 < int(text) < 65536 else None
