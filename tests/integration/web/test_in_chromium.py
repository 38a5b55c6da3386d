"""What only a browser can judge: that the form, the cookie, the frame and the policies fit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI

from postseal.serve.storage import Store
from postseal.serve.web import serve_web
from tests.integration.web import samples
from tests.integration.web.browser import open_tab
from tests.integration.web.conftest import PASSWORD

# It tries to leave its frame: by script, by a refresh, by a form, by calling home.
ATTACK = (
    b'<meta http-equiv="refresh" content="1;url=HOME/refreshed">'
    b"<script>top.document.title = 'owned'</script>"
    b"<img src=x onerror=\"top.document.title = 'owned'\">"
    b'<img src="HOME/tracker.gif">'
    b'<link rel="stylesheet" href="HOME/style.css">'
    b'<iframe src="/logout"></iframe>'
    b'<form action="/logout" method="post"><button autofocus>x</button></form>'
)


@pytest.mark.needs("chromium")
async def test_logging_in_and_reading_hostile_mail(
    app: FastAPI, store: Store, tmp_path: Path, program: Callable[[str], Path]
) -> None:
    calls: list[bytes] = []
    called_home = asyncio.Event()

    async def on_call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readline()
        calls.append(request.split()[1])
        if {b"/tracker.gif", b"/refreshed"} <= set(calls):
            called_home.set()
        body = attack if calls[-1] == b"/attack" else b"x"
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + body)
        writer.close()

    attacker = await asyncio.start_server(on_call, "127.0.0.1", 0)
    attackers_home = f"http://127.0.0.1:{attacker.sockets[0].getsockname()[1]}"
    attack = ATTACK.replace(b"HOME", attackers_home.encode())
    mail = b"Subject: attack\r\nContent-Type: text/html\r\n\r\n" + attack
    await samples.fill(store)
    await store.accept(samples.new_message(7, mail, summary=samples.titled("attack")))
    web = await serve_web(app, host="127.0.0.1", port=0)
    home = f"http://127.0.0.1:{web.port}"
    async with open_tab(program("chromium"), tmp_path / "profile") as tab:
        await tab.go(f"{home}/")
        assert await tab.evaluate("document.title") == "Log in · Postseal"
        # The browser's own Origin and Sec-Fetch-Site have to pass the guard.
        for field, value in (("name", "admin"), ("password", PASSWORD)):
            await tab.evaluate(f"document.getElementById('{field}').value = '{value}'")
        await tab.click("main button")
        assert await tab.evaluate("document.title") == "Messages · Postseal"
        assert await tab.evaluate("document.cookie") == ""  # HttpOnly
        # Our own pages break none of their own policies, and have their style.
        broken = {"Log.entryAdded", "Runtime.exceptionThrown"}
        assert [event for event in tab.events if event["method"] in broken] == []
        style = "getComputedStyle(document.querySelector('.badge')).borderRadius"
        assert await tab.evaluate(style) == "99px"

        # The frame is asked for with the cookie, and shown.
        await tab.go(f"{home}/messages/{samples.message_id(7)}")
        statuses = {
            event["params"]["response"]["url"]: event["params"]["response"]["status"]
            for event in tab.events
            if event["method"] == "Network.responseReceived"
        }
        assert statuses[f"{home}/messages/{samples.message_id(7)}/html"] == 200
        # It is another origin, runs nothing and calls nobody.
        assert await tab.evaluate("document.querySelector('iframe').contentDocument") is None
        await asyncio.sleep(1.5)  # nothing tells when an attack has not happened
        assert await tab.evaluate("document.title") == "attack · Postseal"
        assert calls == []

        await tab.click(".account button")
        assert await tab.evaluate("document.title") == "Log in · Postseal"
        await tab.go(f"{home}/")
        assert await tab.evaluate("document.title") == "Log in · Postseal"

        # Without frame and policies the same HTML does call home: the attack is a real one.
        await tab.command("Page.navigate", url=f"{attackers_home}/attack")
        async with asyncio.timeout(10):
            await called_home.wait()
    await web.close()
    attacker.close()
    await attacker.wait_closed()
