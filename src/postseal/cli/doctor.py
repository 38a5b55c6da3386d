"""`postseal doctor`: by which server one can send mail, and what is wrong where one cannot."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from postseal.audit.exit_codes import ExitCode
from postseal.cli.asking_dns import (
    ResolverOption,
    TimeoutOption,
    TrustBeyondLoopbackOption,
    stub_resolver,
)
from postseal.cli.examined_text import examined_text
from postseal.cli.examining import examination
from postseal.cli.layout import print_sections
from postseal.cli.trusting import AuthoritiesOption, trust_in
from postseal.errors import InvalidInput
from postseal.secrets.source import SecretSource
from postseal.send.autoconfig.examined import Examination, Health
from postseal.send.autoconfig.examined_json import examined_json
from postseal.send.autoconfig.examining import examine
from postseal.send.autoconfig.subject import Subject
from postseal.send.session.connection_options import ConnectionOptions

if TYPE_CHECKING:
    from postseal.dns.stub import StubResolver
    from postseal.secrets.opaque import Secret

__all__ = ["doctor"]

_STATUSES: Final = {
    Health.WORKS: ExitCode.CLEAN,
    Health.FAULTY: ExitCode.FINDINGS,
    Health.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


def doctor(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="HOST|EMAIL|URL",
            help="An address, a server such as mail.example.com, or the URL of one.",
        ),
    ],
    *,
    user: Annotated[
        str | None,
        typer.Option("--user", help="What the user is called there.", show_default="the address"),
    ] = None,
    password_from: Annotated[
        str | None,
        typer.Option(
            "--password-from",
            metavar="REFERENCE",
            help="Log in as well; where the password is kept, such as env:MAIL_PASSWORD.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65535, help="Look at this port of the host alone."),
    ] = None,
    ask_mozilla: Annotated[
        bool,
        typer.Option(
            "--ask-mozilla",
            help="Where nothing works that the domain publishes, ask Mozilla's database as well. "
            "That tells Mozilla which domain is asked about.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    timeout: TimeoutOption = 10.0,
    resolver: ResolverOption = None,
    dangerous_trust_ad_beyond_loopback: TrustBeyondLoopbackOption = False,
    ca_file: AuthoritiesOption = None,
) -> None:
    """Find the server, port and mode to send mail by, as mail programs do, and say what is wrong.

    Looks at what the domain publishes and at the usual names and ports, and ends with the URL to
    use. A password is used once, at the best server, and only when that is proven to be the one
    that was meant. Ends with 0 where sending works, 1 where something is wrong, 2 for wrong usage
    and 3 where nothing could be reached.
    """
    with examination():
        meant = Subject.parse(subject, port=port, username=user)
        if password_from is not None and meant.username_by("") is None:
            raise InvalidInput(
                "there is a password, but nobody to log in as",
                hint="Give --user, or the address of the mailbox in place of the host.",
            )
        if ask_mozilla and meant.is_one_server:
            raise InvalidInput(
                "Mozilla's database knows domains, and one server is meant here",
                hint="Give an address or a domain alone, or no --ask-mozilla.",
            )
        trust = trust_in(ca_file)
        asked = stub_resolver(
            "postseal doctor",
            resolver,
            timeout=timeout,
            dangerous_trust_ad_beyond_loopback=dangerous_trust_ad_beyond_loopback,
            is_blocking=False,
        )
        # Before anybody is connected to: without the password, the result is not the one asked for.
        password = SecretSource(password_from).get().secret if password_from else None
        found = asyncio.run(
            _examine(
                meant,
                asked,
                ConnectionOptions(trust=trust),
                password=password,
                ask_mozilla=ask_mozilla,
                timeout=timeout,
            )
        )
        if as_json:
            typer.echo(json.dumps(examined_json(found), indent=2))
        else:
            print_sections(examined_text(found))
    raise typer.Exit(_STATUSES[found.health])


async def _examine(
    subject: Subject,
    resolver: StubResolver,
    options: ConnectionOptions,
    *,
    password: Secret | None,
    ask_mozilla: bool,
    timeout: float,  # for each step, not for this call
) -> Examination:
    from postseal.dns.exchange import AsyncioExchange
    from postseal.send.networks.aio import AsyncioNetwork

    return await examine(
        subject,
        network=AsyncioNetwork(),
        resolver=resolver,
        settle=AsyncioExchange().settle,
        options=options,
        password=password,
        ask_mozilla=ask_mozilla,
        timeout=timeout,
    )
