"""Reading a form that was sent: small, of one type, and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

__all__ = ["read_form"]

_MAX_OCTETS: Final = 16 * 1024
_MAX_FIELDS: Final = 20
_SECONDS: Final = 10.0
_TYPE: Final = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Mapping[str, str]:
    """Read the fields of a form, the last value of each.

    Raises `HTTPException`: 408 for one that comes too slowly, 413 for one that is too large,
    415 for another type, 400 for what is no form.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _TYPE:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"A form is sent as {_TYPE}.")
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > _MAX_OCTETS:
                    raise HTTPException(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                        f"A form has at most {_MAX_OCTETS} octets.",
                    )
    except TimeoutError as error:
        raise HTTPException(
            HTTPStatus.REQUEST_TIMEOUT, f"The form was not complete after {_SECONDS:.0f} seconds."
        ) from error
    except ClientDisconnect as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The form is not complete.") from error
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MAX_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "This is not a form.") from error
    return dict(pairs)
