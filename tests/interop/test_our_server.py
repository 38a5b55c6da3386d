"""Clients of other makers hand mail to `postseal serve`, on each of its listeners.

The mx listener takes example.org and refuses all other recipients; the submission listeners take
any, from whom has logged in. Nothing is delivered: nobody listens behind the route.
"""

from __future__ import annotations

import json
import secrets
import smtplib
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import aiosmtplib
import pytest

from tests.parts.node import run_nodemailer
from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.postseal_process import Platform
from tests.parts.stored_messages import StoredMessage, find_stored

SENDER = "ada@example.com"
RECIPIENT = "bob@example.org"
HUNDRED = [f"{n}@elsewhere.example" if n % 3 == 0 else f"{n}@example.org" for n in range(100)]
TAKEN = tuple(one for one in HUNDRED if one.endswith("@example.org"))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with ReservedPort() as nobody:
        url = json.dumps(f"smtp+insecure://{LOOPBACK}:{nobody.number}")
        configuration = (
            '[delivery]\nmode = "live"\nretry_first = 3600\n'
            f'[delivery.routes]\n"example.org" = {url}\n"*" = {url}\n'
        )
        folder = tmp_path_factory.mktemp("platform")
        with Platform(folder, configuration=configuration) as running:
            running.start()
            yield running


@pytest.fixture
def marker() -> str:
    """A word that no other message holds."""
    return f"marker-{secrets.token_hex(8)}"


@pytest.fixture
def context(platform: Platform) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=platform.authority)


def message(marker: str, text: str = "Grüße, κανάρι, 金丝雀") -> bytes:
    """8-bit octets, with lines that transports are tempted to change."""
    return (
        f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: {marker}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f".one dot\r\n..two\r\n.\r\n{text}\r\n"
    ).encode()


def stored(platform: Platform, marker: str) -> StoredMessage:
    """The one message with the marker: what was answered with 250 is there at once."""
    [found] = find_stored(platform.data_directory, marker.encode())
    return found


def test_smtplib_in_clear_with_refused_recipients(platform: Platform, marker: str) -> None:
    with smtplib.SMTP(LOOPBACK, platform.port("mx")) as client:
        refused = client.sendmail(SENDER, HUNDRED, message(marker), ["BODY=8BITMIME"])
    assert set(refused) == set(HUNDRED) - set(TAKEN)
    assert {code for code, _ in refused.values()} == {550}
    found = stored(platform, marker)
    assert found.recipients == TAKEN
    assert (found.protocol, found.tls_version) == ("ESMTP", None)
    assert found.content.endswith(message(marker))


def test_smtplib_under_starttls_without_credentials(
    platform: Platform, marker: str, context: ssl.SSLContext
) -> None:
    with smtplib.SMTP("localhost", platform.port("mx")) as client:
        client.starttls(context=context)
        client.sendmail(SENDER, RECIPIENT, message(marker), ["BODY=8BITMIME"])
    found = stored(platform, marker)
    assert (found.protocol, found.tls_version) == ("ESMTPS", "TLSv1.3")


def test_smtplib_under_implicit_tls_with_ten_megabytes(
    platform: Platform, marker: str, context: ssl.SSLContext
) -> None:
    login = platform.credential
    large = message(marker, (".x" * 35 + "\r\n") * 142_000)
    assert len(large) > 10_000_000
    with smtplib.SMTP_SSL("localhost", platform.port("submissions"), context=context) as client:
        client.login(login.username, login.password)
        client.sendmail(SENDER, "anybody@elsewhere.example", large)
    found = stored(platform, marker)
    assert (found.protocol, found.authenticated_as) == ("ESMTPSA", login.username)
    assert found.content.endswith(large)


async def test_aiosmtplib_under_starttls_with_internationalized_addresses(
    platform: Platform, marker: str, context: ssl.SSLContext
) -> None:
    login = platform.credential
    client = aiosmtplib.SMTP(
        hostname="localhost",
        port=platform.port("submission"),
        start_tls=True,
        tls_context=context,
        username=login.username,
        password=login.password,
    )
    async with client:
        await client.sendmail(
            "adá@example.com",
            ["böb@example.org"],
            message(marker),
            mail_options=["SMTPUTF8", "BODY=8BITMIME"],
        )
    found = stored(platform, marker)
    assert (found.reverse_path, found.recipients) == ("adá@example.com", ("böb@example.org",))
    assert (found.listener, found.protocol) == ("submission", "UTF8SMTPSA")
    assert found.content.endswith(message(marker))


