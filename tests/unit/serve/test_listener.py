"""What a real network shows too seldom: octets that arrive between STARTTLS and its 220."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from postseal.send.networks.aio import AsyncioStream
from postseal.send.networks.network import Stream
from postseal.serve.intake import Intake
from postseal.serve.listener import Listener, ListenerRules
from postseal.smtp.rules import Offer, ServerRules
from postseal.tls import Opening


class Script(Stream):
    """A stream of which the test decides what arrives when; it notes what is written."""

    peer_address = "192.0.2.7"
    local_address = "192.0.2.1"

    def __init__(self, *arrivals: bytes) -> None:
        self.written = b""
        self.is_closed = False
        self._arrivals = list(arrivals)

    async def read(self, deadline: float) -> bytes:
        return self._arrivals.pop(0) if self._arrivals else b""

    async def write(self, data: bytes, deadline: float) -> None:
        self.written += data

    def has_input(self) -> bool:
        # After the greeting, whatever comes next has arrived before anything is answered.
        return bool(self.written)

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("behind", "told"),
    [
        (b"EHLO attacker.test\r\n", "data in clear behind STARTTLS"),
        (b"\x16", "data in clear behind STARTTLS"),
        (b"", "the client left instead of starting TLS"),
    ],
)
async def test_one_octet_before_the_220_ends_the_session(
    monkeypatch: pytest.MonkeyPatch, behind: bytes, told: str
) -> None:
    script = Script(b"EHLO client.test\r\n", b"STARTTLS\r\n", behind)

    async def listen(_address: str, _port: int, serve: object) -> asyncio.Server:
        await serve(cast(AsyncioStream, script))  # type: ignore[operator]
        return await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)

    def no_context() -> ssl.SSLContext:
        raise AssertionError("no handshake is to begin")

    monkeypatch.setattr("postseal.serve.listener.listen", listen)
    listener = Listener(
        ListenerRules(
            name="mx",
            opening=Opening.STARTTLS,
            session=ServerRules("mail.test", Offer.OFFERED, Offer.UNAVAILABLE),
            context=no_context,
            max_connections=1,
        ),
        cast(Intake, None),
        Path(),
    )
    with capture_logs() as logs:
        await listener.open("127.0.0.1", 0)
        await listener.close()
    assert script.is_closed
    # The victim of an injection is not even told to go on.
    assert script.written.endswith(b"250 STARTTLS\r\n")
    assert [told in str(log["error"]) for log in logs] == [True]
