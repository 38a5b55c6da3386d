"""Secrets are opaque (promise 5): whatever a client does with a password, no log shows it."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from postseal import AsyncMailer
from postseal.errors import AuthError
from tests.integration.serve.delivering import submit
from tests.integration.serve.listening import auth_plain
from tests.parts.canaries import Canary, find_canaries
from tests.parts.house import keep_house
from tests.parts.raw_client import RawClient

OTHERS = "canary-of-another-password"


async def test_no_log_shows_a_password(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with capture_logs() as logs:
        async with keep_house(tmp_path) as house:
            # The right one, and a wrong one.
            await submit(house)
            url = house.url
            async with AsyncMailer(url, password=OTHERS, ca_file=house.ca_file) as mailer:
                with pytest.raises(AuthError) as refused:
                    await mailer.verify()
            # In clear, where no password belongs: before STARTTLS, instead of the handshake, on
            # the port that wants TLS at once, as a command, as an address, as a name.
            given = auth_plain("ada", OTHERS)
            encoded = given.split()[-1]
            for port in (house.port("submission"), house.port("submissions"), house.port("mx")):
                for lines in (
                    [given],
                    ["EHLO c.test", "AUTH PLAIN", encoded],
                    ["EHLO c.test", "STARTTLS", given],
                    [encoded],
                    [OTHERS],
                    ["EHLO c.test", f"MAIL FROM:<{OTHERS}>"],
                    [f"EHLO {OTHERS} "],
                ):
                    await _say(port, lines, in_steps=False)
                    await _say(port, lines, in_steps=True)
            password = house.password
            database = b"".join(
                path.read_bytes() for path in house.data_directory.glob("postseal.db*")
            )
    assert any(log["event"] == "message accepted" for log in logs)
    assert any(log["event"] == "session broken off" for log in logs)
    assert any("data in clear arrived" in str(log.get("error")) for log in logs)
    canaries = [
        Canary("the right one", password.encode()),
        Canary("the wrong one", OTHERS.encode()),
        # What base64 makes of its beginning, however it is cut.
        Canary("cut", base64.b64encode(b"\0ada\0canary-of-another")[:24]),
    ]
    printed = capfd.readouterr()
    shown = repr(logs) + printed.out + printed.err + str(refused.value) + repr(refused.value)
    assert find_canaries(shown.encode(), canaries) == set()
    assert find_canaries(database, canaries) == set()


async def _say(port: int, lines: list[str], *, in_steps: bool) -> None:
    async with await RawClient.connect(port) as client:
        with contextlib.suppress(OSError):
            if in_steps:
                for line in lines:
                    await client.say(line)
                    await client.taste()
            else:
                await client.say(*lines)
            await client.end()
        await client.rest()
