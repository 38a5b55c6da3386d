"""Secrets that this machine keeps: variables of the environment, files, systemd's credentials."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from postseal.errors import InvalidReference, SecretMalformed, SecretNotFound
from postseal.secrets.opaque import Secret
from postseal.secrets.private_files import Readers, read_private
from postseal.secrets.provider import Need, Provider, SecretReference, SecretVersion, decoded

__all__ = ["READABLE_BY", "Environment", "File", "SystemdCredential", "without_line_end"]

READABLE_BY: Final = "dangerous-readable-by"
"""The option of `file:` that lets a file be read by the group, or by everyone."""

_CREDENTIALS = "CREDENTIALS_DIRECTORY"
_READERS: Final = {"group": Readers.GROUP, "everyone": Readers.EVERYONE}


class Environment(Provider):
    """``env:NAME``: a variable of this process's environment.

    Other processes of the same user can read it, and every child inherits it.
    """

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        name = reference.rest
        if "=" in name:
            raise InvalidReference("the name of a variable holds no =")
        value = os.environ.get(name)
        if value is None:
            raise SecretNotFound(f"there is no variable {name}", reference=str(reference))
        if not value:
            raise SecretMalformed(f"the variable {name} is empty", reference=str(reference))
        return SecretVersion(Secret(value))


class File(Provider):
    """``file:/path``: the content of a file, without the line end behind it.

    The file belongs to this user or to root, and nobody else may read it (mode 0600 or 0400);
    ``?dangerous-readable-by=group`` or ``=everyone`` allows what containers do with their mounts.
    Its version changes whenever it is written or replaced.
    """

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        place = reference.location(options=frozenset({READABLE_BY}))
        if place.key is not None:
            raise InvalidReference(
                "a file: is one secret and has no #key", hint="Write # in a name as %23."
            )
        readable_by = place.options.get(READABLE_BY)
        if readable_by not in (None, *_READERS):
            raise InvalidReference(f"{READABLE_BY} is group or everyone")
        allowed = Readers.NOBODY if readable_by is None else _READERS[readable_by]
        return _read(reference, Path(place.path).expanduser(), allowed)


class SystemdCredential(Provider):
    """``systemd:name``: a credential of this service (systemd.exec(5), LoadCredential=).

    Who may read it is systemd's business: an access control list shows in the mode of the file
    as if the group could.
    """

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        name = reference.rest
        if "/" in name or name in (".", ".."):
            raise InvalidReference("the name of a credential is no path")
        directory = os.environ.get(_CREDENTIALS)
        if not directory:
            raise SecretNotFound(
                "this process was given no credentials by systemd",
                reference=str(reference),
                hint=f"Add LoadCredentialEncrypted={name} to the unit.",
            )
        return _read(reference, Path(directory, name), Readers.EVERYONE)


def without_line_end(data: bytes) -> bytes:
    """Drop the one line end that editors and `echo` put behind a secret."""
    return data.removesuffix(b"\n").removesuffix(b"\r")


def _read(reference: SecretReference, path: Path, allowed: Readers) -> SecretVersion:
    data, state = read_private(path, allowed=allowed, reference=str(reference))
    return SecretVersion(
        decoded(reference, without_line_end(data)),
        version=state.version,
        created=datetime.fromtimestamp(state.modified, UTC),
    )
