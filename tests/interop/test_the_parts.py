"""The instruments before the measurement: what the other tests conclude from them must hold."""

from __future__ import annotations

import contextlib
import random
import smtplib
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path as FilePath

import pytest

from tests.parts.canaries import Canary, find_canaries
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.ports import LOOPBACK, ReservedPort
from tests.parts.postfix import Postfix
from tests.parts.recording_proxy import Path, RecordingProxy
from tests.parts.tls_records import RecordType, split_at_tls

CANARIES = [
    Canary("subject", b"subject-canary-3f9c"),
    Canary("body", b"body-canary-77d0"),
    Canary("address", b"bob-canary@example.org"),
    Canary("attachment", bytes(range(128, 192))),
    Canary("non-ASCII text", "Grüße-an-alle".encode()),
]


@pytest.fixture
def certificate(tmp_path: FilePath) -> ServerCertificate:
    return issue_certificate(tmp_path / "certificates", "localhost")


@pytest.fixture
def plaintext_proxy() -> Iterator[tuple[Postfix, RecordingProxy]]:
    with Postfix(certificate=None) as postfix, RecordingProxy(postfix.port) as proxy:
        postfix.start()
        proxy.start()
        yield postfix, proxy


def message_with_canaries() -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "subject-canary-3f9c"
    message.set_content("It says body-canary-77d0 here.\n")
    message.add_alternative("<p>Grüße-an-alle</p>\n", subtype="html", cte="quoted-printable")
    # One byte in front, so that base64 has the canary at another alignment.
    message.add_attachment(
        b"." + bytes(range(128, 192)), maintype="application", subtype="octet-stream"
    )
    return message


