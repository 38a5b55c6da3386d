"""The application behind a real socket: what only uvicorn and a network can show."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from postseal.errors import ConnectError
from postseal.serve.storage import DeliveryState, Store
from postseal.serve.web import WebServer, forms, serve_web, server
from tests.integration.web import samples
from tests.integration.web.conftest import PASSWORD


@pytest.fixture
async def web(app: FastAPI) -> AsyncIterator[WebServer]:
    web = await serve_web(app, host="127.0.0.1", port=0)
    yield web
    await web.close()


async def test_a_port_of_the_systems_choice_is_served(web: WebServer) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{web.port}") as client:
        answer = await client.get("/healthz")
        assert (answer.status_code, answer.text) == (200, "ok\n")
        assert "server" not in answer.headers
        answer = await client.post("/login", data={"name": "admin", "password": PASSWORD})
        assert answer.status_code == 303
        assert (await client.get("/")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "cookie"),
    [
        ({"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}, 303, "__Host-postseal="),
        # The proxy says that it was asked in clear: no password over that.
        ({"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}, 403, ""),
        ({"X-Forwarded-For": "192.0.2.1"}, 403, ""),
    ],
)
async def test_a_proxy_on_this_host_says_whom_it_speaks_for(
    web: WebServer, headers: dict[str, str], status: int, cookie: str
) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{web.port}") as client:
        answer = await client.post(
            "/login",
            data={"name": "admin", "password": PASSWORD},
            headers=headers | {"Host": "mail.example"},
        )
    assert answer.status_code == status
    cookies = answer.headers.get_list("set-cookie")
    assert bool(cookies) is bool(cookie)
    assert all(set_cookie.startswith(cookie) for set_cookie in cookies)


async def test_it_speaks_ipv6(app: FastAPI) -> None:
    web = await serve_web(app, host="::1", port=0)
    async with httpx2.AsyncClient(base_url=f"http://[::1]:{web.port}") as client:
        assert (await client.get("/healthz")).status_code == 200
    await web.close()


async def test_a_port_that_is_taken_is_an_error_that_says_so(app: FastAPI, web: WebServer) -> None:
    with pytest.raises(ConnectError, match=rf"127\.0\.0\.1 port {web.port}.*web\.port"):
        await serve_web(app, host="127.0.0.1", port=web.port)


async def test_signals_stay_with_their_owner_and_closing_frees_the_port(app: FastAPI) -> None:
    before = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    web = await serve_web(app, host="127.0.0.1", port=0)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    await web.close()
    await web.close()
    with socket.create_server(("127.0.0.1", web.port)):
        pass


async def test_an_answer_under_way_is_finished_before_closing(
    app: FastAPI, store: Store, web: WebServer
) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        entered.set()
        await leave.wait()
        return "done"

    app.add_api_route("/slow", slow)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{web.port}") as client:
        asking = asyncio.create_task(client.get("/slow"))
        await entered.wait()
        closing = asyncio.create_task(web.close())
        leave.set()
        assert (await asking).json() == "done"
        await closing


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",  # TLS to a port in clear
        b"EHLO client.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no Host
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused(web: WebServer, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(sent)
    answer = await reader.readline()
    assert answer == b"" or answer.split()[1].startswith(b"4")
    writer.close()


async def test_a_client_that_never_finishes_asking_is_cut_off(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.2)
    web = await serve_web(app, host="127.0.0.1", port=0)
    for beginning in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "):
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        writer.write(beginning)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await reader.readexactly(1)
        writer.close()
    await web.close()


async def test_the_deadline_is_for_the_head_and_not_for_the_answer(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.1)

    async def slow() -> str:
        await asyncio.sleep(0.3)
        return "done"

    app.add_api_route("/slow", slow)
    web = await serve_web(app, host="127.0.0.1", port=0)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{web.port}") as client:
        for _ in range(2):
            assert (await client.get("/slow")).json() == "done"
    await web.close()


async def test_a_form_that_does_not_come_is_not_waited_for(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nname="
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_large_message_is_streamed_to_a_client_that_reads(
    store: Store, web: WebServer
) -> None:
    content = b"Subject: large\r\n\r\n" + b"x" * 70_000 * 300
    await store.accept(samples.new_message(1, content, state=DeliveryState.HELD, reason="s"))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{web.port}") as client:
        await client.post("/login", data={"name": "admin", "password": PASSWORD})
        answer = await client.get(f"/messages/{samples.message_id(1)}/raw")
    assert answer.content == content


async def test_a_client_that_never_reads_is_cut_off(
    app: FastAPI, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_STALLED_SECONDS", 0.2)
    content = b"Subject: large\r\n\r\n" + b"x" * 70_000 * 300
    await store.accept(samples.new_message(1, content, state=DeliveryState.HELD, reason="s"))
    web = await serve_web(app, host="127.0.0.1", port=0)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{web.port}") as client:
        await client.post("/login", data={"name": "admin", "password": PASSWORD})
        cookie = client.cookies["postseal"]
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port, limit=1024)
    writer.write(
        f"GET /messages/{samples.message_id(1)}/raw HTTP/1.1\r\nHost: localhost\r\n"
        f"Cookie: postseal={cookie}\r\n\r\n".encode()
    )
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    await asyncio.sleep(0.5)  # this is the client that does nothing
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await reader.readexactly(len(content))
    writer.close()
    await web.close()
