"""The pages: the list of messages, and one message with its hops."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from postseal.serve.storage import DeliveryState
from postseal.serve.web.auth import LoginRequired
from postseal.serve.web.hops import attempt_seal, reception_seal
from postseal.serve.web.reading import (
    MAX_SEARCH,
    ListingRequest,
    find_message,
    list_page,
    take_apart,
)
from postseal.serve.web.services import services_of
from postseal.serve.web.templating import render_page

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/")
async def messages(
    request: Request, login: LoginRequired, state: str = "", q: str = "", before: str = ""
) -> Response:
    """List the messages, newest first."""
    services = services_of(request)
    chosen = _state(state)
    search = q.strip()[:MAX_SEARCH]
    listing = await list_page(
        services, ListingRequest(state=chosen, search=search, before=before or None)
    )
    return render_page(
        "messages.html",
        name=login.account_name,
        form_token=login.form_token,
        mode=services.mode,
        listing=listing,
        total=sum(listing.counts.values()),
        states=[(each, _address(each, search)) for each in DeliveryState],
        everything=_address(None, search),
        chosen=chosen,
        search=search,
        older=_address(chosen, search, listing.older) if listing.older else None,
        newest=_address(chosen, search) if before else None,
    )


@router.get("/messages/{message_id}")
async def message(request: Request, login: LoginRequired, message_id: str) -> Response:
    """Show one message: what it says, how it came in, where it went."""
    services = services_of(request)
    detail = await find_message(services, message_id)
    return render_page(
        "message.html",
        name=login.account_name,
        form_token=login.form_token,
        mode=services.mode,
        message=detail,
        message_id=detail.id,
        content=await take_apart(services, message_id),
        reception_seal=reception_seal(detail.reception),
        attempt_seal=attempt_seal,
    )


def _state(text: str) -> DeliveryState | None:
    if not text:
        return None
    try:
        return DeliveryState(text)
    except ValueError:
        known = ", ".join(DeliveryState)
        raise HTTPException(
            HTTPStatus.BAD_REQUEST, f"There is no such state of messages; there are {known}."
        ) from None


def _address(state: DeliveryState | None, search: str, before: str | None = None) -> str:
    fields = {"state": state or "", "q": search, "before": before or ""}
    query = urlencode({name: value for name, value in fields.items() if value})
    return f"/?{query}" if query else "/"
