"""Programs of other makers, and our own, log in to `postseal serve` by each mechanism they know.

GNU SASL (in msmtp) is the outside judge of SCRAM; none of them binds channels by
`tls-server-end-point`, so that part is our own mailer's.
"""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import aiosmtplib
import pytest

from postseal import Mailer, Message
from postseal.errors import AuthError
from tests.parts.node import run_nodemailer
from tests.parts.postseal_process import Platform

CONFIGURATION = '[authentication]\nmechanisms = ["SCRAM-SHA-256", "PLAIN", "LOGIN"]\n'
OFFER = "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"

each_listener = pytest.mark.parametrize("listener", ["submission", "submissions"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    with Platform(folder, configuration=CONFIGURATION) as running:
        running.start()
        yield running


def smtplib_client(platform: Platform, listener: str) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=platform.authority)
    port = platform.port(listener)
    if listener == "submissions":
        client: smtplib.SMTP = smtplib.SMTP_SSL("localhost", port, context=context, timeout=20)
    else:
        client = smtplib.SMTP("localhost", port, timeout=20)
        client.starttls(context=context)
    client.ehlo()
    return client


@each_listener
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("at_once", [True, False])
def test_smtplib(platform: Platform, listener: str, mechanism: str, at_once: bool) -> None:
    login = platform.credential
    with smtplib_client(platform, listener) as client:
        assert client.esmtp_features["auth"].strip() == OFFER
        client.user, client.password = login.username, login.password
        said = client.auth_plain if mechanism == "PLAIN" else client.auth_login
        assert client.auth(mechanism, said, initial_response_ok=at_once)[0] == 235
        assert client.sendmail("a@example.com", "b@example.org", b"Subject: x\r\n\r\nx\r\n") == {}


def test_smtplib_is_refused_what_is_not_there(platform: Platform) -> None:
    with smtplib_client(platform, "submission") as client:
        # It would come first where it is offered; passwords would have to be kept for it.
        client.user, client.password = "postseal", "x"
        with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            client.auth("CRAM-MD5", client.auth_cram_md5)
        assert caught.value.smtp_code == 504


@each_listener
@pytest.mark.parametrize("mechanism", ["plain", "login"])
async def test_aiosmtplib(platform: Platform, listener: str, mechanism: str) -> None:
    login = platform.credential
    client = aiosmtplib.SMTP(
        hostname="localhost",
        port=platform.port(listener),
        use_tls=listener == "submissions",
        start_tls=listener == "submission",
        tls_context=ssl.create_default_context(cafile=platform.authority),
    )
    async with client:
        await client.ehlo()
        authenticate = getattr(client, f"auth_{mechanism}")
        assert (await authenticate(login.username, login.password)).code == 235
        await client.sendmail("a@example.com", ["b@example.org"], b"Subject: x\r\n\r\nx\r\n")


@pytest.mark.needs("node")
@each_listener
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_nodemailer(platform: Platform, listener: str, mechanism: str) -> None:
    login = platform.credential
    transport: dict[str, object] = {
        "host": "localhost",
        "port": platform.port(listener),
        "secure": listener == "submissions",
        "requireTLS": listener == "submission",
        "tls": {"ca": platform.authority.read_text(encoding="ascii")},
        "authMethod": mechanism,
        "auth": {"user": login.username, "pass": login.password},
    }
    mail: dict[str, object] = {"from": "a@example.com", "to": "b@example.org", "text": "x"}
    assert run_nodemailer(transport, mail).error == ""
    wrong = transport | {"auth": {"user": login.username, "pass": "another"}}
    assert run_nodemailer(wrong, mail).code == 535


@pytest.mark.needs("swaks")
@pytest.mark.parametrize("how", [("--tls",), ("--tls-on-connect",)])
@pytest.mark.parametrize(
    ("mechanism", "ends_with"), [("PLAIN", 0), ("LOGIN", 0), ("CRAM-MD5", 28), ("CRAM-SHA1", 28)]
)
def test_swaks(
    platform: Platform,
    program: Callable[[str], Path],
    how: tuple[str, ...],
    mechanism: str,
    ends_with: int,
) -> None:
    login = platform.credential
    port = platform.port("submission" if how == ("--tls",) else "submissions")
    command = [
        *(str(program("swaks")), "--server", f"localhost:{port}", *how, "--tls-verify"),
        *("--tls-ca-path", str(platform.authority), "--helo", "client.test"),
        *("--from", "a@example.com", "--to", "b@example.org", "--auth", mechanism),
        *("--auth-user", login.username, "--auth-password", login.password),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == ends_with, done.stdout + done.stderr


@pytest.mark.needs("msmtp")
@each_listener
@pytest.mark.parametrize("mechanism", ["on", "scram-sha-256", "plain", "login"])
def test_msmtp(
    platform: Platform, program: Callable[[str], Path], listener: str, mechanism: str
) -> None:
    def run(password: str) -> subprocess.CompletedProcess[str]:
        command = [
            *(str(program("msmtp")), "--host=localhost", f"--port={platform.port(listener)}"),
            *("--tls=on", f"--tls-starttls={'on' if listener == 'submission' else 'off'}"),
            *(f"--tls-trust-file={platform.authority}", f"--auth={mechanism}", "--debug"),
            *(f"--user={platform.credential.username}", f"--passwordeval=printf %s {password}"),
            *("--from=a@example.com", "b@example.org"),
        ]
        return subprocess.run(
            command,
            input="Subject: x\n\nx\n",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    done = run(platform.credential.password)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<-- 235 2.7.0 Authentication succeeded" in done.stdout
    refused = run("another")
    assert refused.returncode == 77  # EX_NOPERM
    assert "535 5.7.8 Authentication credentials invalid" in refused.stdout


@each_listener
@pytest.mark.parametrize("mechanism", OFFER.split())
def test_our_mailer(platform: Platform, listener: str, mechanism: str) -> None:
    login = platform.credential
    scheme = "smtps" if listener == "submissions" else "smtp"
    url = f"{scheme}://{login.username}@localhost:{platform.port(listener)}"
    message = Message(from_="a@example.com", to="b@example.org", subject="x", text="x")
    ca_file = platform.authority
    with Mailer(url, password=login.password, ca_file=ca_file, mechanisms=[mechanism]) as mailer:
        assert len(mailer.send(message).accepted) == 1
    with (
        Mailer(url, password="another", ca_file=ca_file, mechanisms=[mechanism]) as mailer,
        pytest.raises(AuthError),
    ):
        mailer.send(message)


def test_no_login_in_clear(platform: Platform) -> None:
    with smtplib.SMTP("localhost", platform.port("submission"), timeout=20) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AHgAeA==")[0] == 530
    with smtplib.SMTP("localhost", platform.port("mx"), timeout=20) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AHgAeA==")[0] == 502
