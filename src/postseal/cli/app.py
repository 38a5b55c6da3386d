"""The commands by name; the one that is called is imported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

if TYPE_CHECKING:
    from typer._click import Command, Context

__all__ = ["SUMMARIES", "app"]

SUMMARIES: Final = {
    "send": "Send a message, and show how sealed its way was.",
    "serve": "Run the platform: listeners, delivery and web pages.",
    "doctor": "Find the server, port and mode to send mail by, as mail programs do, "
    "and say what is wrong.",
    "client-config": "Write settings for mail programs: text, Mozilla, Outlook, Apple, "
    "and SRV records.",
    "audit": "Prove how sealed mail is, by attacking it.",
    "certs": "Make a local certificate authority, and issue, renew and show certificates.",
    "explain": "Explain what is decided about a destination, and by which rule.",
    "secrets": "Examine where secrets are kept, and keep them in sealed files.",
}
"""What each command does, as its own help begins."""


class _Commands(TyperGroup):
    """Lists the commands by their summaries, and imports the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, summary in SUMMARIES.items():
            self.add_command(TyperCommand(name, help=summary))

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, _imported(name) if name else None, rest


def _imported(name: str) -> Command:
    word = name.replace("-", "_")
    found = getattr(import_module(f"postseal.cli.{word}"), word)
    alone = typer.Typer()
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name)
    else:
        alone.command(name)(found)
    return get_group(alone).commands[name]


app = typer.Typer(
    name="postseal",
    cls=_Commands,
    help="Email that cannot be downgraded: send it, serve it, audit it.",
    no_args_is_help=True,
    add_completion=False,
    # Local variables may hold a password.
    pretty_exceptions_show_locals=False,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it so
    if wanted:
        from importlib.metadata import version

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
