"""How commands speak: results on standard output, errors as one line on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.text import Text

from postseal.audit.report.plain import terminal_safe
from postseal.errors import InvalidInput, MailError

__all__ = ["errors_as_lines", "show", "show_error", "terminal_safe"]

_errors = Console(stderr=True, highlight=False, soft_wrap=True)
_results = Console(highlight=False, soft_wrap=True)

_FAILED = 1
_USAGE = 2


def show(label: str, value: str) -> None:
    """Print one line of a result, its label in a column of its own."""
    _results.print(Text(f"{label:<11} ", style="bold"), Text(terminal_safe(value)), sep="")


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """Turn a `MailError` into its line and an exit status: 2 for wrong input, else 1."""
    try:
        yield
    except MailError as error:
        show_error(error)
        raise typer.Exit(_USAGE if isinstance(error, InvalidInput) else _FAILED) from None


def show_error(error: MailError) -> None:
    """Print an error as one line on standard error."""
    line = Text("error: ", style="bold red")
    line.append(terminal_safe(str(error)), style="not bold default")
    _errors.print(line)
