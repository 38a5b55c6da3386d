"""A keyring in a file of a test's own, in place of whatever the system has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import keyring


@contextlib.contextmanager
def own_keyring(file: Path) -> Iterator[None]:
    """Keep the passwords of this process in `file`, unencrypted."""
    before = keyring.get_keyring()
    ours = import_module("keyrings.alt.file").PlaintextKeyring()
    ours.file_path = str(file)
    keyring.set_keyring(ours)
    try:
        yield
    finally:
        keyring.set_keyring(before)
