"""The JSON API: the two reads of the pages, for programs."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from fastapi.openapi.models import APIKey, HTTPBase, SecurityBase
from fastapi.security.base import SecurityBase as SecurityDependency
from starlette.requests import Request

from postseal.serve.storage import DeliveryState
from postseal.serve.web.auth import LoginRequired
from postseal.serve.web.models import MessageModel, MessagesModel
from postseal.serve.web.problems import PROBLEM_TYPE, Problem
from postseal.serve.web.reading import (
    MAX_SEARCH,
    ListingRequest,
    find_message,
    list_page,
    take_apart,
)
from postseal.serve.web.services import services_of

__all__ = ["OPENAPI_PATH", "router"]

OPENAPI_PATH: Final = "/api/v1/openapi.json"
"""Open to everybody: it is the same in every installation and holds nothing of this one."""


class _Described(SecurityDependency):
    """A way to log in, for the OpenAPI document alone; `LoginRequired` does the work."""

    def __init__(self, scheme_name: str, model: SecurityBase) -> None:
        self.scheme_name = scheme_name
        self.model = model

    async def __call__(self) -> None:
        """Ask for nothing."""


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {PROBLEM_TYPE: {"schema": Problem.model_json_schema()}},
    }


_basic = HTTPBase(scheme="basic", description="An account's name and password.")
_session = APIKey.model_validate(
    {"in": "cookie", "name": "postseal", "description": "The session of a browser's login."}
)

router = APIRouter(
    prefix="/api/v1",
    tags=["messages"],
    dependencies=[
        Depends(_Described("password", _basic)),
        Depends(_Described("session", _session)),
    ],
    responses={
        401: _problem("Nobody is logged in."),
        403: _problem("The password came over a network in clear."),
        422: _problem("An argument is not what it should be."),
        429: _problem("Too many wrong passwords; Retry-After says when to try again."),
        503: _problem("The storage does not answer."),
    },
)


@router.get(
    "/messages",
    summary="List the messages, newest first",
    responses={400: _problem("`before` is no place in the list.")},
)
async def list_messages(
    request: Request,
    _login: LoginRequired,
    state: Annotated[
        DeliveryState | None, Query(description="Only messages in this state.")
    ] = None,
    q: Annotated[
        str,
        Query(max_length=MAX_SEARCH, description="Text that the subject or an address contains."),
    ] = "",
    before: Annotated[
        str | None, Query(description="The `older` of an earlier page: go on behind it.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="The most messages to give.")] = 50,
) -> MessagesModel:
    """One page of the list. Follow `older` until it is null."""
    listing = await list_page(
        services_of(request), ListingRequest(state=state, search=q, before=before, limit=limit)
    )
    return MessagesModel.of(listing)


@router.get(
    "/messages/{message_id}",
    summary="Read one message",
    responses={404: _problem("There is no message with this id.")},
)
async def read_message(
    request: Request,
    _login: LoginRequired,
    message_id: Annotated[str, Path(description="The message's id: 26 characters.")],
) -> MessageModel:
    """One message: content, how it came in, and each delivery with its latest attempts."""
    services = services_of(request)
    detail = await find_message(services, message_id)
    return MessageModel.of(detail, await take_apart(services, message_id))
