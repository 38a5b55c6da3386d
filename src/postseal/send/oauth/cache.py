"""Tokens kept in a file of mode 0600: for the next start, and for other processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from postseal.errors import SecretMalformed, SecretNotFound
from postseal.secrets.opaque import Secret
from postseal.secrets.private_files import Readers, read_private, replace_file
from postseal.send.oauth.answers import Granted

__all__ = ["TokenFile"]

_FORM: Final = 1


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The tokens of one grant, which `reference` names in errors.

    What is in the file counts only for the `fingerprint` that it was written with.
    """

    path: Path
    reference: str

    def load(self, fingerprint: str) -> Granted | None:
        """Read the tokens; None where there are none of this grant's.

        Raises `SecretDenied` for a file that others may read, and `SecretMalformed`.
        """
        try:
            octets, _ = read_private(self.path, allowed=Readers.NOBODY, reference=self.reference)
        except SecretNotFound:
            return None
        try:
            told = json.loads(octets)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict) or told.get("form") != _FORM:
            raise self._malformed()
        return self._granted(told) if told.get("fingerprint") == fingerprint else None

    def store(self, fingerprint: str, granted: Granted) -> None:
        """Write the tokens in place of what was there.

        Raises `SecretError` where that cannot be done.
        """
        refresh = granted.refresh_token
        content = {
            "form": _FORM,
            "fingerprint": fingerprint,
            "access_token": granted.access_token.reveal(),
            "expires": granted.expires,
            "refresh_token": None if refresh is None else refresh.reveal(),
        }
        replace_file(self.path, json.dumps(content).encode(), reference=self.reference)

    def _granted(self, told: Mapping[str, object]) -> Granted:
        access, expires, refresh = (
            told.get(name) for name in ("access_token", "expires", "refresh_token")
        )
        if not isinstance(access, str) or not isinstance(expires, int | float):
            raise self._malformed()
        if refresh is not None and not isinstance(refresh, str):
            raise self._malformed()
        return Granted(Secret(access), expires, None if refresh is None else Secret(refresh))

    def _malformed(self) -> SecretMalformed:
        return SecretMalformed(
            f"{self.path} holds something else than tokens",
            reference=self.reference,
            hint="Name another file, or delete it.",
        )
