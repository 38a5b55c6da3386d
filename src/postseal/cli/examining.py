"""How commands that examine end: a status for each kind of result, the same for all of them."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from postseal.audit.exit_codes import ExitCode
from postseal.cli.output import show_error
from postseal.errors import InvalidInput, MailError

__all__ = ["examination"]


@contextmanager
def examination() -> Iterator[None]:
    """Turn what keeps a command from a result into words and an exit status."""
    try:
        yield
    except InvalidInput as error:
        show_error(error)
        raise typer.Exit(ExitCode.USAGE) from None
    except MailError as error:
        show_error(error)
        raise typer.Exit(ExitCode.INCONCLUSIVE) from None
    except typer.Exit:
        raise
    except Exception:  # noqa: BLE001  # a defect of ours must not look like a finding
        typer.echo(traceback.format_exc(), err=True, nl=False)
        raise typer.Exit(ExitCode.INTERNAL) from None