async def test_aiosmtplib_under_implicit_tls(
    platform: Platform, marker: str, context: ssl.SSLContext
) -> None:
    login = platform.credential
    port = platform.port("submissions")
    client = aiosmtplib.SMTP(hostname="localhost", port=port, use_tls=True, tls_context=context)
    async with client:
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await client.login(login.username, "another")
        await client.login(login.username, login.password)
        await client.sendmail(SENDER, [RECIPIENT], message(marker))
    assert stored(platform, marker).authenticated_as == login.username


async def test_aiosmtplib_in_clear_with_refused_recipients(platform: Platform, marker: str) -> None:
    port = platform.port("mx")
    async with aiosmtplib.SMTP(hostname=LOOPBACK, port=port, start_tls=False) as client:
        refused, _ = await client.sendmail(SENDER, HUNDRED, message(marker))
    assert set(refused) == set(HUNDRED) - set(TAKEN)
    assert stored(platform, marker).recipients == TAKEN


@pytest.mark.needs("node")
@pytest.mark.parametrize("listener", ["submission", "submissions"])
def test_nodemailer_with_credentials(platform: Platform, marker: str, listener: str) -> None:
    login = platform.credential
    transport: dict[str, object] = {
        "host": "localhost",
        "port": platform.port(listener),
        "secure": listener == "submissions",
        "requireTLS": listener == "submission",
        "tls": {"ca": platform.authority.read_text(encoding="ascii")},
        "auth": {"user": login.username, "pass": login.password},
    }
    mail: dict[str, object] = {
        "from": SENDER,
        "to": ["böb@example.org", RECIPIENT],
        "subject": marker,
        "text": "Grüße\n.\n..two\n" * 1000,
        "html": "<p>Grüße, 金丝雀</p>",
    }
    sent = run_nodemailer(transport, mail)
    assert sent.error == ""
    assert sent.accepted == ("böb@example.org", RECIPIENT)
    found = stored(platform, marker)
    assert found.recipients == sent.accepted
    assert (found.listener, found.authenticated_as) == (listener, login.username)
    wrong = transport | {"auth": {"user": login.username, "pass": "another"}}
    assert run_nodemailer(wrong, mail).code == 535


@pytest.mark.needs("node")
def test_nodemailer_in_clear_with_refused_recipients(platform: Platform, marker: str) -> None:
    transport: dict[str, object] = {
        "host": LOOPBACK,
        "port": platform.port("mx"),
        "ignoreTLS": True,
    }
    sent = run_nodemailer(
        transport, {"from": SENDER, "to": HUNDRED, "subject": marker, "text": "To many."}
    )
    assert sent.accepted == TAKEN
    assert set(sent.rejected) == set(HUNDRED) - set(TAKEN)
    assert stored(platform, marker).recipients == TAKEN


@pytest.mark.needs("swaks")
@pytest.mark.parametrize(
    ("listener", "how", "protocol"),
    [
        ("mx", (), "ESMTP"),
        ("mx", ("--tls",), "ESMTPS"),
        ("submission", ("--tls", "--auth", "PLAIN"), "ESMTPSA"),
        ("submissions", ("--tls-on-connect", "--auth", "PLAIN"), "ESMTPSA"),
    ],
)
def test_swaks(
    platform: Platform,
    program: Callable[[str], Path],
    marker: str,
    listener: str,
    how: tuple[str, ...],
    protocol: str,
) -> None:
    login = platform.credential
    command = [
        *(str(program("swaks")), "--server", f"localhost:{platform.port(listener)}", *how),
        *("--from", SENDER, "--to", RECIPIENT, "--helo", "client.test"),
        *("--header", f"Subject: {marker}", "--body", "from swaks"),
    ]
    if protocol != "ESMTP":
        command += ["--tls-verify", "--tls-ca-path", str(platform.authority)]
    if "--auth" in how:
        command += ["--auth-user", login.username, "--auth-password", login.password]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stored(platform, marker).protocol == protocol
