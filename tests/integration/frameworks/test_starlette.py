from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request

from examples.fastapi_app import create_app
from postseal import AsyncMailer
from postseal.errors import InvalidSetting
from postseal.frameworks.starlette import get_mailer, mail_lifespan
from postseal.testing import Fault, SMTPServer, captured_mail


def test_the_example_sends_receipts_over_one_connection() -> None:
    with SMTPServer() as server:
        app = create_app(AsyncMailer(server.url, trust=server.trust))
        with TestClient(app) as client:
            response = client.post("/receipts", params={"to": "ada@example.org"})
            assert response.json() == {"tls": "TLSv1.3"}
            assert client.post("/receipts/later", params={"to": "bob@example.org"}).is_success
        server.outbox.assert_sent(to="ada@example.org", subject="Your receipt")
        server.outbox.assert_sent(to="bob@example.org")
        (session,) = server.sessions
        # The application said goodbye when it ended.
        assert any(line.startswith("C: QUIT") for line in session.dialogue)


def test_an_application_may_be_started_again() -> None:
    with SMTPServer() as server:
        app = create_app(AsyncMailer(server.url, trust=server.trust))
        for _ in range(2):
            with TestClient(app) as client:
                client.post("/receipts", params={"to": "ada@example.org"})
        server.outbox.assert_sent(times=2)


def test_nothing_leaves_under_capture() -> None:
    with captured_mail() as outbox, TestClient(create_app(AsyncMailer("smtp://mail.invalid"))) as c:
        c.post("/receipts", params={"to": "ada@example.org"})
        outbox.assert_sent(to="ada@example.org")


def test_a_refusal_is_the_error_of_the_request() -> None:
    with SMTPServer(faults=[Fault.refuse("ada@example.org")]) as server:
        app = create_app(AsyncMailer(server.url, trust=server.trust))
        with TestClient(app, raise_server_exceptions=False) as client:
            assert client.post("/receipts", params={"to": "ada@example.org"}).status_code == 500


async def test_the_lifespan_yields_the_mailer_to_the_state() -> None:
    mailer = AsyncMailer("memory:starlette")
    async with mail_lifespan(mailer)(Starlette()) as state:
        request = Request({"type": "http", "state": dict(state)})
        assert get_mailer(request) is mailer


def test_an_application_without_a_mailer_is_told_so() -> None:
    with pytest.raises(InvalidSetting, match="mail_lifespan"):
        get_mailer(Request({"type": "http", "state": {}}))
