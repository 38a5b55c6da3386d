"""How commands that examine end: a status for each kind of result, the same for all of them."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, unique

import typer

from postseal.cli.output import show_error
from postseal.errors import InvalidInput, MailError

__all__ = ["ExitStatus", "examination"]


@unique
class ExitStatus(IntEnum):
    """The exit status of a command that examines something."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    INCONCLUSIVE = 3
    """It could not be reached, or not be examined: that is never the same as clean."""
    INTERNAL_ERROR = 4


@contextmanager
def examination() -> Iterator[None]:
    """Turn what keeps a command from a result into words and an exit status."""
    try:
        yield
    except InvalidInput as error:
        show_error(error)
        raise typer.Exit(ExitStatus.USAGE) from None
    except MailError as error:
        show_error(error)
        raise typer.Exit(ExitStatus.INCONCLUSIVE) from None
    except typer.Exit:
        raise
    except Exception:  # noqa: BLE001  # a defect of ours must not look like a finding
        typer.echo(traceback.format_exc(), err=True, nl=False)
        raise typer.Exit(ExitStatus.INTERNAL_ERROR) from None
