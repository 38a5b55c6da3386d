"""A FastAPI application that sends receipts, at once or when the response is out.

`MAIL_URL` says where the mail goes. Start it with ``fastapi dev examples/fastapi_app.py``.
"""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI

from postseal import AsyncMailer, Message
from postseal.frameworks.starlette import get_mailer, mail_lifespan

Mail = Annotated[AsyncMailer, Depends(get_mailer)]


def create_app(mailer: AsyncMailer) -> FastAPI:
    """Make the application with a mailer that is open as long as it runs."""
    app = FastAPI(lifespan=mail_lifespan(mailer))

    @app.post("/receipts")
    async def send_receipt(to: str, mail: Mail) -> dict[str, str]:
        delivery = await mail.send(_receipt(to))
        return {"tls": delivery.tls.version or "none"}

    @app.post("/receipts/later", status_code=202)
    async def send_receipt_later(to: str, mail: Mail, tasks: BackgroundTasks) -> None:
        tasks.add_task(mail.send, _receipt(to))

    return app


def _receipt(to: str) -> Message:
    return Message(from_="shop@example.com", to=to, subject="Your receipt", text="Paid: 17 EUR.")


app = create_app(AsyncMailer(os.environ.get("MAIL_URL", "console:")))
