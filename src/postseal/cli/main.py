"""The entry point: finds the command, shows errors as one line, and ends with the right status."""

from __future__ import annotations

import sys

__all__ = ["main"]

_NEEDS = "postseal: the command line needs more packages; install them with: pip install '{}'"


def main() -> None:
    """Run the command line; the exit status is 0, 1 (it failed) or 2 (wrong usage).

    Commands that examine something have more: `postseal.cli.examining`.
    """
    try:
        from postseal.cli.app import app

        app()
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(_NEEDS.format("postseal[cli]"))
