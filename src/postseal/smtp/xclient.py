"""XCLIENT: a proxy in front of us tells on whose behalf it speaks (an extension of Postfix).

To be taken from peers that are trusted by configuration alone: what it says replaces what the
connection shows. LOGIN is left out on purpose: no word of a proxy authenticates anybody here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import Enum, unique
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import ClassVar, Final

from postseal.errors import Phase
from postseal.smtp.commands import Command
from postseal.smtp.grammar import decode_xtext, encode_xtext

__all__ = ["XCLIENT_ATTRIBUTES", "ClientAttributes", "Unavailable", "Xclient", "parse_attributes"]

XCLIENT_ATTRIBUTES: Final = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "DESTADDR", "DESTPORT")
"""In the order in which the reply to EHLO names them."""


@unique
class Unavailable(Enum):
    """Why a proxy cannot tell an attribute."""

    PERMANENTLY = "[UNAVAILABLE]"
    TEMPORARILY = "[TEMPUNAVAIL]"


@dataclass(frozen=True, slots=True)
class ClientAttributes:
    """The client behind a proxy; None where the proxy said nothing of it."""

    name: str | Unavailable | None = None
    address: IPv4Address | IPv6Address | Unavailable | None = None
    port: int | Unavailable | None = None
    protocol: str | Unavailable | None = None
    greeting_name: str | Unavailable | None = None
    destination_address: IPv4Address | IPv6Address | Unavailable | None = None
    destination_port: int | Unavailable | None = None


@dataclass(frozen=True, slots=True)
class Xclient(Command):
    """XCLIENT with what the proxy says of the client."""

    verb: ClassVar[str] = "XCLIENT"
    phase: ClassVar[Phase] = Phase.EHLO
    attributes: ClientAttributes

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the attributes that are known."""
        return tuple(self._known())

    def encode(self) -> bytes:
        """Write the attributes that are known, as `parse_attributes` reads them."""
        words = [f"{name}={encode_xtext(value)}" for name, value in self._known().items()]
        return f"XCLIENT {' '.join(words)}\r\n".encode("ascii")

    def _known(self) -> dict[str, str]:
        values = (getattr(self.attributes, field.name) for field in fields(self.attributes))
        return {
            name: _written(value)
            for name, value in zip(XCLIENT_ATTRIBUTES, values, strict=True)
            if value is not None
        }


def _written(value: str | int | IPv4Address | IPv6Address | Unavailable) -> str:
    if isinstance(value, Unavailable):
        return value.value
    return f"IPV6:{value}" if isinstance(value, IPv6Address) else str(value)


def parse_attributes(argument: str) -> ClientAttributes | None:
    """Read `NAME=value ...`, values in xtext; None where that is not well formed."""
    attributes = ClientAttributes()
    seen = set()
    for word in argument.split():
        name, separator, text = word.partition("=")
        name = name.upper()
        value = decode_xtext(text)
        if not separator or not value or name in seen:
            return None
        seen.add(name)
        changed = _with(attributes, name, value)
        if changed is None:
            return None
        attributes = changed
    return attributes if seen else None


def _with(attributes: ClientAttributes, name: str, value: str) -> ClientAttributes | None:
    unavailable = _UNAVAILABLE.get(value.upper())
    try:
        match name:
            case "NAME":
                return replace(attributes, name=unavailable or value)
            case "ADDR":
                return replace(attributes, address=unavailable or _address(value))
            case "PORT":
                return replace(attributes, port=unavailable or _port(value))
            case "PROTO":
                if value.upper() not in ("SMTP", "ESMTP"):
                    return None
                return replace(attributes, protocol=value.upper())
            case "HELO":
                return replace(attributes, greeting_name=unavailable or value)
            case "DESTADDR":
                return replace(attributes, destination_address=unavailable or _address(value))
            case "DESTPORT":
                return replace(attributes, destination_port=unavailable or _port(value))
            case _:
                return None
    except ValueError:
        return None


_UNAVAILABLE: Final = {reason.value: reason for reason in Unavailable}


def _address(value: str) -> IPv4Address | IPv6Address:
    is_ipv6 = value[:5].upper() == "IPV6:"
    address = ip_address(value[5:] if is_ipv6 else value)
    # The prefix is there to tell the two apart, so it says the truth.
    if is_ipv6 is not isinstance(address, IPv6Address):
        raise ValueError(value)
    return address


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 5 and int(value) < 65536):
        raise ValueError(value)
    return int(value)
