"""Who keeps secrets: the reference that names one, what a provider gives, and who serves a scheme.

A reference is a scheme, a colon and what the scheme makes of the rest. Most write it as
``scheme:path?option=value#key``, in which ``%`` escapes as in a URL (RFC 3986 2.1).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, Self

from postseal.errors import InvalidReference, MissingExtra, SecretMalformed, SecretUnreachable

if TYPE_CHECKING:
    from datetime import datetime

    from postseal.secrets.opaque import Secret

__all__ = [
    "SCHEMES",
    "Location",
    "Need",
    "Provider",
    "SecretReference",
    "SecretVersion",
    "decoded",
    "missing_extra",
    "provider_of",
    "seconds_left",
]

_PROVIDERS: Mapping[str, tuple[str, str]] = {
    "aws-sm": ("postseal.secrets.aws", "AWSSecretsManager"),
    "azure-kv": ("postseal.secrets.azure", "AzureKeyVault"),
    "env": ("postseal.secrets.local", "Environment"),
    "exec": ("postseal.secrets.command", "Command"),
    "file": ("postseal.secrets.local", "File"),
    "gcp-sm": ("postseal.secrets.gcp", "GoogleSecretManager"),
    "keyring": ("postseal.secrets.keyring", "Keyring"),
    "sealed": ("postseal.secrets.sealed", "SealedFile"),
    "systemd": ("postseal.secrets.local", "SystemdCredential"),
    "vault": ("postseal.secrets.vault", "Vault"),
}

SCHEMES = frozenset(_PROVIDERS)
"""The schemes of references that are known."""

_MAX_REFERENCE = 4096
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(.*)", re.DOTALL)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Location:
    """What lies behind the scheme of a reference: ``path?option=value#key``, unescaped.

    `key` names one value among those kept at `path`; None where the reference has no ``#``.
    """

    path: str
    options: Mapping[str, str]
    key: str | None


@dataclass(frozen=True, slots=True)
class SecretReference:
    """The name of a secret: which provider keeps it, and under what.

    It is no secret, and `str` shows it, except for what follows a command's name (`exec:`), where
    people write tokens all the same.
    """

    scheme: str
    rest: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``scheme:rest``.

        Raises `InvalidReference` for an unknown scheme, an empty rest, a control character or
        more than 4096 characters. The text is not repeated: it may be the secret itself.
        """
        match = _SCHEME.fullmatch(text[: _MAX_REFERENCE + 1])
        if match is None or match[1] not in SCHEMES:
            raise InvalidReference(
                "this is no reference to a secret",
                hint=f"Write scheme:name, with a scheme of {', '.join(sorted(SCHEMES))}; for a "
                "value that you have, give Secret(value).",
            )
        if not match[2] or not text.isprintable() or len(text) > _MAX_REFERENCE:
            raise InvalidReference(
                f"the reference behind {match[1]}: is empty, too long or holds control characters"
            )
        return cls(match[1], match[2])

    def location(self, *, options: frozenset[str] = frozenset()) -> Location:
        """Split ``path?option=value#key``, where `options` are the names that the scheme knows.

        Raises `InvalidReference` for an empty path, an unknown, repeated or empty option, an empty
        key, and a ``%`` that escapes nothing.
        """
        front, mark, key = self.rest.partition("#")
        path, _, query = front.partition("?")
        given: dict[str, str] = {}
        for field in query.split("&") if query else ():
            name, _, value = field.partition("=")
            if name not in options:
                known = f"It knows {', '.join(sorted(options))}." if options else "It knows none."
                raise InvalidReference(f"{self.scheme}: has no option {name!a}", hint=known)
            if name in given or not value:
                raise InvalidReference(f"the option {name} of {self.scheme}: is empty or repeated")
            given[name] = self._unescaped(value)
        if not path or (mark and not key):
            raise InvalidReference(f"the path or the key of {self.scheme}: is empty")
        return Location(self._unescaped(path), given, self._unescaped(key) if mark else None)

    def _unescaped(self, text: str) -> str:
        from urllib.parse import unquote

        if _BAD_PERCENT.search(text):
            raise InvalidReference(
                f"a % in {self.scheme}: escapes nothing", hint="Write % itself as %25."
            )
        try:
            plain = unquote(text, errors="strict")
        except UnicodeDecodeError:
            raise InvalidReference(f"an escape in {self.scheme}: is not UTF-8") from None
        if not plain.isprintable():
            raise InvalidReference(f"an escape in {self.scheme}: is a control character")
        return plain

    def __str__(self) -> str:
        if self.scheme != "exec":
            return f"{self.scheme}:{self.rest}"
        program, space, _ = self.rest.strip().partition(" ")
        return f"exec:{program}{' ...' if space else ''}"

    def __repr__(self) -> str:
        return f"SecretReference({str(self)!r})"


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """A secret as it was at one time.

    `version` is the provider's own name for it, or None where it has none. `created` and `expires`
    are aware of their time zone, and None where the provider does not tell. From `expires` on the
    secret must not be used.
    """

    secret: Secret
    version: str | None = None
    created: datetime | None = None
    expires: datetime | None = None


@unique
class Need(Enum):
    """Why a secret is fetched."""

    CURRENT = "current"
    """The one in force. A provider may renew the lease of the one it gave and give it again."""

    REPLACEMENT = "replacement"
    """A server refused the one given last: nothing that was kept may be given again unasked."""


class Provider(Protocol):
    """A keeper of secrets.

    Made without arguments from its own standard configuration (environment, files), without
    waiting for anything. Calls come from several threads, and may block.
    """

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        """Ask for a secret, until `deadline` on the clock `time.monotonic`.

        It is called again when the secret has expired or is about to, so nothing needs to be kept
        here but clients, tokens and leases. Raises `SecretNotFound`, `SecretDenied`,
        `SecretUnreachable` (also for a deadline that passed) and `SecretMalformed`, with the
        reference and never with a value, `InvalidReference`, and `MissingExtra` where packages
        are not installed.
        """
        ...


@cache
def provider_of(scheme: str) -> Provider:
    """The provider of a known scheme, made and imported when it is first asked for."""
    module, name = _PROVIDERS[scheme]
    make: Callable[[], Provider] = getattr(import_module(module), name)
    return make()


def missing_extra(scheme: str, extra: str) -> MissingExtra:
    """The error for a scheme whose packages are not installed."""
    return MissingExtra(
        f"secrets of {scheme}: need packages that are not installed",
        hint=f"Install them with: pip install 'postseal[{extra}]'.",
    )


def seconds_left(reference: SecretReference, deadline: float) -> float:
    """How long a provider may still wait; raises `SecretUnreachable` where that is nothing."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise SecretUnreachable("no answer in time", reference=str(reference))
    return left


def decoded(reference: SecretReference, value: bytes | bytearray) -> Secret:
    """Make a secret of octets that a provider keeps.

    Raises `SecretMalformed` where they are empty or no UTF-8, without repeating them.
    """
    from postseal.secrets.opaque import Secret

    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise SecretMalformed(
            "what is kept there is empty or no UTF-8 text", reference=str(reference)
        )
    return Secret(text)
