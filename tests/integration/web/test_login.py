from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import httpx2
import pytest
from fastapi import FastAPI

from postseal.serve.storage import Store
from postseal.serve.web import create_app
from postseal.serve.web.throttle import Throttle
from tests.integration.web.conftest import PASSWORD, Clock, open_client

RIGHT = {"name": "admin", "password": PASSWORD}
MESSAGE = "/messages/" + "0" * 26


@pytest.mark.parametrize(
    "path", ["/", MESSAGE, f"{MESSAGE}/html", f"{MESSAGE}/raw", f"{MESSAGE}/attachments/1"]
)
async def test_pages_need_a_login(anonymous: httpx2.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize("path", ["/api/v1/messages", f"/api/v1{MESSAGE}"])
async def test_the_api_says_who_is_needed(anonymous: httpx2.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.json()["status"] == 401


@pytest.mark.parametrize(
    "path", ["/login", "/healthz", "/static/postseal.css", "/api/v1/openapi.json"]
)
async def test_what_needs_no_login(anonymous: httpx2.AsyncClient, path: str) -> None:
    assert (await anonymous.get(path)).status_code == 200


async def test_a_login_gives_a_cookie_that_scripts_and_other_sites_cannot_use(
    anonymous: httpx2.AsyncClient, store: Store
) -> None:
    answer = await anonymous.post("/login", data=RIGHT)
    cookie = answer.headers.get_list("set-cookie")[-1]
    token = re.match(r"postseal=([\w-]{43});", cookie)
    assert token, cookie
    for attribute in ("HttpOnly", "Path=/", "SameSite=strict"):
        assert f"; {attribute}" in cookie
    assert "Secure" not in cookie  # there is no TLS on this connection
    # The database knows the hash of the token and nothing else of it.
    found = await store.find_session(hashlib.sha256(token[1].encode()).digest())
    assert found is not None
    assert found.account_name == "admin"
    assert (await anonymous.get("/")).status_code == 200


async def test_over_https_the_cookie_is_bound_to_the_host(app: FastAPI) -> None:
    async with open_client(app, base_url="https://mail.example", client="192.0.2.1") as client:
        answer = await client.post("/login", data=RIGHT)
        cookie = answer.headers.get_list("set-cookie")[-1]
        assert cookie.startswith("__Host-postseal=")
        assert "; Secure" in cookie
        assert "Domain" not in cookie
        assert (await client.get("/")).status_code == 200


async def test_a_login_ends_after_twelve_hours(browser: httpx2.AsyncClient, clock: Clock) -> None:
    clock.now += 12 * 3600 - 1
    assert (await browser.get("/")).status_code == 200
    clock.now += 2
    assert (await browser.get("/")).status_code == 303


async def test_logging_out_ends_the_session_on_the_server(
    browser: httpx2.AsyncClient, app: FastAPI
) -> None:
    page = (await browser.get("/")).text
    form_token = re.search(r'name="form_token" value="([0-9a-f]{64})"', page)
    assert form_token
    stolen = dict(browser.cookies)
    answer = await browser.post("/logout", data={"form_token": form_token[1]})
    assert answer.headers["location"] == "/login"
    async with open_client(app) as thief:
        thief.cookies.update(stolen)
        assert (await thief.get("/")).status_code == 303


async def test_logging_out_needs_the_form_of_the_session(browser: httpx2.AsyncClient) -> None:
    answer = await browser.post("/logout", data={"form_token": "0" * 64})
    assert answer.status_code == 403
    assert (await browser.get("/")).status_code == 200


async def test_a_second_login_forgets_the_first(browser: httpx2.AsyncClient, app: FastAPI) -> None:
    before = dict(browser.cookies)
    await browser.post("/login", data=RIGHT)
    async with open_client(app) as client:
        client.cookies.update(before)
        assert (await client.get("/")).status_code == 303


@pytest.mark.parametrize("name", ["admin", "nobody", "admin\x00", "\ud800", "x" * 5000])
async def test_a_wrong_password_and_an_unknown_name_look_the_same(
    anonymous: httpx2.AsyncClient, name: str
) -> None:
    body = httpx2.QueryParams({"password": "wrong"})
    encoded = "".join(f"%{octet:02x}" for octet in name.encode("utf-8", "replace"))
    answer = await anonymous.post(
        "/login",
        content=f"{body}&name={encoded}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        (f"/login?next={MESSAGE}", MESSAGE),
        ("/login?next=https://evil.example/", "/"),
        ("/login?next=//evil.example/", "/"),
        ("/login?next=/%5Cevil.example", "/"),
        ("/login?next=/logout", "/"),
        ("/login?next=/%0d%0aX: y", "/"),
    ],
)
async def test_a_login_leads_to_our_own_pages_only(
    anonymous: httpx2.AsyncClient, path: str, leads_to: str
) -> None:
    answer = await anonymous.post(path, data=RIGHT)
    assert answer.status_code == 303
    assert answer.headers["location"] == leads_to


async def test_guessing_is_slowed_down_for_an_account(
    app: FastAPI, anonymous: httpx2.AsyncClient, clock: Clock
) -> None:
    throttle = Throttle(burst=2, seconds_each=30, clock=clock)
    app.state.services = replace(app.state.services, account_throttle=throttle)
    for _ in range(2):
        answer = await anonymous.post("/login", data=RIGHT | {"password": "wrong"})
        assert answer.status_code == 401
    answer = await anonymous.post("/login", data=RIGHT)
    assert answer.status_code == 429
    assert "Too many wrong passwords" in answer.text
    answer = await anonymous.get("/api/v1/messages", auth=("admin", PASSWORD))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    clock.now += 30
    assert (await anonymous.post("/login", data=RIGHT)).status_code == 303


async def test_guessing_many_names_is_slowed_down_for_an_address(
    app: FastAPI, anonymous: httpx2.AsyncClient, clock: Clock
) -> None:
    throttle = Throttle(burst=3, seconds_each=10, clock=clock)
    app.state.services = replace(app.state.services, client_throttle=throttle)
    seen = [
        (await anonymous.post("/login", data={"name": f"n{n}", "password": "p"})).status_code
        for n in range(4)
    ]
    assert seen == [401] * 3 + [429]
    async with open_client(app, client="127.0.0.2") as elsewhere:
        assert (await elsewhere.post("/login", data=RIGHT)).status_code == 303


def test_the_throttles_of_an_application_are_on(app: FastAPI) -> None:
    services = app.state.services
    tries = [services.account_throttle.take("admin") for _ in range(11)]
    assert tries == [0.0] * 10 + [30.0]
    tries = [services.client_throttle.take("127.0.0.1") for _ in range(21)]
    assert tries == [0.0] * 20 + [10.0]


async def test_the_api_takes_a_name_and_password(anonymous: httpx2.AsyncClient) -> None:
    assert (await anonymous.get("/api/v1/messages", auth=("admin", PASSWORD))).status_code == 200
    assert (await anonymous.get("/api/v1/messages", auth=("admin", "wrong"))).status_code == 401
    for garbage in ("Basic", "Basic %%%", "Basic YWRtaW4=", "Bearer x", "Basic " + "A" * 5000):
        answer = await anonymous.get("/api/v1/messages", headers={"Authorization": garbage})
        assert answer.status_code == 401


async def test_no_password_is_taken_over_a_network_in_clear(
    app: FastAPI, store: Store, clock: Clock
) -> None:
    async with open_client(app, base_url="http://mail.example", client="192.0.2.1") as client:
        assert "neither local nor encrypted" in (await client.get("/login")).text
        assert 'type="password"' not in (await client.get("/login")).text
        assert (await client.post("/login", data=RIGHT)).status_code == 403
        answer = await client.get("/api/v1/messages", auth=("admin", PASSWORD))
        assert answer.status_code == 403
    weakened = create_app(
        store, hosts=["mail.example"], clock=clock, dangerous_plain_http_beyond_loopback=True
    )
    async with open_client(weakened, base_url="http://mail.example", client="192.0.2.1") as client:
        assert (await client.post("/login", data=RIGHT)).status_code == 303


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded", b"a" * 20_000, 413),
        ("application/x-www-form-urlencoded", b"&a=b" * 30, 400),
        ("application/x-www-form-urlencoded", b"name=\xff", 400),
        ("application/x-www-form-urlencoded", b"name=%ff", 400),
        ("application/x-www-form-urlencoded", b"", 401),
    ],
)
async def test_a_form_that_is_none_is_refused(
    anonymous: httpx2.AsyncClient, content_type: str, body: bytes, status: int
) -> None:
    answer = await anonymous.post("/login", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status


async def test_passwords_are_in_no_log(
    anonymous: httpx2.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    await anonymous.post("/login", data={"name": "admin", "password": "canary-4711"})
    await anonymous.post("/login", data=RIGHT)
    out, err = capfd.readouterr()
    assert "login failed" in out + err
    assert "canary-4711" not in out + err
    assert PASSWORD not in out + err
