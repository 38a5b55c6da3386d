"""Promise 3 at a listener, and what its TLS does not give: other protocols, renegotiation, cuts.

OpenSSL's command line plays the client where Python's ssl cannot.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from postseal.serve.listener import Listener
from postseal.tls import Opening
from tests.integration.serve.listening import IN_CLEAR, OpenListener, Rules
from tests.parts.certificates import ServerCertificate
from tests.parts.eventually import eventually
from tests.parts.raw_client import RawClient
from tests.parts.tls_records import RecordType, client_hello, record

_PATIENCE = 20.0
STARTTLS = Rules(session=IN_CLEAR)
IMPLICIT = replace(STARTTLS, opening=Opening.IMPLICIT)
INJECTED = {
    "ClientHello": client_hello(),
    "alert": record(RecordType.ALERT, b"\x01\x5a"),
    "application data": record(RecordType.APPLICATION_DATA, b"MAIL FROM:<a@example.com>\r\n"),
    "command": b"MAIL FROM:<a@example.com>\r\n",
}


async def _greeted(listener: Listener) -> RawClient:
    client = await RawClient.connect(listener.port)
    await client.hear()
    await client.ask("EHLO client.test")
    return client


@pytest.mark.parametrize("name", INJECTED)
async def test_nothing_comes_in_the_segment_of_starttls(
    open_listener: OpenListener, name: str
) -> None:
    # Also a whole ClientHello: nobody can tell whose it is (RFC 3207 4).
    listener = await open_listener(STARTTLS)
    async with await _greeted(listener) as client:
        await client.send(b"STARTTLS\r\n" + INJECTED[name])
        said = await client.rest()
    assert not said.startswith(b"220 ")
    assert b"\x16\x03" not in said


@pytest.mark.parametrize("name", INJECTED)
async def test_what_comes_before_the_client_is_no_command(
    open_listener: OpenListener, name: str, certificate: ServerCertificate
) -> None:
    # Behind the 220, and in front of what the client says itself.
    listener = await open_listener(STARTTLS)
    async with await _greeted(listener) as client:
        assert (await client.ask("STARTTLS")).startswith("220 ")
        await client.send(INJECTED[name])
        try:
            await client.start_tls(certificate.ca_file)
        except (ssl.SSLError, OSError):
            return
        # TLS passes over some alerts; no command has come from them.
        assert (await client.ask("RCPT TO:<b@example.org>")).startswith("503 ")


async def test_another_protocol_is_refused_by_its_alert(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    listener = await open_listener(IMPLICIT)
    context = ssl.create_default_context(cafile=str(certificate.ca_file))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with capture_logs() as logs:
        with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
            await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
        await eventually(
            lambda: any("other protocols than mail" in str(log.get("error")) for log in logs),
            what="the reason in the log",
        )
    context.set_alpn_protocols(["smtp"])
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
    assert (await reader.readline()).startswith(b"220 ")
    writer.transport.abort()


async def test_a_goodbye_of_tls_is_answered_and_a_cut_is_logged(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    listener = await open_listener(IMPLICIT)
    context = ssl.create_default_context(cafile=str(certificate.ca_file))
    with capture_logs() as logs:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
        assert (await reader.readline()).startswith(b"220 ")
        writer.close()
        # asyncio waits here for the other side's close_notify.
        async with asyncio.timeout(_PATIENCE):
            await writer.wait_closed()
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
        assert (await reader.readline()).startswith(b"220 ")
        writer.transport.abort()
        await eventually(
            lambda: any(
                "cut" in str(log.get("error")) or "broke" in str(log.get("error")) for log in logs
            ),
            what="the cut in the log",
        )
    assert len([log for log in logs if "error" in log]) == 1


@contextlib.asynccontextmanager
async def openssl(
    listener: Listener, certificate: ServerCertificate, *options: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`openssl s_client` connected by STARTTLS; its letters R, K and Q are commands."""
    process = await asyncio.create_subprocess_exec(
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{listener.port}",
        "-CAfile",
        str(certificate.ca_file),
        "-verify_return_error",
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _until(process: asyncio.subprocess.Process, words: bytes) -> bytes:
    assert process.stdout is not None
    heard = b""
    async with asyncio.timeout(_PATIENCE):
        while words not in heard:
            piece = await process.stdout.read(65536)
            assert piece, f"{words!r} did not come: {heard!r}"
            heard += piece
    return heard


async def _type(process: asyncio.subprocess.Process, line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    await process.stdin.drain()


async def test_renegotiation_is_refused(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    # A ClientHello within an open connection of TLS 1.2; a known way to make servers calculate.
    listener = await open_listener(IMPLICIT)
    async with openssl(listener, certificate, "-tls1_2") as process:
        await _until(process, b"220 ")
        await _type(process, b"R\n")
        heard = await _until(process, b"RENEGOTIATING")
        assert process.stdout is not None
        async with asyncio.timeout(_PATIENCE):
            heard += await process.stdout.read()
    assert b"no renegotiation" in heard


async def test_key_updates_are_followed(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    listener = await open_listener(IMPLICIT)
    async with openssl(listener, certificate, "-tls1_3", "-crlf") as process:
        await _until(process, b"220 ")
        answers = b""
        for number in range(3):
            # K asks for new keys in both directions (RFC 8446 4.6.3).
            await _type(process, b"K\n")
            await _until(process, b"KEYUPDATE")
            await _type(process, b"NOOP %d\n" % number)
            answers += await _until(process, b"250 2.0.0 OK")
    assert answers.count(b"250 2.0.0 OK") == 3
    assert b"error" not in answers


async def test_early_data_is_never_allowed(
    open_listener: OpenListener, certificate: ServerCertificate, tmp_path: Path
) -> None:
    listener = await open_listener(IMPLICIT)
    session = tmp_path / "session.pem"
    async with openssl(listener, certificate, "-tls1_3", "-sess_out", str(session)) as process:
        await _until(process, b"220 ")
        await eventually(session.exists, what="a session")
    # It is the ticket that would allow it (RFC 8446 4.6.1).
    described = await asyncio.create_subprocess_exec(
        "openssl", "sess_id", "-in", str(session), "-noout", "-text", stdout=asyncio.subprocess.PIPE
    )
    text, _ = await described.communicate()
    assert b"Max Early Data: 0" in text


async def test_no_compression_and_no_protocol_is_agreed(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    listener = await open_listener(IMPLICIT)
    async with openssl(listener, certificate, "-alpn", "smtp", "-comp") as process:
        heard = await _until(process, b"220 ")
    assert b"No ALPN negotiated" in heard
    assert b"Compression: NONE" in heard
