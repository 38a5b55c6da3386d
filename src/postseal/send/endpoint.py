"""Transport URLs: which server, and how sealed the way to it must be."""

from __future__ import annotations

import difflib
import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidAddress, InvalidURL
from postseal.tls import Opening, TLSLevel

__all__ = ["Endpoint", "is_loopback"]


# RFC 3986 3.1
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")


@dataclass(frozen=True, slots=True)
class _Scheme:
    port: int
    opening: Opening
    level: TLSLevel


_SCHEMES: Final = {
    "smtp": _Scheme(587, Opening.STARTTLS, TLSLevel.AUTHENTICATED),
    "smtps": _Scheme(465, Opening.IMPLICIT, TLSLevel.AUTHENTICATED),
    "smtp+opportunistic": _Scheme(25, Opening.STARTTLS, TLSLevel.OPPORTUNISTIC),
    "smtp+insecure": _Scheme(25, Opening.STARTTLS, TLSLevel.NONE),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server to hand mail to, as a URL such as `smtp://ada@mail.example.com` names it.

    | URL | meaning |
    |---|---|
    | `smtp://host` | STARTTLS required, peer verified, port 587 |
    | `smtps://host` | TLS from the first octet, peer verified, port 465 |
    | `smtp+opportunistic://host` | TLS if offered, port 25; never with credentials |
    | `smtp+insecure://host` | no TLS; credentials only to a loopback address |
    """

    host: str
    port: int
    opening: Opening
    level: TLSLevel
    username: str | None = None

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read a URL. Raises `InvalidURL`, which never repeats a password."""
        if any(character.isspace() or not character.isprintable() for character in url):
            # urlsplit would drop some of them silently.
            raise InvalidURL("a URL holds no spaces and no control characters")
        scheme_name, separator, _ = url.partition("://")
        if not separator or not _SCHEME.match(scheme_name):
            raise InvalidURL(
                "the server must be given as a URL", hint="For example smtp://mail.example.com."
            )
        scheme = _SCHEMES.get(scheme_name.lower())
        if scheme is None:
            near = difflib.get_close_matches(scheme_name.lower(), _SCHEMES, n=1)
            known = ", ".join(f"{name}://" for name in _SCHEMES)
            raise InvalidURL(
                f"the scheme {scheme_name!a} is not known",
                hint=f"Did you mean {near[0]}://?" if near else f"Known: {known}.",
            )
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            # What urlsplit says may hold a piece of a misplaced password.
            raise InvalidURL(
                "the URL of the server is not well formed",
                hint="Write smtp://host:587, and an IPv6 address as smtp://[::1].",
            ) from None
        if parts.password is not None:
            raise InvalidURL(
                "a URL must not hold a password: URLs end up in logs and process lists",
                hint="Give it apart: the argument password=, or POSTSEAL_PASSWORD.",
            )
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise InvalidURL("the URL of a server ends after its host and port")
        if port == 0:
            raise InvalidURL("port 0 cannot be connected to")
        return cls(
            host=_checked_host(parts.hostname),
            port=port or scheme.port,
            opening=scheme.opening,
            level=scheme.level,
            username=unquote(parts.username) if parts.username else None,
        )


def is_loopback(host: str) -> bool:
    """Tell whether what is sent to `host` stays on this machine (RFC 6761 6.3 for the name)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _checked_host(host: str | None) -> str:
    if not host:
        raise InvalidURL("the URL names no host", hint="For example smtp://mail.example.com.")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            return ascii_domain(Address("postmaster", host).domain)
        except InvalidAddress as error:
            raise InvalidURL(f"{host!a} is no host name: {error.text}", hint=error.hint) from None
    return host
