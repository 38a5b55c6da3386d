"""A real Chromium, driven by the DevTools protocol over a pipe."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

_SECONDS = 30.0
_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
]


class Tab:
    """One tab: commands are answered, events are kept in the order in which they came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._last_id = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []

    async def open(self) -> None:
        target = await self.command("Target.createTarget", url="about:blank")
        attached = await self.command(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.command(f"{domain}.enable")

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._writer.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = await self._receive()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    async def go(self, address: str) -> None:
        self.events.clear()
        await self.command("Page.navigate", url=address)
        await self._loaded()

    async def click(self, selector: str) -> None:
        """Click, and wait for the page that this leads to."""
        self.events.clear()
        await self.evaluate(f"document.querySelector({selector!r}).click()")
        await self._loaded()

    async def evaluate(self, expression: str) -> Any:
        answer = await self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def _loaded(self) -> None:
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            await self._receive()

    async def _receive(self) -> dict[str, Any]:
        async with asyncio.timeout(_SECONDS):
            answer: dict[str, Any] = json.loads((await self._reader.readuntil(b"\0"))[:-1])
        if "method" in answer:
            self.events.append(answer)
        return answer


@asynccontextmanager
async def open_tab(chromium: Path, profile: Path) -> AsyncIterator[Tab]:
    """Start the browser with a profile of its own, and end it by its process id."""
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()
    # The protocol wants to be read from descriptor 3 and written to descriptor 4; dash cannot
    # copy descriptors above 9.
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        f'exec "$0" "$@" 3<&{commands_out} 4>&{answers_in}',
        str(chromium),
        *_OPTIONS,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=(commands_out, answers_in),
    )
    os.close(commands_out)
    os.close(answers_in)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    reading, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(answers_out, "rb")
    )
    writing, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(commands_in, "wb")
    )
    try:
        tab = Tab(reader, asyncio.StreamWriter(writing, protocol, None, loop))
        await tab.open()
        yield tab
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        reading.close()
        writing.close()
