"""The mailers: what they refuse before anything happens, and what they make of an outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from postseal import AsyncMailer, Envelope, Mailer, Message, Timeouts
from postseal.errors import (
    AuthError,
    Disconnected,
    InvalidSetting,
    InvalidURL,
    PermanentlyRejected,
    Phase,
    TemporarilyRejected,
    TimedOut,
)
from postseal.send import PoolOptions
from postseal.testing import Hear, MemoryNetwork, Say, Wait, transcript
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import ADA, BOB, BODY, CONTENT, ENVELOPE, EVE, PIPELINING

URL = "smtp+insecure://mail.example.org"
FLIGHT = """
    C: MAIL FROM:<ada@example.com>
    C: RCPT TO:<bob@example.org>
    C: RCPT TO:<eve@example.org>
    C: DATA
    """
TAKEN = FLIGHT + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go" + BODY + "S: 250 ok\n"
QUIT = "C: QUIT\nS: 221 bye\n"


@in_each_world
def test_messages_go_over_one_connection(world: World) -> None:
    network = MemoryNetwork(PIPELINING + TAKEN * 3 + QUIT)

    async def use(mailer: Any) -> list[int]:
        return [(await mailer.send_raw(ENVELOPE, CONTENT)).reply.code for _ in range(3)]

    assert world.mail(URL, use, network=network) == [250, 250, 250]
    network.check_played()
    assert network.streams[0].is_closed


@in_each_world
def test_a_composed_message_is_what_is_sent(world: World) -> None:
    message = Message(from_=str(ADA), to=[str(BOB)], subject="Hello", text="Hello Bob.\n.\n")
    content = bytes(message)
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    begin = (
        f"C: MAIL FROM:<ada@example.com> SIZE={len(content)}\nC: RCPT TO:<bob@example.org>\n"
        "C: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go"
    )
    script = (
        *transcript(PIPELINING.replace("SIZE 1000", "SIZE 100000") + begin),
        Hear(stuffed + b".\r\n"),
        Say(b"250 ok\r\n"),
        *transcript(QUIT),
    )
    network = MemoryNetwork(script)
    delivery = world.mail(URL, lambda mailer: mailer.send(message), network=network)
    assert delivery.accepted == (BOB,)
    network.check_played()


@in_each_world
def test_verifying_shows_the_server_and_sends_nothing(world: World) -> None:
    network = MemoryNetwork(PIPELINING + QUIT)
    shown = world.mail(URL, lambda mailer: mailer.verify(), network=network)
    assert (shown.host, shown.peer_address) == ("mail.example.org", "192.0.2.25")
    assert str(shown.tls) == "no TLS"
    assert shown.extensions == tuple(sorted(shown.extensions))
    assert "8BITMIME" in shown.extensions
    network.check_played()


@in_each_world
def test_taken_for_none_is_an_error_and_the_connection_is_kept(world: World) -> None:
    refusal = FLIGHT + "S: 250 ok\nS: 550 5.1.1 nobody\nS: 450 4.2.1 busy\nS: 503 no\n"
    network = MemoryNetwork(PIPELINING + refusal + "C: RSET\nS: 250 ok\n" + TAKEN + QUIT)

    async def use(mailer: Any) -> None:
        # One of them may be reached later: that is what the caller must know.
        with pytest.raises(TemporarilyRejected) as caught:
            await mailer.send_raw(ENVELOPE, CONTENT)
        assert (caught.value.code, caught.value.recipient) == (450, str(EVE))
        assert (caught.value.phase, caught.value.host) == (Phase.RCPT, "mail.example.org")
        assert (await mailer.send_raw(ENVELOPE, CONTENT)).accepted == (BOB, EVE)

    world.mail(URL, use, network=network)
    network.check_played()


@in_each_world
def test_refused_for_good_says_so(world: World) -> None:
    refusal = FLIGHT + "S: 550 5.7.1 not you\nS: 503 no\nS: 503 no\nS: 503 no\n"
    network = MemoryNetwork(PIPELINING + refusal + QUIT)
    with pytest.raises(PermanentlyRejected, match="not you") as caught:
        world.mail(URL, lambda mailer: mailer.send_raw(ENVELOPE, CONTENT), network=network)
    assert not caught.value.is_temporary
    assert str(caught.value) == "mail.example.org at mail: not you (recipient bob@example.org)"


@in_each_world
def test_a_refusal_without_a_word_is_told_all_the_same(world: World) -> None:
    refusal = FLIGHT + "S: 451\nS: 503\nS: 503\nS: 503\n"
    network = MemoryNetwork(PIPELINING + refusal + QUIT)
    with pytest.raises(TemporarilyRejected, match="refused without a word"):
        world.mail(URL, lambda mailer: mailer.send_raw(ENVELOPE, CONTENT), network=network)


@in_each_world
def test_one_taken_is_no_error(world: World) -> None:
    script = TAKEN.replace("S: 250 ok\nS: 250 ok\nS: 354", "S: 250 ok\nS: 550 no\nS: 354")
    network = MemoryNetwork(PIPELINING + script + QUIT)
    delivery = world.mail(URL, lambda mailer: mailer.send_raw(ENVELOPE, CONTENT), network=network)
    assert (delivery.accepted, delivery.refused[0].recipient) == ((BOB,), EVE)


@in_each_world
def test_a_connection_that_broke_is_replaced_for_the_next_message(world: World) -> None:
    network = MemoryNetwork(PIPELINING + FLIGHT + "S: <reset>", PIPELINING + TAKEN + QUIT)

    async def use(mailer: Any) -> None:
        with pytest.raises(Disconnected):
            await mailer.send_raw(ENVELOPE, CONTENT)
        await mailer.send_raw(ENVELOPE, CONTENT)

    world.mail(URL, use, network=network)
    network.check_played()


@in_each_world
def test_the_whole_has_a_time_of_its_own(world: World) -> None:
    # Each step is in time; together they are not.
    slow = PIPELINING.replace("S: 220", "S: <wait 40>\nS: 220")
    script = slow + FLIGHT + "S: <wait 40>\nS: 250 ok\nS: <wait 40>\nS: 250 ok\nS: <silence>"
    network = MemoryNetwork(script)
    with pytest.raises(TimedOut) as caught:
        world.mail(
            URL,
            lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
            network=network,
            timeouts=Timeouts(total=100),
        )
    assert network.now() == 100
    assert (caught.value.phase, caught.value.host) == (Phase.RCPT, "mail.example.org")


@pytest.mark.parametrize("kind", [Mailer, AsyncMailer])
@pytest.mark.parametrize(
    ("url", "options", "error", "words"),
    [
        ("mail.example.org", {}, InvalidURL, "must be given as a URL"),
        ("smtp://ada@mail.example.org", {}, AuthError, "there is no password"),
        ("smtp://ada@mail.example.org", {"password": ""}, AuthError, "there is no password"),
        ("smtp://mail.example.org", {"password": "x"}, AuthError, "but no user"),
        (
            "smtp+opportunistic://ada@mail.example.org",
            {"password": "x"},
            AuthError,
            "never carries credentials",
        ),
        ("smtp+insecure://localhost", {"ca_file": "ca.pem"}, InvalidSetting, "no effect"),
        ("smtp+opportunistic://localhost", {"ca_file": "ca.pem"}, InvalidSetting, "no effect"),
    ],
)
def test_contradictions_are_refused_when_a_mailer_is_made(
    kind: type[Mailer | AsyncMailer],
    url: str,
    options: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    network = MemoryNetwork()
    with pytest.raises(error, match=words):
        kind(url, network=network, **options)
    assert network.connected == []


@in_each_world
def test_a_CA_file_that_is_none_is_refused_when_a_mailer_is_made(
    world: World, tmp_path: Path
) -> None:
    empty = tmp_path / "ca.pem"
    empty.touch()
    for file in (empty, tmp_path, tmp_path / "missing.pem"):
        network = MemoryNetwork((Wait(),))
        with pytest.raises(InvalidSetting, match="cannot be used"):
            world.mail(
                "smtps://mail.example.org",
                lambda mailer: mailer.verify(),
                network=network,
                ca_file=file,
            )
        assert network.connected == []


def test_async_content_is_not_for_threads() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"Subject: hello\r\n"
        await asyncio.sleep(0)
        yield b"never sent"

    script = PIPELINING + FLIGHT + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nS: <silence>"
    network = MemoryNetwork(script)
    mailer = Mailer(URL, network=network)
    with pytest.raises(RuntimeError, match="suspended"):
        mailer.send_raw(ENVELOPE, pieces())  # type: ignore[arg-type]
    # The half of a body is not completed.
    assert network.streams[0].is_closed
    assert not network.streams[0].written.endswith(b".\r\n")
    mailer.close()


async def test_a_cancelled_task_leaves_no_half_message() -> None:
    begun = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 70_000
        begun.set()
        await asyncio.Event().wait()
        yield b"never sent"

    script = PIPELINING + FLIGHT + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nS: <silence>"
    network = MemoryNetwork(script, PIPELINING + TAKEN + QUIT)
    async with AsyncMailer(URL, network=network, pool=PoolOptions(max_connections=1)) as mailer:
        task = asyncio.create_task(mailer.send_raw(ENVELOPE, pieces()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert network.streams[0].is_closed
        assert not network.streams[0].written.endswith(b".\r\n")
        # Its place is free for the next.
        await mailer.send_raw(ENVELOPE, CONTENT)
    network.check_played()


@in_each_world
def test_bounces_have_the_null_reverse_path(world: World) -> None:
    script = PIPELINING + "C: MAIL FROM:<>\nC: RCPT TO:<bob@example.org>\nC: DATA\n"
    script += "S: 250 ok\nS: 250 ok\nS: 354 go" + BODY + "S: 250 ok\n" + QUIT
    envelope = Envelope(None, (BOB,))
    network = MemoryNetwork(script)
    delivery = world.mail(URL, lambda mailer: mailer.send_raw(envelope, CONTENT), network=network)
    network.check_played()
    assert delivery.accepted == (BOB,)
