"""The next hops that the operator fixes: which server takes the mail of a domain, and how.

A route's URL has the schemes of the library's own URLs, so `smtp://` is the safe one here too.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from postseal.errors import InvalidSetting
from postseal.serve.setting_files import File, certificate_problem
from postseal.serve.setting_types import (
    HostName,
    Table,
    host_name,
    is_loopback,
    recipient_domain,
)

__all__ = ["DEFAULT_ROUTE", "Route", "RouteScheme", "Routes", "parse_route_url"]

DEFAULT_ROUTE = "*"
"""The key of the route that takes every domain without one of its own."""

_ROUTE_URL = re.compile(
    r"(?P<scheme>[a-z][a-z+]*)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]\\]+)"
    r"(?::(?P<port>\d{1,5}))?/?\Z",
    re.ASCII,
)


@unique
class RouteScheme(StrEnum):
    """How a static route speaks to its server."""

    STARTTLS = "smtp"
    IMPLICIT_TLS = "smtps"
    OPPORTUNISTIC = "smtp+opportunistic"
    INSECURE = "smtp+insecure"

    @property
    def default_port(self) -> int:
        """The port where the URL names none: RFC 6409 (587), RFC 8314 (465), RFC 5321 (25)."""
        return _DEFAULT_PORTS[self]

    @property
    def is_authenticated(self) -> bool:
        """Whether the server must prove its name before it gets a message."""
        return self in (RouteScheme.STARTTLS, RouteScheme.IMPLICIT_TLS)


_DEFAULT_PORTS = {
    RouteScheme.STARTTLS: 587,
    RouteScheme.IMPLICIT_TLS: 465,
    RouteScheme.OPPORTUNISTIC: 25,
    RouteScheme.INSECURE: 25,
}


def parse_route_url(url: str) -> tuple[RouteScheme, str, int]:
    """Read a route's URL into scheme, host (without brackets, A-labels) and port.

    Raises `InvalidSetting`. A URL with a user or password is refused and never repeated in the
    error.
    """
    if "@" in url:
        raise InvalidSetting("a route's URL cannot hold a user or a password")
    known = ", ".join(f"{scheme}://" for scheme in RouteScheme)
    if not (match := _ROUTE_URL.match(url)):
        raise InvalidSetting(
            'it must be a URL of scheme, host and perhaps a port, such as "smtp://127.0.0.1:2600"',
            hint=f"The schemes are {known}.",
        )
    if match["scheme"] not in list(RouteScheme):
        raise InvalidSetting(f"{match['scheme']}:// is no scheme of a route; they are {known}")
    scheme = RouteScheme(match["scheme"])
    host = _route_host(match["host"])
    port = int(match["port"] or scheme.default_port)
    if not 1 <= port <= 65535:
        raise InvalidSetting(f"port {port} is not between 1 and 65535")
    if scheme is RouteScheme.INSECURE and not is_loopback(host):
        raise InvalidSetting(
            f"smtp+insecure:// sends mail in clear, and {host} is not this machine",
            hint="Write smtp:// for a server with a verified certificate.",
        )
    return scheme, host, port


def _route_host(written: str) -> str:
    try:
        return str(ipaddress.ip_address(written.strip("[]")))
    except ValueError:
        return host_name(written)


class Route(Table):
    """A fixed next hop for a domain; in the file a URL alone stands for a route with defaults."""

    url: str = Field(
        description=(
            "The server: smtp:// (STARTTLS, verified), smtps:// (TLS, verified), "
            "smtp+opportunistic:// (TLS if offered, not verified) or smtp+insecure:// "
            "(in clear, loopback only), with a host and perhaps a port."
        )
    )
    ca_file: File | None = Field(
        default=None,
        description="A PEM file of the authorities to trust instead of the system's.",
    )
    tls_name: HostName | None = Field(
        default=None,
        description="The name that the server's certificate must have, instead of the URL's host.",
    )

    @property
    def scheme(self) -> RouteScheme:
        """How to speak to the server."""
        return parse_route_url(self.url)[0]

    @property
    def host(self) -> str:
        """The server's name in A-labels, or its address without brackets."""
        return parse_route_url(self.url)[1]

    @property
    def port(self) -> int:
        """The port that the URL names, or the one that its scheme stands for."""
        return parse_route_url(self.url)[2]

    @model_validator(mode="after")
    def _check(self) -> Self:
        scheme, _, _ = parse_route_url(self.url)
        if not scheme.is_authenticated and (self.ca_file or self.tls_name):
            raise InvalidSetting(
                f"{scheme}:// verifies no certificate, so `ca_file` and `tls_name` would protect "
                "nothing",
                hint="Write smtp:// or smtps://.",
            )
        if self.ca_file and (problem := certificate_problem(self.ca_file)):
            raise InvalidSetting(problem)
        return self


def _read_route(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


def _check_routes(routes: Mapping[str, Route]) -> Mapping[str, Route]:
    by_domain: dict[str, Route] = {}
    for written, route in routes.items():
        try:
            domain = DEFAULT_ROUTE if written == DEFAULT_ROUTE else recipient_domain(written)
        except InvalidSetting as error:
            raise InvalidSetting(f"{written!a}: {error.text}", hint=error.hint) from None
        if domain in by_domain:
            raise InvalidSetting(f"{written!a} is {domain}, which has a route already")
        by_domain[domain] = route
    return MappingProxyType(by_domain)


Routes = Annotated[
    Mapping[str, Annotated[Route, BeforeValidator(_read_route)]], AfterValidator(_check_routes)
]
"""Routes by recipient domain (A-labels in lower case) or `DEFAULT_ROUTE`; read-only."""
