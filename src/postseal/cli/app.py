"""The commands, gathered."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from postseal.cli.audit import audit
from postseal.cli.certs import certs
from postseal.cli.client_config import client_config
from postseal.cli.doctor import doctor
from postseal.cli.explain import explain
from postseal.cli.secrets import secrets
from postseal.cli.send import send
from postseal.cli.serve import serve

__all__ = ["app"]

app = typer.Typer(
    name="postseal",
    help="Email that cannot be downgraded: send it, serve it, audit it.",
    no_args_is_help=True,
    add_completion=False,
    # Local variables may hold a password.
    pretty_exceptions_show_locals=False,
)
app.command()(send)
app.command()(serve)
app.command()(doctor)
app.command("client-config")(client_config)
app.add_typer(audit, name="audit")
app.add_typer(certs, name="certs")
app.add_typer(explain, name="explain")
app.add_typer(secrets, name="secrets")


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it so
    if wanted:
        typer.echo(f"postseal {version('postseal')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Email that cannot be downgraded: send it, serve it, audit it."""
