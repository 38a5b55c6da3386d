"""What a client can prove itself with: a password, a bearer token, or its TLS certificate.

They are checked by `check` and not while they are made: there the frames of the error would hold
the secret as an argument, for every reporter of tracebacks to show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from postseal.smtp.sasl.errors import CredentialsUnusable

__all__ = ["BearerToken", "ClientCertificate", "Credentials", "Password"]

# RFC 4616 2 has this limit for PLAIN; no server takes longer names.
_MAX_NAME: Final = 255
_MAX_PASSWORD: Final = 1024
# With it, a line of AUTH stays below the 12288 octets of RFC 4954 4.
_MAX_TOKEN: Final = 8192

# RFC 6750 2.1: b64token
_B64TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")


@dataclass(frozen=True, slots=True)
class Password:
    """A user's name and password.

    `authorization_identity` is the user to act as; empty means one's own (RFC 4422 2).
    """

    username: str
    password: str = field(repr=False)
    authorization_identity: str = ""

    def check(self) -> None:
        """Raise `CredentialsUnusable` for what no mechanism carries.

        That is: empty parts, NUL, lone surrogates, names beyond 255 octets, passwords beyond 1024.
        """
        _check("user", self.username, _MAX_NAME)
        problem = _problem(self.password, _MAX_PASSWORD)
        if problem:
            raise CredentialsUnusable(f"the password {problem}")
        if self.authorization_identity:
            _check("authorization identity", self.authorization_identity, _MAX_NAME)


@dataclass(frozen=True, slots=True)
class BearerToken:
    """An OAuth 2.0 access token (RFC 6750) and the user whose mail it opens.

    `host` and `port` are the server's, as the client knows it; OAUTHBEARER tells them, so that a
    token taken by one server is of no use to another.
    """

    username: str
    token: str = field(repr=False)
    host: str = ""
    port: int | None = None

    def check(self) -> None:
        """Raise `CredentialsUnusable` for a token that is none or is longer than 8192 octets.

        Also for a user or host that cannot be written beside it.
        """
        _check("user", self.username, _MAX_NAME)
        # The fields of both mechanisms end with %x01.
        if not self.username.isprintable() or not self.host.isprintable():
            raise CredentialsUnusable("user and host hold no control characters")
        if not _B64TOKEN.match(self.token) or len(self.token) > _MAX_TOKEN:
            raise CredentialsUnusable(
                f"a bearer token has 1 to {_MAX_TOKEN} octets of A-Z a-z 0-9 - . _ ~ + / and =",
                hint="Give the access token alone, without the word Bearer.",
            )


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """The certificate that was shown in the TLS handshake; SASL only says whom to act as."""

    authorization_identity: str = ""

    @property
    def username(self) -> str:
        """The only name that is known here."""
        return self.authorization_identity

    def check(self) -> None:
        """Raise `CredentialsUnusable` for a name that cannot be written."""
        if self.authorization_identity:
            _check("authorization identity", self.authorization_identity, _MAX_NAME)


Credentials: TypeAlias = Password | BearerToken | ClientCertificate


def _check(name: str, text: str, limit: int) -> None:
    problem = _problem(text, limit)
    if problem:
        raise CredentialsUnusable(f"the {name} {problem}")


def _problem(text: str, limit: int) -> str:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if not 0 < size <= limit:
        return f"must have 1 to {limit} octets of UTF-8"
    return "must not hold NUL" if "\x00" in text else ""
