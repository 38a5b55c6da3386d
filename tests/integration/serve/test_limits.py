"""What a client may not do: say too much, too often, too slowly, or something that is no SMTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from postseal.serve.listener import Listener, Patience
from postseal.serve.storage import Store
from postseal.tls import Opening
from tests.integration.serve.listening import IN_CLEAR, OpenListener, Rules
from tests.parts.certificates import ServerCertificate
from tests.parts.eventually import eventually
from tests.parts.raw_client import RawClient

MX = Rules(session=IN_CLEAR)
SHORT = Patience(command=0.2, handshake=0.2, write=0.2, session=10.0, goodbye=0.5)


async def _greeted(listener: Listener) -> RawClient:
    client = await RawClient.connect(listener.port)
    await client.hear()
    assert (await client.ask("EHLO client.test")).startswith("250-mail.test")
    return client


async def _in_body(listener: Listener) -> RawClient:
    client = await _greeted(listener)
    assert (await client.ask("MAIL FROM:<a@example.com>")).startswith("250 ")
    assert (await client.ask("RCPT TO:<b@example.org>")).startswith("250 ")
    assert (await client.ask("DATA")).startswith("354 ")
    return client


async def _stored(store: Store) -> int:
    return len(await store.list_messages(limit=100))


# -- sizes ----------------------------------------------------------------------------------------


async def test_a_size_that_is_announced_as_too_large_is_refused_at_once(
    open_listener: OpenListener,
) -> None:
    listener = await open_listener(replace(MX, session=replace(IN_CLEAR, max_message_size=1000)))
    async with await _greeted(listener) as client:
        assert (await client.ask("MAIL FROM:<a@example.com> SIZE=1001")).startswith("552 5.3.4 ")
        assert (await client.ask("MAIL FROM:<a@example.com> SIZE=1000")).startswith("250 ")


async def test_a_message_that_turns_out_too_large_is_refused_and_the_next_is_taken(
    open_listener: OpenListener, store: Store, tmp_path: Path
) -> None:
    listener = await open_listener(replace(MX, session=replace(IN_CLEAR, max_message_size=1000)))
    async with await _in_body(listener) as client:
        await client.send(b"x" * 70 + b"\r\n")
        await client.send((b"y" * 98 + b"\r\n") * 10)
        assert await client.ask(".") == "552 5.3.4 the message is too large"
        assert await _stored(store) == 0
        # In step, and without a rest of the last message.
        await client.ask("MAIL FROM:<a@example.com>")
        await client.ask("RCPT TO:<b@example.org>")
        await client.ask("DATA")
        taken = await client.ask("Subject: small\r\n\r\nsmall\r\n.")
    content = b"".join([piece async for piece in store.content(taken.rsplit(" ", 1)[1])])
    assert content.endswith(b"Subject: small\r\n\r\nsmall\r\n")
    assert b"yyy" not in content


async def test_a_message_without_end_is_cut_off(open_listener: OpenListener, store: Store) -> None:
    listener = await open_listener(replace(MX, session=replace(IN_CLEAR, max_message_size=1000)))
    async with await _in_body(listener) as client:
        with contextlib.suppress(OSError):
            for _ in range(10_000):
                await client.send(b"x" * 70 + b"\r\n")
        # It may see the 552, or a reset if it was still writing; it does not go on for ever.
        await client.rest()
    assert await _stored(store) == 0


async def test_more_recipients_than_allowed_wait_for_another_message(
    open_listener: OpenListener, store: Store
) -> None:
    listener = await open_listener(replace(MX, session=replace(IN_CLEAR, max_recipients=2)))
    async with await _greeted(listener) as client:
        await client.ask("MAIL FROM:<a@example.com>")
        assert (await client.ask("RCPT TO:<b1@example.org>")).startswith("250 ")
        assert (await client.ask("RCPT TO:<b2@example.org>")).startswith("250 ")
        # RFC 5321 4.5.3.1.10: 452, and those before it stand.
        assert await client.ask("RCPT TO:<b3@example.org>") == "452 4.5.3 too many recipients"
        await client.ask("DATA")
        taken = await client.ask("Subject: two\r\n\r\n.")
    stored = await store.get_message(taken.rsplit(" ", 1)[1])
    assert stored is not None
    assert [one.recipient for one in stored.deliveries] == ["b1@example.org", "b2@example.org"]


async def test_a_line_that_never_ends_is_cut_off(open_listener: OpenListener) -> None:
    listener = await open_listener(MX)
    async with await _greeted(listener) as client:
        await client.send(b"NOOP " + b"x" * 12_288)
        assert (await client.rest()).startswith(b"500 5.5.2 the line is too long\r\n")


# -- numbers --------------------------------------------------------------------------------------


async def test_too_many_errors_end_the_session(open_listener: OpenListener) -> None:
    listener = await open_listener(replace(MX, session=replace(IN_CLEAR, max_errors=3)))
    async with await _greeted(listener) as client:
        assert (await client.ask("NONSENSE")).startswith("500 ")
        assert (await client.ask("DATA")).startswith("503 ")
        await client.say("EHLO not_an-[address")
        assert await client.rest() == (
            b"501 5.5.4 a host name or an address literal is needed\r\n"
            b"421 4.7.0 too many errors\r\n"
        )


async def test_too_many_commands_without_a_message_end_the_session(
    open_listener: OpenListener,
) -> None:
    listener = await open_listener(replace(MX, session=replace(IN_CLEAR, max_commands=5)))
    async with await _greeted(listener) as client:
        for _ in range(4):
            assert (await client.ask("NOOP")).startswith("250 ")
        await client.say("NOOP")
        assert await client.rest() == b"421 4.7.0 too many commands\r\n"


async def test_a_connection_too_many_is_told_so(open_listener: OpenListener) -> None:
    listener = await open_listener(replace(MX, max_connections=2))
    async with await _greeted(listener) as first, await _greeted(listener) as second:
        async with await RawClient.connect(listener.port) as third:
            assert await third.rest() == b"421 4.3.2 too many connections; try again later\r\n"
        # Those who came in time are not disturbed.
        assert (await first.ask("NOOP")).startswith("250 ")
        assert (await second.ask("QUIT")).startswith("221 ")
        assert await second.rest() == b""
        async with await RawClient.connect(listener.port) as fourth:
            assert (await fourth.hear()).startswith("220 ")


async def test_a_connection_too_many_where_tls_comes_first_is_just_closed(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    listener = await open_listener(Rules(opening=Opening.IMPLICIT, max_connections=1))
    async with await RawClient.connect(listener.port, ca_file=certificate.ca_file) as first:
        await first.hear()
        async with await RawClient.connect(listener.port) as second:
            assert await second.rest() == b""


# -- slowness -------------------------------------------------------------------------------------


async def test_a_silent_client_is_told_goodbye(open_listener: OpenListener) -> None:
    listener = await open_listener(replace(MX, patience=SHORT))
    async with await RawClient.connect(listener.port) as client:
        assert (await client.hear()).startswith("220 ")
        assert await client.rest() == b"421 4.3.2 closing the connection; try again later\r\n"


async def test_a_silent_client_under_tls_is_told_goodbye_and_then_close_notify(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    listener = await open_listener(Rules(opening=Opening.IMPLICIT, patience=SHORT))
    async with await RawClient.connect(listener.port, ca_file=certificate.ca_file) as client:
        assert (await client.hear()).startswith("220 ")
        # Without close_notify, asyncio's TLS would report an end that an attacker may have made.
        assert await client.rest() == b"421 4.3.2 closing the connection; try again later\r\n"


async def test_a_client_that_stalls_in_the_handshake_is_let_go(open_listener: OpenListener) -> None:
    listener = await open_listener(
        Rules(opening=Opening.IMPLICIT, patience=SHORT, max_connections=1)
    )
    async with await RawClient.connect(listener.port) as client:
        await client.send(b"\x16\x03\x01")  # the beginning of a record, and no more
        # An alert at most: no word of SMTP before the handshake.
        assert b"220" not in await client.rest()


async def test_a_client_that_stalls_in_the_body_leaves_nothing(
    open_listener: OpenListener, store: Store
) -> None:
    listener = await open_listener(replace(MX, patience=SHORT))
    async with await _in_body(listener) as client:
        await client.send(b"Subject: half\r\n")
        assert (await client.rest()).startswith(b"421 ")
    assert await _stored(store) == 0


async def test_a_client_that_always_says_something_comes_to_an_end_too(
    open_listener: OpenListener,
) -> None:
    # One octet in time resets the wait for a command, but not that for the session.
    patience = replace(SHORT, command=5.0, session=0.3)
    listener = await open_listener(replace(MX, patience=patience))
    async with await _in_body(listener) as client:

        async def drip() -> None:
            with contextlib.suppress(OSError):
                while True:
                    await client.send(b"x\r\n")
                    await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert (await client.rest()).startswith(b"421 4.3.2 ")
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)


async def test_a_client_that_reads_no_replies_is_dropped(
    open_listener: OpenListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Refused recipients are free of charge: their replies fill every buffer on the way. The
    # connection must not stay open for who never reads them.
    monkeypatch.setattr("postseal.send.networks.aio._LINGER", 0.2)
    session = replace(IN_CLEAR, max_recipients=1)
    listener = await open_listener(replace(MX, session=session, patience=SHORT))
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", listener.port))
        await loop.sock_sendall(client, b"EHLO c.test\r\nMAIL FROM:<a@example.com>\r\n")

        async def flood() -> None:
            while True:
                await loop.sock_sendall(client, b"RCPT TO:<b@example.org>\r\n" * 1000)

        # The kernel says that the other side is gone: it closed with data of ours unread.
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            async with asyncio.timeout(30):
                await flood()


# -- things that are no SMTP ----------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE"])
async def test_a_browser_gets_no_command_through(open_listener: OpenListener, verb: str) -> None:
    listener = await open_listener(MX)
    async with await RawClient.connect(listener.port) as client:
        await client.say(
            f"{verb} / HTTP/1.1", "Host: mail.test", "", "EHLO evil.test", "MAIL FROM:<a@evil.test>"
        )
        heard = await client.rest()
    greeting, goodbye = (
        b"220 mail.test ESMTP Postseal\r\n",
        b"421 4.7.0 this is not a web server\r\n",
    )
    assert heard == greeting + goodbye


async def test_a_body_with_bare_line_feeds_is_refused(
    open_listener: OpenListener, store: Store
) -> None:
    # SMTP smuggling (CVE-2023-51764): the hidden end of data is none, and the message is refused.
    listener = await open_listener(MX)
    async with await _in_body(listener) as client:
        await client.send(b"Subject: x\r\n\r\nx\n.\r\nMAIL FROM:<evil@example.com>\r\n")
        refused = await client.ask("\r\n.")
        assert refused == "550 5.6.0 the message holds a bare CR or LF"
        assert (await client.ask("NOOP")).startswith("250 ")
    assert await _stored(store) == 0


async def test_a_body_that_does_not_wait_for_the_354_ends_the_session(
    open_listener: OpenListener, store: Store
) -> None:
    listener = await open_listener(MX)
    async with await _greeted(listener) as client:
        await client.say(
            "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.org>", "DATA", "Subject: x", "", "."
        )
        assert b"503 5.5.0 data was sent before the go-ahead\r\n" in await client.rest()
    assert await _stored(store) == 0


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    octets=st.one_of(
        st.binary(min_size=1, max_size=600),
        st.lists(
            st.sampled_from(
                [
                    b"EHLO x.test\r\n",
                    b"HELO [127.0.0.1]\r\n",
                    b"MAIL FROM:<>\r\n",
                    b"MAIL FROM:<a@example.com> SIZE=5 BODY=8BITMIME\r\n",
                    b"RCPT TO:<b@example.org>\r\n",
                    b"DATA\r\n",
                    b"\r\n.\r\n",
                    b"RSET\r\n",
                    b"STARTTLS\r\n",
                    b"AUTH PLAIN =\r\n",
                    b"QUIT\r\n",
                    b"\xff\xfe\r\n",
                    b"\x00\r\n",
                    b"\r",
                    b"\n",
                    b"\x16\x03\x01\x00\x01\x00",
                ]
            ),
            max_size=12,
        ).map(b"".join),
    )
)
async def test_no_octets_make_the_listener_fail(
    open_listener: OpenListener, certificate: ServerCertificate, octets: bytes
) -> None:
    listener = await open_listener(replace(MX, patience=SHORT))
    with capture_logs() as logs:
        async with await RawClient.connect(listener.port) as client:
            with contextlib.suppress(OSError):
                await client.send(octets)
                await client.end()
            heard = await client.rest()
        await listener.close()
    assert [log for log in logs if log["log_level"] not in ("info", "debug")] == []
    # Whatever was said, what was answered in clear is SMTP from its first line on.
    assert heard == b"" or heard.startswith(b"220 mail.test ESMTP Postseal\r\n")


# -- clients that vanish --------------------------------------------------------------------------


async def test_a_client_that_vanishes_in_the_body_leaves_nothing(
    open_listener: OpenListener, store: Store, tmp_path: Path
) -> None:
    listener = await open_listener(MX)
    before = _names(tmp_path)
    async with await _in_body(listener) as client:
        # Beyond 256 KiB the spool is a file.
        await client.send((b"z" * 998 + b"\r\n") * 500)
        await eventually(lambda: _open_files_without_name(tmp_path), what="a spool file")
        client.vanish()
    await eventually(lambda: not _open_files_without_name(tmp_path), what="the spool file closed")
    assert _names(tmp_path) == before
    assert await _stored(store) == 0


async def test_a_client_that_vanishes_before_the_last_dot_has_sent_nothing(
    open_listener: OpenListener, store: Store
) -> None:
    listener = await open_listener(replace(MX, max_connections=1))
    async with await _in_body(listener) as client:
        await client.send(b"Subject: almost\r\n\r\nalmost\r\n.\r")
        await client.end()
        assert await client.rest() == b""
    assert await _stored(store) == 0


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _open_files_without_name(directory: Path) -> list[str]:
    """The files of a directory that this process has open although they are deleted."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(str(descriptor.readlink()))
    return [link for link in links if link.startswith(str(directory)) and "(deleted)" in link]