def say(port: int, *lines: bytes) -> bytes:
    """Send the lines in one piece and return everything that comes back."""
    with socket.create_connection((LOOPBACK, port), timeout=10) as connection:
        connection.sendall(b"".join(lines))
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends everything back."""

    class Echo(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while data := self.request.recv(65536):
                    self.request.sendall(data)

    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.needs("postfix")
def test_what_crosses_a_path_in_clear_is_found(
    plaintext_proxy: tuple[Postfix, RecordingProxy],
) -> None:
    postfix, proxy = plaintext_proxy
    with smtplib.SMTP(LOOPBACK, proxy.port) as client:
        client.sendmail(
            "a@example.com", "bob-canary@example.org", message_with_canaries().as_bytes()
        )
    postfix.wait_for_messages(1)
    assert find_canaries(proxy.recorded(), CANARIES) == {canary.name for canary in CANARIES}


@pytest.mark.needs("postfix")
def test_the_same_session_sealed_shows_nothing(certificate: ServerCertificate) -> None:
    with Postfix(certificate=certificate) as postfix, RecordingProxy(postfix.port) as proxy:
        postfix.start()
        proxy.start()
        with smtplib.SMTP("localhost", proxy.port) as client:
            client.starttls(context=ssl.create_default_context(cafile=certificate.ca_file))
            client.sendmail(
                "a@example.com", "bob-canary@example.org", message_with_canaries().as_bytes()
            )
        [stored] = postfix.wait_for_messages(1)
        assert b"body-canary-77d0" in stored
        assert find_canaries(proxy.recorded(), CANARIES) == set()
        # The recorder was there: it has the part that is in clear by design.
        [talk] = proxy.conversations
        clear, records = split_at_tls(talk.from_client)
        assert clear.startswith(b"ehlo ")
        assert clear.endswith(b"STARTTLS\r\n")
        assert records[0][0] is RecordType.HANDSHAKE
        encrypted = [size for kind, size in records if kind is RecordType.APPLICATION_DATA]
        assert sum(encrypted) > len(message_with_canaries().as_bytes())


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name)
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_canary_is_found_in_base64_at_any_alignment_across_lines(
    canary: Canary, before: int
) -> None:
    message = EmailMessage()
    message.set_content(
        b"x" * (before + 40) + canary.data + b"y" * 40, maintype="application", subtype="test"
    )
    wire = message.as_bytes().replace(b"\n", b"\r\n")
    assert canary.data not in wire
    assert find_canaries(wire, [canary]) == {canary.name}


def test_noise_holds_no_canary() -> None:
    assert find_canaries(random.Random(1).randbytes(5_000_000), CANARIES) == set()


@pytest.mark.needs("postfix", "swaks")
def test_postfix_takes_mail_from_swaks_under_tls(
    certificate: ServerCertificate, program: Callable[[str], FilePath]
) -> None:
    with Postfix(certificate=certificate) as postfix:
        postfix.start()
        arguments = [
            *(str(program("swaks")), "--server", f"localhost:{postfix.port}"),
            *("--from", "a@example.com", "--to", "b@example.org", "--helo", "client.test"),
            *("--tls", "--tls-verify", "--tls-ca-path", str(certificate.ca_file)),
            *("--body", "from swaks"),
        ]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        [stored] = postfix.wait_for_messages(1)
    assert b"from swaks" in stored
    assert b"using TLSv1.3" in stored


@pytest.mark.needs("postfix")
def test_postfix_keeps_to_its_terms(certificate: ServerCertificate) -> None:
    with Postfix(certificate=certificate) as strict, Postfix(certificate=None) as plain:
        # Two at once, and neither is there before it was started.
        with pytest.raises(ConnectionRefusedError):
            smtplib.SMTP(LOOPBACK, strict.port)
        strict.start()
        plain.start()
        with smtplib.SMTP(LOOPBACK, strict.port) as client:
            client.ehlo()
            assert client.mail("a@example.com")[0] == 530
        with smtplib.SMTP(LOOPBACK, plain.port) as client:
            client.ehlo()
            assert not client.has_extn("starttls")
            client.mail("a@example.com")
            assert client.rcpt("b@elsewhere.example")[0] == 554
        # Once more on the same port: what it had, it keeps.
        strict.stop()
        with pytest.raises(ConnectionRefusedError):
            smtplib.SMTP(LOOPBACK, strict.port)
        strict.start()
        with smtplib.SMTP(LOOPBACK, strict.port) as client:
            assert client.ehlo()[0] == 250


def test_the_proxy_refuses_before_it_starts(echo: int) -> None:
    with RecordingProxy(echo) as proxy:
        with pytest.raises(ConnectionRefusedError):
            say(proxy.port, b"early")
        proxy.start()
        assert say(proxy.port, b"in ", b"time") == b"in time"
        [talk] = proxy.conversations
        assert (talk.from_client, talk.from_server) == (b"in time", b"in time")


def test_the_proxy_resets_its_client_while_the_server_refuses() -> None:
    with ReservedPort() as nobody, RecordingProxy(nobody.number) as proxy:
        proxy.start()
        with pytest.raises(ConnectionResetError):
            say(proxy.port, b"hello")
        assert proxy.conversations == []


def test_the_proxy_cuts_the_path_after_so_many_bytes(echo: int) -> None:
    with RecordingProxy(echo) as proxy:
        proxy.path = Path(cut_after=1000)
        proxy.start()
        with pytest.raises(ConnectionResetError):
            say(proxy.port, b"x" * 1001)
        assert set(proxy.conversations[0].from_client) == set(b"x")
        assert len(proxy.conversations[0].from_server) <= 1000
        # The next connection has the path of its time.
        proxy.path = Path()
        assert say(proxy.port, b"x" * 1001) == b"x" * 1001


def test_the_proxy_delays_each_piece(echo: int) -> None:
    with RecordingProxy(echo) as proxy:
        proxy.path = Path(delay=0.2)
        proxy.start()
        with socket.create_connection((LOOPBACK, proxy.port), timeout=0.3) as connection:
            connection.sendall(b"ping")
            with pytest.raises(TimeoutError):
                connection.recv(4)
            connection.settimeout(10)
            assert connection.recv(4) == b"ping"
