"""What an authorization server answers: tokens, or why there are none (RFC 6749 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from postseal.errors import SecretDenied, SecretError, SecretMalformed, SecretUnreachable
from postseal.secrets.opaque import Secret
from postseal.send.printable import printable

__all__ = ["Granted", "read_answer"]

# RFC 6749 5.1 only recommends expires_in; who leaves it out is asked again soon.
_UNTOLD_LIFETIME: Final = 300.0
_MAX_LIFETIME: Final = 10 * 365 * 86_400.0
_MAX_TOLD: Final = 300
_MAY_PASS: Final = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_HINTS: Final[Mapping[str, str]] = {
    "invalid_client": "The client's ID or secret is wrong, or the secret has expired: make a new "
    "one where the application is registered.",
    "unauthorized_client": "The application may not have such tokens: an administrator has to "
    "consent, or to delegate the scope to the account.",
    "invalid_scope": "The scope is unknown, or nobody consented to it.",
}


@dataclass(frozen=True, slots=True)
class Granted:
    """An access token until `expires`, in seconds since the epoch.

    `refresh_token` replaces the one that was shown; None where that stays.
    """

    access_token: Secret
    expires: float
    refresh_token: Secret | None = None


def read_answer(status: int, body: bytes, *, now: float, remedy: str) -> Granted:
    """Read a response of the token endpoint, `now` in seconds since the epoch.

    Raises `SecretDenied` for a no, with `remedy` as the hint where the grant itself is refused;
    `SecretUnreachable` for one that may pass; and `SecretMalformed` for what is no answer. None of
    them repeats a token.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    fields: Mapping[str, object] = told if isinstance(told, dict) else {}
    if status == 200:
        return _granted(fields, now)
    raise _refusal(status, fields, remedy)


def _granted(fields: Mapping[str, object], now: float) -> Granted:
    access, kind = _text(fields, "access_token"), _text(fields, "token_type")
    if access is None or kind is None or kind.lower() != "bearer":
        raise SecretMalformed("the authorization server gave no bearer token (RFC 6750)")
    refresh = _text(fields, "refresh_token")
    return Granted(
        Secret(access),
        now + _lifetime(fields.get("expires_in")),
        None if refresh is None else Secret(refresh),
    )


def _lifetime(told: object) -> float:
    if told is None:
        return _UNTOLD_LIFETIME
    if isinstance(told, float) and told.is_integer():
        told = int(told)
    # Some servers write the number as a text.
    text = str(told) if isinstance(told, int | str) and not isinstance(told, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) > 0):
        raise SecretMalformed("the authorization server gave a token that has no lifetime")
    return min(float(text), _MAX_LIFETIME)


def _refusal(status: int, fields: Mapping[str, object], remedy: str) -> SecretError:
    error, description = (_text(fields, name) for name in ("error", "error_description"))
    said = f"{status} {error or ''}".rstrip()
    text = f"the authorization server said {printable(said)}"
    if description:
        text = f"{text}: {printable(description[:_MAX_TOLD])}"
    if status >= 500 or status == 429 or error in _MAY_PASS:
        return SecretUnreachable(text)
    if error == "invalid_grant":
        return SecretDenied(text, hint=remedy)
    return SecretDenied(text, hint=_HINTS.get(error or "", "See that the endpoint is right."))


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
