"""The web application: the routes, who guards them, and how refusals are answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from http import HTTPStatus
from pathlib import Path
from typing import Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from postseal.defaults import RandomSource, random_octets
from postseal.serve.setting_types import DeliveryMode
from postseal.serve.storage import MessageNotFound, StorageError, Store
from postseal.serve.web import api, content, login, pages
from postseal.serve.web.auth import LoginNeeded
from postseal.serve.web.guard import SECURITY_HEADERS, Guard
from postseal.serve.web.problems import refusal
from postseal.serve.web.services import Services, services_of
from postseal.serve.web.throttle import Throttle

__all__ = ["create_app"]

_STATIC: Final = Path(__file__).with_name("static")
_NO_SESSION: Final = bytes(32)

_log = structlog.get_logger("postseal.serve.web")


def create_app(
    store: Store,
    *,
    mode: DeliveryMode = DeliveryMode.SANDBOX,
    hosts: Collection[str] = (),
    dangerous_plain_http_beyond_loopback: bool = False,
    clock: Callable[[], float] = time.time,
    random: RandomSource = random_octets,
) -> FastAPI:
    """Make the application that shows what `store` holds.

    `hosts` are names it is asked for under, besides localhost and addresses. `mode` says whether
    mail is delivered, for the banner. Without `dangerous_plain_http_beyond_loopback` no password
    is taken over plain HTTP but from loopback. `clock` is the store's clock, in seconds since
    the epoch; `random` makes the session tokens.
    """
    app = FastAPI(
        title="Postseal",
        summary="Read the messages of a Postseal server.",
        version="1",
        openapi_url=api.OPENAPI_PATH,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = Services(
        store=store,
        mode=mode,
        clock=clock,
        random=random,
        dangerous_plain_http_beyond_loopback=dangerous_plain_http_beyond_loopback,
        # One person mistypes a few times; one address may be the way out of a whole office.
        account_throttle=Throttle(burst=10, seconds_each=30.0, clock=clock),
        client_throttle=Throttle(burst=20, seconds_each=10.0, clock=clock),
    )
    app.add_middleware(Guard, hosts=hosts)
    for module in (pages, content, login, api):
        app.include_router(module.router)
    app.add_api_route("/healthz", _health, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=_STATIC))
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(StorageError, _on_storage_error)
    app.add_exception_handler(Exception, _on_defect)
    return app


async def _health(request: Request) -> Response:
    """Say whether the store answers."""
    await services_of(request).store.find_session(_NO_SESSION)
    return PlainTextResponse("ok\n")


async def _on_http_exception(request: Request, error: Exception) -> Response:
    path = request.url.path
    if isinstance(error, LoginNeeded) and not path.startswith("/api/"):
        return RedirectResponse(login.login_address(path), HTTPStatus.SEE_OTHER)
    if not isinstance(error, HTTPException):
        raise error
    detail = error.detail
    if detail == HTTPStatus(error.status_code).phrase:
        detail = "There is nothing at this address." if error.status_code == 404 else f"{detail}."
    return refusal(path, error.status_code, detail, headers=error.headers)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    problems = (
        f"{'.'.join(str(part) for part in problem['loc'][1:])}: {problem['msg']}"
        for problem in error.errors()
    )
    return refusal(request.url.path, HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(problems)[:1000])


async def _on_storage_error(request: Request, error: Exception) -> Response:
    if isinstance(error, MessageNotFound):
        return refusal(request.url.path, HTTPStatus.NOT_FOUND, "There is no message with this id.")
    _log.error("storage does not answer", error=str(error))
    return refusal(
        request.url.path,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The storage does not answer; the log says why.",
    )


async def _on_defect(request: Request, _error: Exception) -> Response:
    # Starlette answers this one outside of the guard.
    return refusal(
        request.url.path,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "This is a defect of Postseal; the log has its traceback.",
        headers=SECURITY_HEADERS,
    )
