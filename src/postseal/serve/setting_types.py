"""The values that a configuration file may hold, read strictly: durations, sizes, names.

Each reader takes what the file says and gives what the platform uses, or raises `InvalidSetting`
with what would have been right. `postseal.serve.settings` says where each is used.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from enum import StrEnum, unique
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidAddress, InvalidSetting

__all__ = [
    "MXTLS",
    "BindAddress",
    "DeliveryMode",
    "Duration",
    "HostName",
    "LineEnding",
    "Mechanism",
    "Mechanisms",
    "Networks",
    "Port",
    "Size",
    "Table",
    "host_name",
    "recipient_domain",
]


class Table(BaseModel):
    """A table of the file: frozen, and strict about keys and types."""

    # Pydantic would print a wrong value, and a wrong value can be a password in the wrong place.
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, validate_default=True
    )


@unique
class DeliveryMode(StrEnum):
    """What becomes of outgoing mail."""

    SANDBOX = "sandbox"
    LIVE = "live"


@unique
class MXTLS(StrEnum):
    """The least TLS that a recipient's mail server must offer, where nothing asks for more."""

    OPPORTUNISTIC = "opportunistic"
    ENCRYPTED = "encrypted"
    AUTHENTICATED = "authenticated"


@unique
class LineEnding(StrEnum):
    """What becomes of a message with a CR or LF that stands alone."""

    REJECT = "reject"
    NORMALIZE = "normalize"


@unique
class Mechanism(StrEnum):
    """The SASL mechanisms that the platform can check its credentials by."""

    SCRAM_SHA_256 = "SCRAM-SHA-256"
    PLAIN = "PLAIN"
    LOGIN = "LOGIN"


_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+\Z", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d{1,15}) ?(B|KiB|MiB|GiB)\Z", re.ASCII)
_OCTETS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def _read_duration(value: object) -> float:
    if isinstance(value, str) and _DURATION.match(value):
        return sum(float(n) * _SECONDS[unit] for n, unit in _DURATION_PART.findall(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            if math.isfinite(seconds := float(value)):
                return seconds
        except OverflowError:
            pass
    raise InvalidSetting('it must be a number of seconds or a text such as "90s", "1h30m" or "5d"')


def _read_size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := _SIZE.match(value)):
        return int(match[1]) * _OCTETS[match[2]]
    raise InvalidSetting('it must be a number of octets or a text such as "512 KiB" or "25 MiB"')


def _read_bind_address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise InvalidSetting(
            'it must be an IP address, such as "127.0.0.1" or "::1" for this machine alone, '
            '"0.0.0.0" or "::" for every interface'
        ) from None


_MAX_NETWORKS = 1000


def _read_networks(value: object) -> tuple[IPv4Network | IPv6Network, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MAX_NETWORKS:
        raise InvalidSetting(
            "it must be a list of networks and addresses, such as "
            f'["192.0.2.7", "2001:db8::/32"], of at most {_MAX_NETWORKS}'
        )
    return tuple(_read_network(one) for one in value)


def _read_network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    shown = json.dumps(value[:80]) if isinstance(value, str) else ascii(value)[:80]
    try:
        # A number would be read as the address with this number.
        network = ipaddress.ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise InvalidSetting(
            f'{shown} is no network such as "192.0.2.0/24" and no IP address'
        ) from None
    if isinstance(value, str) and str(network.network_address) != _address_of(value):
        raise InvalidSetting(f'{shown} has bits behind its prefix; it may be "{network}"')
    if not network.prefixlen:
        raise InvalidSetting(f"{shown} would trust everybody; name the peers that are meant")
    return network


def _read_mechanisms(value: object) -> frozenset[Mechanism]:
    if isinstance(value, list | tuple | frozenset) and value:
        try:
            return frozenset(Mechanism(str(one)) for one in value)
        except ValueError:
            pass
    names = ", ".join(f'"{one}"' for one in Mechanism)
    raise InvalidSetting(f"it must be a list of some of {names}")


def _address_of(value: str) -> str:
    return str(ipaddress.ip_address(value.partition("/")[0]))


def recipient_domain(text: str) -> str:
    """Give a domain as queue rows have it: A-labels in lower case, or an address literal.

    Raises `InvalidSetting` for what cannot stand behind the @ of an address (RFC 5321 4.1.2).
    """
    try:
        return ascii_domain(Address("postmaster", text).domain)
    except InvalidAddress as error:
        reason = error.text if text else "it is empty"
        raise InvalidSetting(f"it is no domain name: {reason}", hint=error.hint) from None


def host_name(value: str) -> str:
    """Give a host name in lower case and A-labels; raise `InvalidSetting` for anything else."""
    if value.startswith("[") or _is_ip_address(value):
        raise InvalidSetting('it must be a name, such as "mail.example.com", and not an address')
    name = recipient_domain(value)
    if "_" in name:  # RFC 5321 4.1.2: sub-domain = Let-dig [Ldh-str]
        raise InvalidSetting("a host name has letters, digits and hyphens, but no underscore")
    return name


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


Duration = Annotated[float, BeforeValidator(_read_duration)]
"""Seconds, written as a number or as a text with units: ms, s, m, h, d."""

Size = Annotated[int, BeforeValidator(_read_size)]
"""Octets, written as a whole number or as a text with a unit: B, KiB, MiB, GiB."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0 lets the system choose one."""

BindAddress = Annotated[str, AfterValidator(_read_bind_address)]
"""An IP address to listen on."""

Mechanisms = Annotated[frozenset[Mechanism], Field(strict=False), BeforeValidator(_read_mechanisms)]
"""SASL mechanisms, at least one, as a list of their names."""

Networks = Annotated[
    tuple[IPv4Network | IPv6Network, ...], Field(strict=False), BeforeValidator(_read_networks)
]
"""Peers, as a list of networks in CIDR notation and of single addresses."""

HostName = Annotated[str, AfterValidator(host_name)]
"""A fully qualified host name, in lower case and A-labels."""
