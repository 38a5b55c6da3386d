"""A mailer for Starlette and FastAPI: open while the application runs, handed to its endpoints.

::

    mailer = AsyncMailer("smtp://ada@mail.example.com", password=secret("env:SMTP_PASSWORD"))
    app = FastAPI(lifespan=mail_lifespan(mailer))

    @app.post("/orders")
    async def order(mailer: Annotated[AsyncMailer, Depends(get_mailer)]) -> None:
        await mailer.send(...)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, TypedDict

from postseal.errors import InvalidSetting
from postseal.frameworks.extras import missing_framework
from postseal.send.async_mailer import AsyncMailer

try:
    from starlette.applications import Starlette
    from starlette.requests import HTTPConnection
except ModuleNotFoundError as error:
    raise missing_framework(error, extra="starlette") from error

__all__ = ["MailState", "get_mailer", "mail_lifespan"]

_NAME: Final = "postseal_mailer"


class MailState(TypedDict):
    """What the lifespan puts into the state of each request."""

    postseal_mailer: AsyncMailer


def mail_lifespan(
    mailer: AsyncMailer,
) -> Callable[[Starlette], AbstractAsyncContextManager[MailState]]:
    """Make a lifespan that opens the mailer, and closes it when the application ends.

    An application with a lifespan of its own enters this one within it and yields its state as a
    part of its own. What is sent by a background task is sent before the end.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[MailState]:
        async with mailer:
            yield MailState(postseal_mailer=mailer)

    return lifespan


def get_mailer(connection: HTTPConnection) -> AsyncMailer:
    """Give the mailer of the application that has the request, as a dependency of FastAPI.

    Raises `InvalidSetting` where the application has no `mail_lifespan`.
    """
    mailer = getattr(connection.state, _NAME, None)
    if not isinstance(mailer, AsyncMailer):
        raise InvalidSetting(
            "the application has no mailer",
            hint="Give it one: lifespan=mail_lifespan(AsyncMailer(...)).",
        )
    return mailer
