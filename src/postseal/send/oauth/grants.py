"""What an access token is asked for with: the grants of OAuth 2.0 that need no browser.

Google's and Microsoft's servers are known by name; other servers take the same forms (RFC 6749 4.4
and 6, RFC 7523 2.1).
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeAlias
from urllib.parse import urlsplit

from postseal.errors import InvalidSetting, MissingExtra, SecretMalformed
from postseal.secrets.opaque import Secret

if TYPE_CHECKING:
    from postseal.secrets.source import SecretSource

__all__ = ["ClientCredentials", "Grant", "RefreshToken", "ServiceAccount", "TokenEndpoint"]

_GOOGLE: Final = "https://oauth2.googleapis.com/token"
_GOOGLE_SCOPE: Final = "https://mail.google.com/"
_MICROSOFT: Final = "https://login.microsoftonline.com/{}/oauth2/v2.0/token"
_MICROSOFT_USER_SCOPE: Final = "https://outlook.office.com/SMTP.Send offline_access"
_MICROSOFT_APPLICATION_SCOPE: Final = "https://outlook.office365.com/.default"
_TENANT: Final = re.compile(r"[A-Za-z0-9.-]{1,253}")
# RFC 7523 4 leaves it open; Google takes no more than an hour.
_ASSERTION_LIFETIME: Final = 3600
_ACCOUNT_KEYS: Final = ("client_email", "private_key_id", "private_key")

_Kept: TypeAlias = "Secret | SecretSource"


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """The host that gives tokens, and the path at which it does (RFC 6749 3.2)."""

    host: str
    path: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read an https URL of host and path; raise `InvalidSetting` for any other."""
        parts = urlsplit(url)
        plain = f"https://{parts.netloc}{parts.path}"
        is_host = re.fullmatch(r"[A-Za-z0-9.-]+", parts.netloc) is not None
        if plain != url or not is_host or not parts.path or not url.isprintable() or " " in url:
            raise InvalidSetting(
                f"{url!a} is no endpoint for tokens",
                hint="Write https://host/path; credentials are sent there, so TLS is required.",
            )
        return cls(parts.netloc, parts.path)


