"""How a refusal is answered: a page for people, RFC 9457 problem details below /api/."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from postseal.serve.web.templating import render_page

__all__ = ["PROBLEM_TYPE", "Problem", "refusal"]

PROBLEM_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(default="about:blank", description="The status alone says what it is.")
    title: str = Field(description="The name of the HTTP status.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What was wrong, and what to do about it.")


def refusal(
    path: str, status: int, detail: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer a request for `path` with why it is refused."""
    title = HTTPStatus(status).phrase
    response: Response
    if path.startswith("/api/"):
        problem = Problem(title=title, status=status, detail=detail)
        response = JSONResponse(problem.model_dump(), status, media_type=PROBLEM_TYPE)
    else:
        response = render_page("refusal.html", status=status, title=title, detail=detail)
    response.headers.update(headers or {})
    return response
