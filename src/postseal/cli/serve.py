"""`postseal serve`: the platform, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postseal.cli.output import errors_as_lines
from postseal.errors import MissingExtra

if TYPE_CHECKING:
    from postseal.serve.first_run import Announcement
    from postseal.serve.platform import Platform

__all__ = ["serve"]

_CONFIG_VARIABLE = "POSTSEAL_CONFIG"


def serve(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", envvar=_CONFIG_VARIABLE, help="postseal.toml; without it, the defaults."
        ),
    ] = None,
) -> None:
    """Run the platform: listeners, delivery and web pages.

    Without a configuration file it listens on loopback only and keeps outgoing mail in a sandbox.
    The first run shows an admin account and an SMTP credential once.
    """
    with errors_as_lines():
        try:
            from postseal.serve.logs import configure_logs
            from postseal.serve.platform import serving
            from postseal.serve.settings import Settings
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"`postseal serve` needs the package {error.name}",
                hint="Install it with: pip install 'postseal[serve]'.",
            ) from None
        configure_logs()
        # Keys, mail and passwords' hashes are written here: nothing is for other users.
        os.umask(0o077)
        asyncio.run(_run(serving(Settings.load(config), announce=_announce)))


async def _run(house: AbstractAsyncContextManager[Platform]) -> None:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop.set)
    async with house as platform:
        _show_addresses(platform)
        await told_to_stop.wait()


def _announce(made: Announcement) -> None:
    _say("Admin account (shown only now)")
    _say(f"  username  {made.admin.name}")
    _say(f"  password  {made.admin.password.reveal()}")
    if made.credential:
        _say("SMTP credential (shown only now)")
        _say(f"  username  {made.credential.name}")
        _say(f"  password  {made.credential.password.reveal()}")


def _show_addresses(platform: Platform) -> None:
    for name, where in platform.listeners.items():
        host = f"[{where.address}]" if ":" in where.address else where.address
        shown = f"http://{host}:{where.port}/" if name == "web" else f"{host}:{where.port}"
        _say(f"{name:<12}{shown}")
    if platform.authority:
        _say(f"{'authority':<12}{platform.authority}")
    _say(f"{'delivery':<12}{platform.mode}")
    _say("ready")


def _say(line: str) -> None:
    # Each line at once: whoever waits for "ready" reads through a pipe.
    typer.echo(line)
    sys.stdout.flush()
