"""What a person gives to a command besides its arguments: files, and answers at the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import typer

from postseal.errors import InvalidInput, MailError
from postseal.secrets.opaque import Secret

__all__ = ["ask_secret", "read_pem_file"]

_MAX_PEM_OCTETS: Final = 256 * 1024


def ask_secret(question: str, *, confirm: bool = False, otherwise: MailError) -> Secret:
    """Ask at the terminal, without showing the answer; raise `otherwise` where there is none."""
    if not sys.stdin.isatty():
        raise otherwise
    answer: str = typer.prompt(question, hide_input=True, confirmation_prompt=confirm, err=True)
    return Secret(answer)


def read_pem_file(path: Path) -> bytes:
    """Read certificates or a key, 256 KiB at most. Raises `InvalidInput`, which names the file."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_PEM_OCTETS)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from None
