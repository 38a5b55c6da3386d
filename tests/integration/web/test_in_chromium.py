"""What only a browser can judge: that the form, the cookie, the frame and the policies fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI

from postseal.serve.storage import Store
from postseal.serve.web import serve_web
from tests.integration.web import samples
from tests.integration.web.browser import open_tab
from tests.integration.web.conftest import PASSWORD

# Mail that tries to leave its frame: by script, by refreshing, by posting, by calling home.
ATTACK = (
    b"Subject: attack\r\nContent-Type: text/html\r\n\r\n"
    b'<meta http-equiv="refresh" content="0;url=http://127.0.0.1:HOME/refreshed">'
    b"<script>top.document.title = 'owned'</script>"
    b"<img src=x onerror=\"top.document.title = 'owned'\">"
    b'<img src="http://127.0.0.1:HOME/tracker.gif">'
    b'<link rel="stylesheet" href="http://127.0.0.1:HOME/style.css">'
    b'<iframe src="/logout"></iframe>'
    b'<form id="f" action="/logout" method="post"><button autofocus>x</button></form>'
    b'<p style="color: red">Hello from the frame</p>'
)


@pytest.mark.needs("chromium")
async def test_logging_in_and_reading_hostile_mail(
    app: FastAPI, store: Store, tmp_path: Path, program: Callable[[str], Path]
) -> None:
    calls: list[bytes] = []

    async def on_call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(await reader.readline())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    attacker = await asyncio.start_server(on_call, "127.0.0.1", 0)
    attackers_port = attacker.sockets[0].getsockname()[1]
    attack = ATTACK.replace(b"HOME", str(attackers_port).encode())
    await samples.fill(store)
    await store.accept(samples.new_message(7, attack, summary=samples.titled("attack")))
    web = await serve_web(app, host="127.0.0.1", port=0)
    home = f"http://127.0.0.1:{web.port}"
    async with open_tab(program("chromium"), tmp_path / "profile") as tab:
        await tab.go(f"{home}/messages/{samples.message_id(7)}")
        assert await tab.evaluate("document.title") == "Log in · Postseal"
        # The browser's own Origin and Sec-Fetch-Site have to pass the guard.
        await tab.evaluate(
            f"name.value = 'admin', password.value = {PASSWORD!r}".replace(
                "name.value", "document.forms[0].elements.name.value"
            ).replace("password.value", "document.forms[0].elements.password.value")
        )
        await tab.click("main button")
        assert await tab.evaluate("document.title") == "attack · Postseal"
        assert await tab.evaluate("location.pathname") == f"/messages/{samples.message_id(7)}"
        assert await tab.evaluate("document.cookie") == ""  # HttpOnly

        # The frame was asked for with the cookie, and was shown.
        statuses = {
            event["params"]["response"]["url"]: event["params"]["response"]["status"]
            for event in tab.events
            if event["method"] == "Network.responseReceived"
        }
        assert statuses[f"{home}/messages/{samples.message_id(7)}/html"] == 200
        # It is another origin, ran nothing and called nobody.
        assert await tab.evaluate("document.querySelector('iframe').contentDocument") is None
        await asyncio.sleep(0.5)  # nothing tells when an attack has not happened
        assert await tab.evaluate("document.title") == "attack · Postseal"
        assert calls == []
        # The attacker could have been reached, had the policies let the mail do so.
        await tab.evaluate(f"location = 'http://127.0.0.1:{attackers_port}/control'")
        async with asyncio.timeout(10):
            while not calls:
                await asyncio.sleep(0.05)
        assert calls[0] == b"GET /control HTTP/1.1\r\n"

        # Our own page breaks none of its own policies.
        await tab.go(f"{home}/")
        complaints = [
            event["params"]
            for event in tab.events
            if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")
        ]
        assert complaints == []
        style = "getComputedStyle(document.querySelector('.badge')).borderRadius"
        assert await tab.evaluate(style) == "99px"

        await tab.click(".account button")
        assert await tab.evaluate("document.title") == "Log in · Postseal"
        await tab.go(f"{home}/")
        assert await tab.evaluate("document.title") == "Log in · Postseal"
    await web.close()
