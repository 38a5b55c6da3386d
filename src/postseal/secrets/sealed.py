"""Sealed files on disk: read by reference, and changed by one writer at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from postseal.errors import (
    InvalidInput,
    InvalidReference,
    SecretError,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.opaque import Secret
from postseal.secrets.private_files import Readers, read_private, replace_file
from postseal.secrets.provider import (
    Need,
    Provider,
    SecretReference,
    SecretVersion,
    provider_of,
)
from postseal.secrets.sealed_format import MAX_SEALED, Entry, seal, unseal

__all__ = ["KEY_VARIABLE", "SealedFile", "SealedStore"]

KEY_VARIABLE: Final = "POSTSEAL_SEALED_KEY"
"""The variable with the reference to the key of sealed files that name none themselves."""

_MAX_NAME: Final = 200
_NO_NAME: Final = "the sealed file has no such name"


class SealedFile(Provider):
    """``sealed:/path?key=reference#name``: a secret in a sealed file.

    The key, or the passphrase, is itself kept somewhere: ``key`` is a reference to it, by default
    the one in the variable POSTSEAL_SEALED_KEY. A sealed file cannot keep the key of another.
    """

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        place = reference.location(options=frozenset({"key"}))
        if place.key is None:
            raise InvalidReference("a sealed: reference names its secret: sealed:/path#name")
        keeper = key_reference(place.options.get("key"))
        key = provider_of(keeper.scheme).fetch(keeper, deadline=deadline).secret
        try:
            entry = SealedStore(Path(place.path).expanduser()).entries(key).get(place.key)
        except SecretError as error:
            error.reference = str(reference)
            raise
        if entry is None:
            raise SecretNotFound(_NO_NAME, reference=str(reference))
        return SecretVersion(entry.secret, version=str(entry.version), created=entry.sealed_at)


def key_reference(text: str | None) -> SecretReference:
    """Read where a sealed file's key is kept; None says what the variable says.

    Raises `InvalidReference` where there is neither, or it is a sealed file again.
    """
    text = text or os.environ.get(KEY_VARIABLE)
    if not text:
        raise InvalidReference(
            "nothing says where the key of the sealed file is kept",
            hint=f"Add ?key=file:/path to the reference, or set {KEY_VARIABLE}=file:/path.",
        )
    reference = SecretReference.parse(text)
    if reference.scheme == "sealed":
        raise InvalidReference("the key of a sealed file is not kept in a sealed file")
    return reference


@dataclass(frozen=True, slots=True)
class SealedStore:
    """A sealed file, opened and changed with its key or passphrase.

    Others may read the file, which is encrypted, but not write it. Methods raise the `SecretError`s
    of `unseal` and those of a file that cannot be used.
    """

    path: Path

    def entries(self, key: Secret) -> dict[str, Entry]:
        """Open the file and give all that is in it, by name."""
        name = f"sealed:{self.path}"
        data, _ = read_private(
            self.path, allowed=Readers.EVERYONE, reference=name, limit=MAX_SEALED
        )
        try:
            return unseal(data, key)
        except SecretError as error:
            error.reference = name
            raise

    def put(self, name: str, secret: Secret, key: Secret, *, now: datetime) -> Entry:
        """Seal a secret under a name, as its next version; makes the file where there is none.

        Raises `InvalidInput` for a name that is empty, too long or not printable.
        """
        if not 0 < len(name) <= _MAX_NAME or not name.isprintable() or not secret:
            raise InvalidInput(
                f"a sealed secret has a name of 1 to {_MAX_NAME} characters, and a value"
            )
        with self._alone():
            entries = self.entries(key) if self.path.exists() else {}
            version = entries[name].version + 1 if name in entries else 1
            entries[name] = Entry(secret, version, now.astimezone(UTC))
            self._write(entries, key)
        return entries[name]

    def remove(self, name: str, key: Secret) -> None:
        """Drop a secret; raises `SecretNotFound` where there is none of that name."""
        with self._alone():
            entries = self.entries(key)
            if entries.pop(name, None) is None:
                raise SecretNotFound(
                    "the sealed file has no such name", reference=f"sealed:{self.path}"
                )
            self._write(entries, key)

    def rekey(self, key: Secret, new_key: Secret) -> int:
        """Seal everything with another key; the old one opens the file no more.

        Returns how many secrets there are. Copies of the old file still open with the old key:
        where that may be known to others, change the secrets as well.
        """
        with self._alone():
            entries = self.entries(key)
            self._write(entries, new_key)
        return len(entries)

    def _write(self, entries: dict[str, Entry], key: Secret) -> None:
        replace_file(self.path, seal(entries, key), reference=f"sealed:{self.path}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # The file itself is replaced, so that its directory is what two writers share.
        name = f"sealed:{self.path}"
        try:
            directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SecretNotFound(
                f"the directory {self.path.parent} cannot be used: {error.strerror}", reference=name
            ) from None
        try:
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SecretUnreachable(
                    "another process is changing a sealed file beside this one", reference=name
                ) from None
            yield
        finally:
            os.close(directory)