class Grant(Protocol):
    """What is shown to an authorization server, and where."""

    @property
    def endpoint(self) -> str:
        """The URL that gives tokens."""
        ...

    @property
    def name(self) -> str:
        """Whose tokens these are and what for, without any secret."""
        ...

    @property
    def remedy(self) -> str:
        """What to do when the server takes the grant no more."""
        ...

    def form(self, *, now: float, timeout: float) -> dict[str, str]:
        """Write the request's parameters, `now` in seconds since the epoch.

        Secrets that have to be fetched are waited for up to `timeout` seconds each. Raises
        `SecretError`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """A user once consented in a browser, and the refresh token from then gives new access tokens.

    RFC 6749 6. A server may give another refresh token with an access token, which is used from
    then on.
    """

    endpoint: str
    client_id: str
    refresh_token: _Kept
    client_secret: _Kept | None = None
    scope: str = ""

    @classmethod
    def google(cls, *, client_id: str, client_secret: _Kept, refresh_token: _Kept) -> Self:
        """Gmail, for a user who consented to the scope https://mail.google.com/."""
        return cls(
            endpoint=_GOOGLE,
            client_id=client_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
        )

    @classmethod
    def microsoft(
        cls,
        *,
        client_id: str,
        refresh_token: _Kept,
        client_secret: _Kept | None = None,
        tenant: str = "common",
    ) -> Self:
        """Outlook and Microsoft 365, for a user who consented to SMTP.Send and offline_access.

        `client_secret` is for applications that are registered as confidential ones.
        """
        return cls(
            endpoint=_of_tenant(tenant),
            client_id=client_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
            scope=_MICROSOFT_USER_SCOPE,
        )

    @property
    def name(self) -> str:
        """See `Grant.name`."""
        return f"{self.client_id} {self.scope}".rstrip()

    @property
    def remedy(self) -> str:
        """See `Grant.remedy`."""
        return (
            "The refresh token has expired, was revoked or is another application's: let the user "
            "consent again, and keep the new one."
        )

    def form(self, *, now: float, timeout: float) -> dict[str, str]:
        """See `Grant.form`."""
        fields = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "refresh_token": _value(self.refresh_token, timeout),
        }
        if self.client_secret is not None:
            fields["client_secret"] = _value(self.client_secret, timeout)
        if self.scope:
            fields["scope"] = self.scope
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """An application that sends as itself, by its own secret (RFC 6749 4.4)."""

    endpoint: str
    client_id: str
    client_secret: _Kept
    scope: str

    @classmethod
    def microsoft(cls, *, tenant: str, client_id: str, client_secret: _Kept) -> Self:
        """Microsoft 365, for an application with SMTP.SendAsApp and rights to the mailbox."""
        return cls(
            endpoint=_of_tenant(tenant),
            client_id=client_id,
            client_secret=client_secret,
            scope=_MICROSOFT_APPLICATION_SCOPE,
        )

    @property
    def name(self) -> str:
        """See `Grant.name`."""
        return f"{self.client_id} {self.scope}"

    @property
    def remedy(self) -> str:
        """See `Grant.remedy`."""
        return "Look at where the application is registered: what it may do, and its secret's end."

    def form(self, *, now: float, timeout: float) -> dict[str, str]:
        """See `Grant.form`."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": _value(self.client_secret, timeout),
            "scope": self.scope,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """An account of a program that acts for a user, by a signed assertion (RFC 7523 2.1).

    `key` is the JSON file that Google gives with the account, `subject` the user's address; the
    administrator of the domain delegates the scope to the account.
    """

    key: _Kept
    subject: str
    scope: str = _GOOGLE_SCOPE
    endpoint: str = _GOOGLE

    @property
    def name(self) -> str:
        """See `Grant.name`."""
        return f"{self.subject} {self.scope}"

    @property
    def remedy(self) -> str:
        """See `Grant.remedy`."""
        return (
            "See that the user exists, that the key was not deleted, and that this machine's "
            "clock is right."
        )

    def form(self, *, now: float, timeout: float) -> dict[str, str]:
        """See `Grant.form`."""
        account, key_id, key = _account_key(_value(self.key, timeout))
        header: dict[str, str | int] = {"alg": "RS256", "typ": "JWT", "kid": key_id}
        claims: dict[str, str | int] = {
            "iss": account,
            "sub": self.subject,
            "scope": self.scope,
            "aud": self.endpoint,
            "iat": int(now),
            "exp": int(now) + _ASSERTION_LIFETIME,
        }
        signed = f"{_segment(_compact(header))}.{_segment(_compact(claims))}"
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": f"{signed}.{_segment(_rs256(key, signed.encode()))}",
        }


def _of_tenant(tenant: str) -> str:
    if _TENANT.fullmatch(tenant) is None:
        raise InvalidSetting(
            f"{tenant!a} is no tenant", hint="Give the tenant's ID, or its domain, or common."
        )
    return _MICROSOFT.format(tenant)


def _value(kept: _Kept, timeout: float) -> str:
    held = kept if isinstance(kept, Secret) else kept.get(timeout=timeout).secret
    return held.reveal()


def _account_key(text: str) -> tuple[str, str, str]:
    try:
        told = json.loads(text)
        account, key_id, key = map(told.__getitem__, _ACCOUNT_KEYS)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        account = key_id = key = None
    if isinstance(account, str) and isinstance(key_id, str) and isinstance(key, str):
        return account, key_id, key
    # What went wrong may hold the key.
    raise SecretMalformed(
        f"the key of the service account is no JSON with {', '.join(_ACCOUNT_KEYS)}",
        hint="Give the file as Google made it, whole.",
    ) from None


def _rs256(pem: str, signed: bytes) -> bytes:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"service accounts need the package {error.name}",
            hint="Install it with: pip install 'postseal[mx]'.",
        ) from None
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise SecretMalformed("the private_key of the service account is no RSA key in PEM")
    # RFC 7518 3.3
    return key.sign(signed, PKCS1v15(), SHA256())


def _compact(values: Mapping[str, str | int]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()


def _segment(octets: bytes) -> str:
    # RFC 7515 2: base64url without padding.
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
