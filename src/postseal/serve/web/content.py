"""A message's content as it was written: its HTML for the frame, its attachments, the raw octets.

All of it is the work of strangers, so each answer brings a policy that takes it out of this
origin: no script, no form, no request to anywhere, and nothing but HTML is shown in place.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from postseal.serve.web.auth import LoginRequired
from postseal.serve.web.disposition import attachment_disposition
from postseal.serve.web.reading import find_message, take_apart
from postseal.serve.web.services import services_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

# A frame of our own pages may show it, and nobody else's.
_FRAME_POLICY: Final = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_DOWNLOAD_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"


@router.get("/messages/{message_id}/html")
async def html(request: Request, _login: LoginRequired, message_id: str) -> Response:
    """Give the HTML part, as it came, to the sandboxed frame."""
    services = services_of(request)
    await find_message(services, message_id)
    rendering = await take_apart(services, message_id)
    if rendering.html is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "This message has no HTML part.")
    # The charset here outranks what the HTML says of itself, which was true before decoding.
    return Response(
        rendering.html,
        media_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": _FRAME_POLICY, "Referrer-Policy": "no-referrer"},
    )


@router.get("/messages/{message_id}/attachments/{number}")
async def attachment(
    request: Request,
    _login: LoginRequired,
    message_id: str,
    number: Annotated[int, Path(ge=1, le=1000)],
) -> Response:
    """Give one attachment, decoded, to be saved."""
    services = services_of(request)
    await find_message(services, message_id)
    rendering = await take_apart(services, message_id)
    for found in rendering.attachments:
        if found.number == number and found.content is not None:
            return Response(
                found.content,
                media_type="application/octet-stream",
                headers=_download_headers(found.filename),
            )
    raise HTTPException(
        HTTPStatus.NOT_FOUND, "There is no such attachment here; the raw message has everything."
    )


@router.get("/messages/{message_id}/raw")
async def raw(request: Request, _login: LoginRequired, message_id: str) -> Response:
    """Give the message as it is stored, octet for octet, to be saved."""
    services = services_of(request)
    detail = await find_message(services, message_id)
    return StreamingResponse(
        services.store.content(message_id),
        headers=_download_headers(f"{message_id}.eml")
        | {"Content-Type": "text/plain", "Content-Length": str(detail.size)},
    )


def _download_headers(filename: str) -> dict[str, str]:
    return {
        "Content-Disposition": attachment_disposition(filename),
        "Content-Security-Policy": _DOWNLOAD_POLICY,
        "Referrer-Policy": "no-referrer",
    }
