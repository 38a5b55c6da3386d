"""What pages and API ask of the store: one page of the list, one message, its content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

from anyio import to_thread
from starlette.exceptions import HTTPException

from postseal.serve.storage import Cursor, DeliveryState, MessageDetail, MessageRow
from postseal.serve.web.rendering import Rendering, read_window, render
from postseal.serve.web.services import Services

__all__ = [
    "MAX_SEARCH",
    "Listing",
    "ListingRequest",
    "find_message",
    "list_page",
    "take_apart",
]

MAX_SEARCH: Final = 200
"""The longest text that is searched for, in characters."""

_ID: Final = re.compile(r"[0-9A-Za-z]{26}\Z")
_CURSOR: Final = re.compile(r"(?P<time>[0-9]{1,12}(?:\.[0-9]{1,20})?)-(?P<id>[0-9A-Za-z]{26})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingRequest:
    """Which messages to list; `before` is a `Listing.older` of an earlier page."""

    state: DeliveryState | None = None
    search: str = ""
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Listing:
    """Some messages, newest first; `older` leads to the next page, None at the end."""

    rows: tuple[MessageRow, ...]
    counts: Mapping[DeliveryState, int]
    older: str | None


async def list_page(services: Services, request: ListingRequest) -> Listing:
    """Read one page of the list. Raises `HTTPException` 400 for a place that is none."""
    before = None if request.before is None else _read_cursor(request.before)
    rows = await services.store.list_messages(
        before=before,
        limit=request.limit + 1,
        state=request.state,
        search=request.search.strip() or None,
    )
    counts = await services.store.count_by_state()
    shown = tuple(rows[: request.limit])
    older = _write_cursor(shown[-1].cursor) if len(rows) > len(shown) else None
    return Listing(shown, counts, older)


async def find_message(services: Services, message_id: str) -> MessageDetail:
    """Read one message without its content. Raises `HTTPException` 404 where there is none."""
    detail = await services.store.get_message(message_id) if _ID.match(message_id) else None
    if detail is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no message with this id.")
    return detail


async def take_apart(services: Services, message_id: str) -> Rendering:
    """Read a message's content and take it apart, in a thread; some at once, the others wait."""
    async with services.rendering:
        window = await read_window(services.store.content(message_id))
        return await to_thread.run_sync(partial(render, window))


def _write_cursor(cursor: Cursor) -> str:
    # repr gives the shortest text that reads back as the same float.
    return f"{cursor.received_at!r}-{cursor.id}"


def _read_cursor(text: str) -> Cursor:
    found = _CURSOR.match(text)
    if not found:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "This is no place in the list of messages.")
    return Cursor(float(found["time"]), found["id"])
