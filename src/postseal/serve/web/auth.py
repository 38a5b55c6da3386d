"""Who is asking: the session of a cookie, or an account's name and password (RFC 7617).

A session is a random token of 256 bits that the browser keeps in a cookie of this host alone;
the database has its hash. Passwords are taken over loopback or HTTPS only, and are checked at
a limited rate, with the same work and the same answer whether or not there is such an account.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

import structlog
from anyio import to_thread
from argon2.exceptions import HashingError
from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from postseal.errors import MailError
from postseal.secrets import Secret
from postseal.send.endpoint import is_loopback
from postseal.serve.credentials import (
    hash_password,
    new_token,
    password_needs_rehash,
    token_hash,
    verify_password,
)
from postseal.serve.storage import Account
from postseal.serve.web.services import Services, services_of
from postseal.serve.web.throttle import client_network
from postseal.serve.web.words import one_line

__all__ = [
    "SESSION_SECONDS",
    "Login",
    "LoginNeeded",
    "LoginRequired",
    "check_password",
    "end_session",
    "is_form_of",
    "may_carry_password",
    "start_session",
]

SESSION_SECONDS: Final = 12 * 3600.0
"""How long a login lasts."""

_MAX_NAME: Final = 200
_MAX_TOKEN: Final = 100
_MAX_AUTHORIZATION: Final = 4096

_log = structlog.get_logger("postseal.serve.web")


class LoginNeeded(HTTPException):
    """Nobody is logged in, or not any more."""

    def __init__(self) -> None:
        super().__init__(
            HTTPStatus.UNAUTHORIZED,
            "Log in, or send the account's name and password by Basic authentication.",
            {"WWW-Authenticate": 'Basic realm="Postseal", charset="UTF-8"'},
        )


@dataclass(frozen=True, slots=True)
class Login:
    """An account that proved itself; `form_token` belongs into each form of its pages."""

    account_name: str
    form_token: str


async def start_session(request: Request, response: Response, account: Account) -> None:
    """Log `account` in: remember a new session, and have `response` set its cookie."""
    services = services_of(request)
    token = new_token(services.random)
    await services.store.create_session(
        token_hash(token), account_id=account.id, expires_at=services.clock() + SESSION_SECONDS
    )
    response.set_cookie(
        _cookie_name(request),
        token.reveal(),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


async def end_session(request: Request, response: Response) -> None:
    """Forget the session of the request's cookie, and have `response` delete the cookie."""
    token = _cookie(request)
    if token is not None:
        await services_of(request).store.delete_session(token_hash(token))
    response.delete_cookie(
        _cookie_name(request),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def is_form_of(request: Request, form_token: str) -> bool:
    """Tell whether `form_token` is from a page that the session of this request was given."""
    token = _cookie(request)
    return token is not None and hmac.compare_digest(
        _form_token(token).encode(), form_token.encode("utf-8", "replace")
    )


def may_carry_password(request: Request) -> bool:
    """Tell whether a password can come with this request without crossing a network in clear."""
    services = services_of(request)
    return (
        request.url.scheme == "https"
        or services.dangerous_plain_http_beyond_loopback
        or is_loopback(_client(request))
    )


async def check_password(request: Request, name: str, password: Secret) -> Account | None:
    """Give the account whose password this is; None for a wrong password or an unknown name.

    Raises `HTTPException` 403 where the password came over a network in clear, and 429 after too
    many wrong ones.
    """
    if not may_carry_password(request):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "This connection is neither local nor encrypted, so no password is taken over it. "
            "Use an SSH tunnel, or a proxy that speaks HTTPS.",
        )
    services = services_of(request)
    client = client_network(_client(request))
    account_key = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    wait = services.client_throttle.take(client) or services.account_throttle.take(account_key)
    if wait:
        _log.warning("login refused: too many tries", account=_shown(name), client=client)
        raise HTTPException(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"Too many wrong passwords. Try again in {math.ceil(wait)} seconds.",
            {"Retry-After": str(math.ceil(wait))},
        )
    account = await services.store.find_account(name[:_MAX_NAME])
    stored = account.password_hash if account else None
    is_right = await to_thread.run_sync(verify_password, stored, password, limiter=services.hashing)
    if not is_right:
        _log.warning("login failed", account=_shown(name), client=client)
        return None
    services.account_throttle.forgive(account_key)
    services.client_throttle.forgive(client)
    if account and password_needs_rehash(account.password_hash):
        await _hash_anew(services, account, password)
    return account


async def _hash_anew(services: Services, account: Account, password: Secret) -> None:
    """Give an account a hash by today's parameters, now that its password is at hand."""
    try:
        new = await to_thread.run_sync(hash_password, password, limiter=services.hashing)
        await services.store.replace_password_hash(account, new)
    except (MailError, HashingError) as error:
        # The login itself is as good as before.
        _log.warning(
            "a password was not hashed anew", account=_shown(account.name), error=str(error)
        )


async def find_login(request: Request) -> Login | None:
    """Find out who is asking, by the session cookie or else by Basic authentication."""
    token = _cookie(request)
    if token is not None:
        session = await services_of(request).store.find_session(token_hash(token))
        if session is not None:
            return Login(session.account_name, _form_token(token))
    credentials = _basic_credentials(request.headers.get("authorization", ""))
    if credentials is None:
        return None
    account = await check_password(request, *credentials)
    return None if account is None else Login(account.name, "")


async def _required_login(request: Request) -> Login:
    login = await find_login(request)
    if login is None:
        raise LoginNeeded
    return login


LoginRequired = Annotated[Login, Depends(_required_login)]
"""The argument of a route that only somebody who is logged in may call."""


def _cookie_name(request: Request) -> str:
    # The prefix makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis 4.1.3.2).
    return "__Host-postseal" if request.url.scheme == "https" else "postseal"


def _cookie(request: Request) -> Secret | None:
    token = request.cookies.get(_cookie_name(request), "")
    return Secret(token) if 0 < len(token) <= _MAX_TOKEN else None


def _form_token(token: Secret) -> str:
    return hmac.digest(token.reveal().encode("utf-8", "replace"), b"form", "sha256").hex()


def _basic_credentials(authorization: str) -> tuple[str, Secret] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _MAX_AUTHORIZATION:
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    name, colon, password = decoded.partition(":")
    return (name, Secret(password)) if colon else None


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def _shown(name: str) -> str:
    return one_line(name, limit=80)
