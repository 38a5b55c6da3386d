"""`postseal audit`: proof of how sealed mail is, by what clients do to hostile servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from postseal.cli.examining import examination

__all__ = ["audit"]

audit = typer.Typer(help="Prove how sealed mail is, by attacking it.", no_args_is_help=True)


@audit.callback()
def _audit() -> None:
    """Prove how sealed mail is, by attacking it."""


# What stands behind the command is the command's.
@audit.command(context_settings={"allow_interspersed_args": False})
def client(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND",
            help="The client behind --, which sends one message each time. Filled in: {host} "
            "{port} {user} {password} {from} {to} {subject} {body} {ca_file} {mode} {config_file}; "
            "each is also in the environment, as POSTSEAL_LAB_HOST and so on. With --driver, what "
            "runs the driver: the python, node or ruby that has the library.",
            show_default=False,
        ),
    ] = None,
    *,
    driver: Annotated[
        Literal["aiosmtplib", "mail", "net-smtp", "nodemailer", "smtplib"] | None,
        typer.Option(
            "--driver",
            help="Attack this library, in a small program of the lab that sends by it.",
        ),
    ] = None,
    mode: Annotated[
        Literal["starttls", "implicit"],
        typer.Option("--mode", help="How the client is told to reach the server."),
    ] = "starttls",
    expect: Annotated[
        Literal["required", "opportunistic"],
        typer.Option(
            "--expect", help="What the client is configured for: TLS always, or where offered."
        ),
    ] = "required",
    cases: Annotated[
        str,
        typer.Option("--cases", metavar="PATTERNS", help="Which cases to run, as in 'N*,B03'."),
    ] = "*",
    format_: Annotated[
        Literal["text", "json", "sarif", "junit", "markdown", "html"] | None,
        typer.Option("--format", help="How the report is written.", show_default="text"),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the report there, and print it as text; may be repeated. Without --format "
            "the name tells how: .json, .sarif, .xml, .md, .html, .txt.",
        ),
    ] = None,
    fail_on: Annotated[
        Literal["info", "low", "medium", "high", "critical"],
        typer.Option("--fail-on", help="The severity from which findings make it end with 1."),
    ] = "low",
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            metavar="FILE",
            help="A JSON report of before: what it found does not count again.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Where the suppressions are.",
            show_default="postseal-audit.toml, where there is one",
        ),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config-file",
            metavar="TEMPLATE",
            help="A configuration of the client with the same placeholders: filled in for each "
            "case, and its path is {config_file}.",
        ),
    ] = None,
    location: Annotated[
        Path | None,
        typer.Option(
            "--location",
            metavar="FILE",
            help="Where SARIF shows the findings.",
            show_default="the template, else the file of suppressions",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="The servers' name or address; it must be on loopback.")
    ] = "localhost",
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            min=0,
            max=3600,
            metavar="SECONDS",
            help="How long the client may wait for a server that has fallen silent.",
        ),
    ] = 20.0,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, max=64, help="How many clients run at a time.")
    ] = 4,
) -> None:
    """Let a client send mail to hostile servers, and tell what it gave away.

    Ends with 0 where it was safe, 1 where it was not, 2 for wrong usage, 3 where
    something could not be told, and 4 for a defect of the auditor.
    """
    with examination():
        from postseal.cli.auditing import ReportOptions
        from postseal.cli.client_audit import ClientAudit

        attack = ClientAudit(
            command=tuple(command or ()),
            driver=driver,
            mode=mode,
            expectation=expect,
            patterns=cases,
            template=config_file,
            host=host,
            patience=patience,
            parallel=parallel,
        )
        report = ReportOptions(
            audit=attack.name,
            format_name=format_,
            outputs=tuple(output or ()),
            fail_on=fail_on,
            baseline=baseline,
            config=config,
            location=location or config_file,
        )
        status = report.prepared().finish(attack.run())
    raise typer.Exit(status)
