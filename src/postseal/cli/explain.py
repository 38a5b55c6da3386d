"""`postseal explain`: why mail to a destination goes as sealed as it does, or does not go."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from postseal.address import Address, ascii_domain
from postseal.cli.examining import ExitStatus, examination
from postseal.cli.explained_text import explained_text
from postseal.cli.layout import print_sections
from postseal.errors import InvalidAddress, InvalidInput, MissingExtra
from postseal.send.blocking import BlockingNetwork, run
from postseal.send.connection import ConnectionOptions
from postseal.send.explained import ExplainedDestination, Verdict
from postseal.send.explained_json import explained_json
from postseal.send.explaining import Depth, explain_destination
from postseal.tls import INTERMEDIATE, TLSLevel, Trust, client_context

if TYPE_CHECKING:
    from postseal.dns.stub import StubResolver

__all__ = ["explain"]

explain = typer.Typer(
    help="Explain what is decided about a destination, and by which rule.", no_args_is_help=True
)

_STATUSES: Final = {
    Verdict.CLEAN: ExitStatus.CLEAN,
    Verdict.FALLS_SHORT: ExitStatus.FINDINGS,
    Verdict.INCONCLUSIVE: ExitStatus.INCONCLUSIVE,
}


@explain.callback()
def _explain() -> None:
    """Explain what is decided about a destination, and by which rule."""


@explain.command()
def tls(
    domain: Annotated[str, typer.Argument(help="What is behind the @ of an address.")],
    *,
    connect: Annotated[
        bool,
        typer.Option(
            "--connect", help="Connect to each server, without a message, and show the outcome."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    resolver: Annotated[
        str | None,
        typer.Option(
            "--resolver",
            metavar="ADDRESS[:PORT]",
            help="Ask this name server in place of the system's. Only on loopback is it believed "
            "about DNSSEC.",
        ),
    ] = None,
    dangerous_trust_ad_beyond_loopback: Annotated[
        bool,
        typer.Option(
            "--dangerous-trust-ad-beyond-loopback",
            help="Believe name servers about DNSSEC that are not on loopback. Whoever is on the "
            "path to them can then switch DANE off, or on.",
        ),
    ] = False,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The servers' port.")] = 25,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            min=0.1,
            max=600,
            metavar="SECONDS",
            help="For each question to the DNS, fetch and connection.",
        ),
    ] = 10.0,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", help="Trust the authorities in this PEM file, and no others."),
    ] = None,
) -> None:
    """Explain which TLS policies hold for mail to a domain, and what a sender would do.

    Ends with 0 where each server can be sent mail as the policies ask, 1 where one cannot, and 3
    where something could not be reached.
    """
    with examination():
        name = _domain(domain)
        trust = Trust.system() if ca_file is None else Trust.only(ca_file)
        # A file that cannot be used is no matter of the destination's.
        client_context(trust, TLSLevel.AUTHENTICATED, INTERMEDIATE)
        asked = _resolver(resolver, timeout, dangerous_trust_ad_beyond_loopback)
        explained = run(
            explain_destination(
                name,
                network=BlockingNetwork(),
                resolver=asked,
                can_validate=bool(asked.trusted_servers()),
                options=ConnectionOptions(trust=trust),
                depth=Depth.CONNECTION if connect else Depth.POLICY,
                port=port,
                timeout=timeout,
            )
        )
        _show(explained, as_json=as_json)
    raise typer.Exit(_STATUSES[explained.verdict])


def _domain(text: str) -> str:
    """Read a domain as people may write it; raise `InvalidInput` with a hint."""
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
            hint="Policies are about domains: give what is behind the @ of an address.",
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


def _resolver(
    given: str | None,
    timeout: float,
    dangerous_trust_ad_beyond_loopback: bool,  # noqa: FBT001  # an option, handed on
) -> StubResolver:
    try:
        from postseal.dns.exchange import BlockingExchange
        from postseal.dns.name_servers import NameServer
        from postseal.dns.stub import StubResolver
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"`postseal explain` needs the package {error.name}",
            hint="Install it with: pip install 'postseal[mx]'.",
        ) from None
    return StubResolver(
        name_servers=() if given is None else (NameServer.parse(given),),
        exchange=BlockingExchange(),
        timeout=timeout,
        patience=min(timeout, 4.0),
        dangerous_trust_ad_beyond_loopback=dangerous_trust_ad_beyond_loopback,
    )


def _show(explained: ExplainedDestination, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(explained_json(explained), indent=2))
        return
    print_sections(explained_text(explained))
