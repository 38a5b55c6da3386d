"""`postseal send` by the ways that are no server, and how long it takes at most."""

from __future__ import annotations

import asyncio
import contextlib
import stat
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from postseal.send.transports.directory import stored_messages
from postseal.smtp.protocol import Protocol
from tests.parts.command import run_postseal
from tests.parts.mail_program import MailProgram
from tests.parts.own_server import OwnServer

ENVELOPE = ("--from", "Ada <ada@example.com>", "--to", "bob@example.org")
CONTENT = ("--subject", "Grüße", "--text", "canary-text")
HANDED_OVER = "TLS         none: this message was handed over on this machine"


def the_file_in(directory: Path) -> tuple[str, str]:
    """The name of the one message there, and who may do what with it."""
    (path,) = directory.glob("*.eml")
    return path.name, stat.filemode(path.stat().st_mode)


@pytest.mark.parametrize("url", ["console:", "console:stdout"])
async def test_a_message_can_be_looked_at_first(url: str) -> None:
    ran = await run_postseal("send", url, *ENVELOPE, "--bcc", "eve@example.org", *CONTENT)
    assert ran.status == 0, ran.printed
    shown = ran.output if url == "console:stdout" else ran.errors
    assert "Envelope to:   bob@example.org, eve@example.org\n" in shown
    assert "Subject: Grüße\n" in shown
    assert "canary-text\n" in shown
    assert ran.output.splitlines()[-4:] == [
        "accepted    bob@example.org",
        "accepted    eve@example.org",
        "taken by    console: 250 2.0.0 shown",
        HANDED_OVER,
    ]


async def test_a_message_can_be_kept_as_a_file(tmp_path: Path) -> None:
    ran = await run_postseal("send", f"file://{tmp_path}", *ENVELOPE, *CONTENT)
    assert (ran.status, ran.errors) == (0, "")
    (stored,) = stored_messages(tmp_path)
    assert [str(one) for one in stored.envelope.recipients] == ["bob@example.org"]
    assert (stored.message.subject, stored.message.text) == ("Grüße", "canary-text\n")
    name, mode = the_file_in(tmp_path)
    assert mode == "-rw-------"
    assert ran.output.splitlines() == [
        "accepted    bob@example.org",
        f"taken by    file:{tmp_path}: 250 2.0.0 written to {name}",
        HANDED_OVER,
    ]


async def test_a_program_takes_the_message_and_no_secret(tmp_path: Path) -> None:
    program = MailProgram.make(tmp_path)
    ran = await run_postseal(
        *("send", program.url, *ENVELOPE, *CONTENT),
        environment={"POSTSEAL_PASSWORD": "canary-password"},
    )
    assert (ran.status, ran.errors) == (0, "")
    assert f"taken by    {program.path}: 250 2.0.0 taken by the program\n" in ran.output
    (run,) = program.runs
    assert run.arguments == ["-i", "-f", "ada@example.com", "--", "bob@example.org"]
    assert "canary-text" in run.input
    assert "canary-password" not in str(run)


async def test_a_program_that_refuses_or_does_not_end(tmp_path: Path) -> None:
    refusing, endless = tmp_path / "refusing", tmp_path / "endless"
    for directory in (refusing, endless):
        directory.mkdir()
    began = time.monotonic()
    refused, given_up = await asyncio.gather(
        run_postseal("send", MailProgram.make(refusing, "sys.exit(67)").url, *ENVELOPE),
        run_postseal(
            *("send", MailProgram.make(endless, "time.sleep(600)").url, *ENVELOPE),
            *("--timeout", "2"),
        ),
    )
    assert refused.status == 1
    assert "at body: " in refused.errors
    assert given_up.status == 1
    assert "the program was not done in time" in given_up.errors
    assert time.monotonic() - began < 60


async def test_a_mail_store_behind_a_socket() -> None:
    # The path of a socket is short, and pytest's directories are not.
    with TemporaryDirectory(prefix="lmtp-") as folder:
        path = Path(folder) / "lmtp"
        with OwnServer(Protocol.LMTP, path) as server:
            ran = await run_postseal("send", f"lmtp+unix://{path}", *ENVELOPE, *CONTENT)
    assert (ran.status, ran.errors) == (0, "")
    assert len(server.messages) == 1
    assert f"taken by    {path}: 250 " in ran.output
    assert ran.output.endswith(f"{HANDED_OVER}\n")


async def test_a_server_that_says_nothing_is_left_in_time() -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(1024):
                pass
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        began = time.monotonic()
        ran = await run_postseal("send", f"smtp://127.0.0.1:{port}", *ENVELOPE, "--timeout", "0.5")
    # The greeting alone would have a minute.
    assert time.monotonic() - began < 30
    assert ran.status == 1
    assert ran.errors.startswith("error: 127.0.0.1 at greeting: ")
    assert "in time" in ran.errors
