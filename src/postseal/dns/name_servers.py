"""Name servers: where questions go, and whose word about DNSSEC is taken."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Self

import dns.exception
import dns.resolver

from postseal.dns.answers import ResolverFailure
from postseal.errors import InvalidSetting, Phase

__all__ = ["NameServer", "system_name_servers"]

# 192.0.2.1, 192.0.2.1:5353, 2001:db8::1, [2001:db8::1]:5353
_BRACKETED: Final = re.compile(r"\[(?P<address>[^\]]+)\](?::(?P<port>\d{1,5}))?\Z", re.ASCII)
_WITH_PORT: Final = re.compile(r"(?P<address>[^:]+):(?P<port>\d{1,5})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class NameServer:
    """A recursive name server, reached by UDP and TCP on one port."""

    address: IPv4Address | IPv6Address
    port: int = 53

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`.

        Raises `InvalidSetting`; a host name is refused, as somebody would have to look it up.
        """
        parts = _BRACKETED.match(text) or _WITH_PORT.match(text)
        address, port = (parts["address"], parts["port"]) if parts else (text, None)
        try:
            server = cls(ipaddress.ip_address(address), int(port or 53))
        except ValueError:
            raise InvalidSetting(
                f"{text!a} is no name server: it must be an IP address, and a port where it is "
                'not 53, such as "127.0.0.1", "127.0.0.1:5353" or "[::1]:5353"'
            ) from None
        if not 0 < server.port < 65536:
            raise InvalidSetting(f"{text!a} is no name server: ports are from 1 to 65535")
        return server

    @property
    def is_on_loopback(self) -> bool:
        """Whether nobody on a network can change what it says on its way to us."""
        return self.address.is_loopback

    def __str__(self) -> str:
        if self.port == 53:
            return str(self.address)
        shown = f"[{self.address}]" if self.address.version == 6 else self.address
        return f"{shown}:{self.port}"


def system_name_servers() -> tuple[NameServer, ...]:
    """Give the name servers of the machine's configuration, such as `/etc/resolv.conf`.

    Raises `ResolverFailure` where there is no configuration, or none of use.
    """
    try:
        configured = dns.resolver.Resolver()
        servers = tuple(NameServer.parse(str(server)) for server in configured.nameservers)
    except (dns.exception.DNSException, InvalidSetting, OSError, ValueError) as error:
        raise ResolverFailure(
            f"the system's resolver configuration cannot be used: {error}",
            phase=Phase.RESOLVE,
            hint="Name the servers to ask, or repair /etc/resolv.conf.",
        ) from error
    return servers
