"""The next hops that the operator fixes: which server takes the mail of a domain, and how.

A route's URL has the schemes of the library's own URLs, so `smtp://` is the safe one here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from postseal.errors import InvalidSetting, InvalidURL
from postseal.send.endpoint import Endpoint, is_loopback
from postseal.serve.setting_files import File, certificate_problem
from postseal.serve.setting_types import (
    HostName,
    Table,
    recipient_domain,
)
from postseal.tls import TLSLevel

__all__ = ["DEFAULT_ROUTE", "Route", "Routes"]

DEFAULT_ROUTE = "*"
"""The key of the route that takes every domain without one of its own."""


class Route(Table):
    """A fixed next hop for a domain; in the file a URL alone stands for a route with defaults."""

    url: str = Field(
        description=(
            "The server: smtp:// or lmtp:// (STARTTLS, verified), smtps:// (TLS, verified), "
            "smtp+opportunistic:// (TLS if offered, not verified) or smtp+insecure:// "
            "(in clear, loopback only), with a host and perhaps a port; or lmtp+unix:// with the "
            "path of a socket."
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
    def endpoint(self) -> Endpoint:
        """The server that the URL names, and how it is spoken to."""
        return Endpoint.parse(self.url)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if "@" in self.url:
            raise InvalidSetting("a route's URL cannot hold a user or a password")
        try:
            endpoint = self.endpoint
        except InvalidURL as error:
            raise InvalidSetting(error.text, hint=error.hint) from None
        stays_here = endpoint.socket_path is not None or is_loopback(endpoint.host)
        if endpoint.level is TLSLevel.NONE and not stays_here:
            raise InvalidSetting(
                f"smtp+insecure:// sends mail in clear, and {endpoint.host} is not this machine",
                hint="Write smtp:// for a server with a verified certificate.",
            )
        if endpoint.level < TLSLevel.AUTHENTICATED and (self.ca_file or self.tls_name):
            raise InvalidSetting(
                f"{self.url} verifies no certificate, so `ca_file` and `tls_name` would protect "
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
