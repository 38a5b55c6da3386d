"""The options by which commands choose whom to ask about names, and the resolver made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from postseal.errors import MissingExtra

if TYPE_CHECKING:
    from postseal.dns.stub import StubResolver

__all__ = ["ResolverOption", "TimeoutOption", "TrustBeyondLoopbackOption", "stub_resolver"]

ResolverOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--resolver",
        metavar="ADDRESS[:PORT]",
        help="Ask this name server in place of the system's. Only on loopback is it believed "
        "about DNSSEC.",
    ),
]

TimeoutOption: TypeAlias = Annotated[
    float,
    typer.Option(
        "--timeout",
        min=0.1,
        max=600,
        metavar="SECONDS",
        help="For each question to the DNS, fetch and connection.",
    ),
]

TrustBeyondLoopbackOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--dangerous-trust-ad-beyond-loopback",
        help="Believe name servers about DNSSEC that are not on loopback. Whoever is on the "
        "path to them can then switch DANE off, or on.",
    ),
]


def stub_resolver(
    command: str,
    given: str | None,
    *,
    timeout: float,
    dangerous_trust_ad_beyond_loopback: bool,
    is_blocking: bool,
) -> StubResolver:
    """Make the resolver for a command, which is named where a package is missing.

    Raises `MissingExtra`, and `InvalidSetting` for what names no server.
    """
    try:
        from postseal.dns.exchange import AsyncioExchange, BlockingExchange
        from postseal.dns.name_servers import NameServer
        from postseal.dns.stub import StubResolver
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"`{command}` needs the package {error.name}",
            hint="Install it with: pip install 'postseal[mx]'.",
        ) from None
    return StubResolver(
        name_servers=() if given is None else (NameServer.parse(given),),
        exchange=BlockingExchange() if is_blocking else AsyncioExchange(),
        timeout=timeout,
        patience=min(timeout, 4.0),
        dangerous_trust_ad_beyond_loopback=dangerous_trust_ad_beyond_loopback,
    )
