"""Domains as people write them on a command line."""

from __future__ import annotations

import ipaddress

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidAddress, InvalidInput

__all__ = ["read_domain"]


def read_domain(text: str) -> str:
    """Read a domain and give it in A-labels; raise `InvalidInput` with a hint."""
    if "://" in text:
        raise InvalidInput(f"{text!a} is a URL", hint="Give the domain alone: example.com.")
    if "@" in text:
        behind = text.rpartition("@")[2]
        raise InvalidInput(
            f"{text!a} is an address", hint=f"Give the domain alone: {behind or 'example.com'}."
        )
    name = text.removesuffix(".")
    if _is_ip_address(name):
        raise InvalidInput(
            f"{text!a} is the address of a host",
            hint="Give a domain: what is behind the @ of an address.",
        )
    try:
        return ascii_domain(Address("postmaster", name).domain)
    except InvalidAddress as error:
        raise InvalidInput(f"{text!a} is no domain: {error.text}", hint=error.hint) from None


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return text.startswith("[")
    return True
