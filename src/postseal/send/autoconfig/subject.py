"""What is to be examined, as a person names it: an address, a host, or the URL of a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidInput
from postseal.send.autoconfig.account import username_for
from postseal.send.autoconfig.guessing import is_ip_address
from postseal.send.endpoint import Endpoint
from postseal.smtp.protocol import Protocol
from postseal.tls.channel import Opening

__all__ = ["Subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A host or domain in A-labels, or an IP address, and what else was said of it.

    `opening` was given with a URL; then this one server is meant, and no other.
    """

    name: str
    address: Address | None = None
    port: int | None = None
    opening: Opening | None = None
    username: str | None = None

    @property
    def is_one_server(self) -> bool:
        """Whether a server is meant, and no domain that may publish where its servers are."""
        return self.port is not None or is_ip_address(self.name)

    @classmethod
    def parse(cls, text: str, *, port: int | None = None, username: str | None = None) -> Self:
        """Read `ada@example.com`, `mail.example.com`, `mail.example.com:2525` or a URL.

        Raises `InvalidInput`.
        """
        if "://" in text:
            endpoint = Endpoint.parse(text)
            if endpoint.protocol is not Protocol.SMTP:
                raise InvalidInput(
                    f"{text!a} is no server for submission", hint="Give an smtp:// or smtps:// URL."
                )
            return cls(
                name=endpoint.host,
                port=port or endpoint.port,
                opening=endpoint.opening,
                username=username or endpoint.username,
            )
        if "@" in text:
            address = Address.parse(text)
            if address.domain.startswith("["):
                raise InvalidInput(
                    f"{text!a} is at no domain",
                    hint=f"Give the host alone: {address.domain[1:-1].removeprefix('IPv6:')}.",
                )
            domain = ascii_domain(address.domain)
            return cls(name=domain, address=address, port=port, username=username)
        host = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
        endpoint = Endpoint.parse(f"smtps://{host.removesuffix('.')}")
        # The port was given where it does not depend on the scheme.
        is_given = endpoint.port == Endpoint.parse(f"smtp://{host.removesuffix('.')}").port
        return cls(
            name=endpoint.host,
            port=port or (endpoint.port if is_given else None),
            username=username,
        )

    def username_by(self, template: str) -> str | None:
        """Tell what the user is called: as was said, else as `template` has it, else the address.

        None where nobody is meant.
        """
        if self.username is not None or self.address is None:
            return self.username
        return username_for(template, self.address) or str(self.address)
