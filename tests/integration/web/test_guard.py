from __future__ import annotations

import httpx2
import pytest
from fastapi import FastAPI

from postseal.serve.storage import Store
from tests.integration.web import samples
from tests.integration.web.conftest import open_client

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/login", 200),
        ("/healthz", 200),
        ("/static/postseal.css", 200),
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
        ("/nowhere", 404),
        ("/messages/unknown", 404),
        ("/messages/" + "z" * 26, 404),
        ("/docs", 404),
        ("/redoc", 404),
        ("/api/v1/messages", 200),
        ("/api/v1/nowhere", 404),
        ("/?state=lost", 400),
        ("/?before=nonsense", 400),
    ],
)
async def test_every_answer_is_guarded(browser: httpx2.AsyncClient, path: str, status: int) -> None:
    answer = await browser.get(path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    if status >= 400 and path.startswith("/api/"):
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_defect_is_answered_with_a_guarded_page(app: FastAPI) -> None:
    async def broken() -> None:
        raise ZeroDivisionError("secret detail")

    app.add_api_route("/broken", broken)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/broken")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8025", "LOCALHOST.", "127.0.0.1:8025", "[::1]:8025", "mail.example"],
)
async def test_our_own_names_are_answered(anonymous: httpx2.AsyncClient, host: str) -> None:
    assert (await anonymous.get("/login", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "a:b:c"],
)
async def test_another_name_may_be_dns_rebinding(anonymous: httpx2.AsyncClient, host: str) -> None:
    for path in ("/", "/login", "/healthz", "/static/postseal.css"):
        answer = await anonymous.get(path, headers={"Host": host})
        assert answer.status_code == 421
    answer = await anonymous.get("/api/v1/messages", headers={"Host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),  # no browser
        ({"Origin": "http://localhost:8025"}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "http://localhost:8025", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost:9999"}, 403),
        ({"Origin": "https://localhost:8025"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://localhost:8025", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
    ],
)
async def test_a_form_from_another_site_is_refused(
    app: FastAPI, headers: dict[str, str], status: int
) -> None:
    async with open_client(app) as client:
        answer = await client.post(
            "/login", data={"name": "admin", "password": "correct-horse-battery"}, headers=headers
        )
    assert answer.status_code == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT"])
async def test_other_methods_are_refused(anonymous: httpx2.AsyncClient, method: str) -> None:
    assert (await anonymous.request(method, "/login")).status_code == 405


async def test_head_is_get_without_content(browser: httpx2.AsyncClient, store: Store) -> None:
    await samples.fill(store)
    for path in ("/", f"/messages/{samples.message_id(1)}/raw"):
        head, get = await browser.head(path), await browser.get(path)
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == get.headers["content-length"]


async def test_a_store_that_does_not_answer_is_said(
    anonymous: httpx2.AsyncClient, store: Store
) -> None:
    assert (await anonymous.get("/healthz")).text == "ok\n"
    await store.close()
    # Closing refuses writes; a login is one.
    answer = await anonymous.post(
        "/login", data={"name": "admin", "password": "correct-horse-battery"}
    )
    assert answer.status_code == 503
