"""Transport URLs: which server, and how sealed the way to it must be."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from postseal.address import Address, ascii_domain, is_loopback
from postseal.errors import InvalidAddress, InvalidURL
from postseal.smtp.protocol import Protocol
from postseal.tls import Opening, TLSLevel

__all__ = ["Endpoint", "is_loopback"]

# What `sun_path` holds everywhere, without its NUL.
_MAX_SOCKET_PATH: Final = 103

# RFC 3986 3.1
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")


@dataclass(frozen=True, slots=True)
class _Scheme:
    port: int
    opening: Opening
    level: TLSLevel
    protocol: Protocol = Protocol.SMTP


_SCHEMES: Final = {
    "smtp": _Scheme(587, Opening.STARTTLS, TLSLevel.AUTHENTICATED),
    "smtps": _Scheme(465, Opening.IMPLICIT, TLSLevel.AUTHENTICATED),
    "smtp+opportunistic": _Scheme(25, Opening.STARTTLS, TLSLevel.OPPORTUNISTIC),
    "smtp+insecure": _Scheme(25, Opening.STARTTLS, TLSLevel.NONE),
    # RFC 2033 5 forbids port 25; 24 is the one for private mail systems.
    "lmtp": _Scheme(24, Opening.STARTTLS, TLSLevel.AUTHENTICATED, Protocol.LMTP),
    "lmtp+unix": _Scheme(0, Opening.STARTTLS, TLSLevel.NONE, Protocol.LMTP),
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
    | `lmtp://host` | LMTP, STARTTLS required, peer verified, port 24; to this machine in clear |
    | `lmtp+unix:///path` | LMTP over a Unix domain socket, which nobody else can listen to |

    For a Unix domain socket `host` is its path, so that errors and results name it.
    """

    host: str
    port: int
    opening: Opening
    level: TLSLevel
    username: str | None = None
    protocol: Protocol = Protocol.SMTP
    socket_path: str | None = None

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
            import difflib

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
        if scheme is _SCHEMES["lmtp+unix"]:
            return _unix_endpoint(parts)
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise InvalidURL(
                "the URL of a server ends after its host and port",
                hint="Options are arguments, such as timeouts=Timeouts(total=60).",
            )
        if port == 0:
            raise InvalidURL("port 0 cannot be connected to")
        host = _checked_host(parts.hostname)
        is_lmtp = scheme.protocol is Protocol.LMTP
        return cls(
            host=host,
            port=port or scheme.port,
            opening=scheme.opening,
            # Local delivery on one machine has no path for anybody to be on.
            level=TLSLevel.NONE if is_lmtp and is_loopback(host) else scheme.level,
            username=unquote(parts.username) if parts.username else None,
            protocol=scheme.protocol,
        )


def _unix_endpoint(parts: SplitResult) -> Endpoint:
    scheme = _SCHEMES["lmtp+unix"]
    path = unquote(parts.path)
    if parts.netloc or parts.query or parts.fragment or not path.startswith("/") or path == "/":
        raise InvalidURL(
            "a Unix domain socket is named by its path alone",
            hint="Write lmtp+unix:///run/dovecot/lmtp, with three slashes.",
        )
    if not path.isprintable() or len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        raise InvalidURL(
            f"the path of a socket has at most {_MAX_SOCKET_PATH} octets and no control characters"
        )
    return Endpoint(
        path, 0, scheme.opening, scheme.level, protocol=scheme.protocol, socket_path=path
    )


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
