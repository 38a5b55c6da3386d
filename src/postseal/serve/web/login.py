"""Logging in and out."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from postseal.secrets import Secret
from postseal.serve.web.auth import (
    check_password,
    end_session,
    find_login,
    is_form_of,
    may_carry_password,
    start_session,
)
from postseal.serve.web.forms import read_form
from postseal.serve.web.templating import render_page

__all__ = ["login_address", "router"]

router = APIRouter(include_in_schema=False)

# Where a login may lead: to the list or to one message, never to another site.
_OWN_PAGE: Final = re.compile(r"/(?:messages/[0-9A-Za-z]{26})?\Z")


def login_address(path: str) -> str:
    """Give the address of the login page that leads on to `path`, if that is a page of ours."""
    return f"/login?next={path}" if path != "/" and _OWN_PAGE.match(path) else "/login"


@router.get("/login")
async def login_page(request: Request) -> Response:
    """Show the form."""
    return _form(request)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Take the form; a right password leads to the page that was asked for."""
    fields = await read_form(request)
    name = fields.get("name", "").strip()
    try:
        account = await check_password(request, name, Secret(fields.get("password", "")))
    except HTTPException as error:
        answer = _form(request, name=name, problem=error.detail, status=error.status_code)
        answer.headers.update(error.headers or {})
        return answer
    if account is None:
        return _form(
            request,
            name=name,
            problem="The name or the password is wrong.",
            status=HTTPStatus.UNAUTHORIZED,
        )
    answer = RedirectResponse(_next(request), HTTPStatus.SEE_OTHER)
    # Whoever used this browser before is logged out first.
    await end_session(request, answer)
    await start_session(request, answer, account)
    return answer


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session; the form has to come from a page of that session."""
    fields = await read_form(request)
    if await find_login(request) is not None and not is_form_of(
        request, fields.get("form_token", "")
    ):
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "The form is of another session. Go back, reload, and try again."
        )
    answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    await end_session(request, answer)
    return answer


def _next(request: Request) -> str:
    path = request.query_params.get("next", "/")
    return path if _OWN_PAGE.match(path) else "/"


def _form(
    request: Request, *, name: str = "", problem: str = "", status: int = HTTPStatus.OK
) -> Response:
    return render_page(
        "login.html",
        status=status,
        action=login_address(_next(request)),
        entered_name=name[:200],
        problem=problem,
        is_open=may_carry_password(request),
    )
