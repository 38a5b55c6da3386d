"""`postseal explain`: why mail to a destination goes as sealed as it does, or does not go."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer

from postseal.audit.exit_codes import ExitCode
from postseal.cli.asking_dns import (
    ResolverOption,
    TimeoutOption,
    TrustBeyondLoopbackOption,
    stub_resolver,
)
from postseal.cli.domains import read_domain
from postseal.cli.examining import examination
from postseal.cli.explained_text import explained_text
from postseal.cli.layout import print_sections
from postseal.cli.trusting import AuthoritiesOption, trust_in
from postseal.send.explanation.explained import ExplainedDestination, Verdict
from postseal.send.explanation.explained_json import explained_json
from postseal.send.explanation.explaining import Depth, explain_destination
from postseal.send.networks.blocking import BlockingNetwork, run
from postseal.send.session.connection import ConnectionOptions

__all__ = ["explain"]

explain = typer.Typer(
    help="Explain what is decided about a destination, and by which rule.", no_args_is_help=True
)

_STATUSES: Final = {
    Verdict.CLEAN: ExitCode.CLEAN,
    Verdict.FALLS_SHORT: ExitCode.FINDINGS,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
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
    resolver: ResolverOption = None,
    dangerous_trust_ad_beyond_loopback: TrustBeyondLoopbackOption = False,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The servers' port.")] = 25,
    timeout: TimeoutOption = 10.0,
    ca_file: AuthoritiesOption = None,
) -> None:
    """Explain which TLS policies hold for mail to a domain, and what a sender would do.

    Ends with 0 where each server can be sent mail as the policies ask, 1 where one cannot, and 3
    where something could not be reached.
    """
    with examination():
        name = read_domain(domain)
        trust = trust_in(ca_file)
        asked = stub_resolver(
            "postseal explain",
            resolver,
            timeout=timeout,
            dangerous_trust_ad_beyond_loopback=dangerous_trust_ad_beyond_loopback,
            is_blocking=True,
        )
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


def _show(explained: ExplainedDestination, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(explained_json(explained), indent=2))
        return
    print_sections(explained_text(explained))
