"""Our client's TLS against `openssl s_server`, whose letters make it do what few servers do."""

from __future__ import annotations

import select
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import pytest

from postseal.errors import Disconnected, MailError
from postseal.send.networks.blocking import BlockingStream, run
from postseal.send.networks.sealed import SealedStream
from postseal.tls import Channel, Opening, ResumableSession, TLSLevel, Trust
from tests.parts.flawed_certificates import HOST, Certificates

_PATIENCE = 20.0


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@dataclass(slots=True)
class OpenSSL:
    """A server whose standard input is what it says, or does when it is one letter."""

    process: subprocess.Popen[bytes]
    port: int

    def type(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def hear(self, words: bytes) -> bytes:
        """Read what it prints up to these words; the test's time limit ends the wait."""
        assert self.process.stdout is not None
        heard = b""
        while words not in heard:
            piece = self.process.stdout.read1(65536)  # type: ignore[attr-defined]
            assert piece, f"{words!r} did not come: {heard!r}"
            heard += piece
        return heard


@contextmanager
def openssl(certificates: Certificates, *options: str) -> Iterator[OpenSSL]:
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert"]
    process = subprocess.Popen(
        [*command, str(certificates.chain_file()), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        server = OpenSSL(process, 0)
        heard = server.hear(b"ACCEPT 127.0.0.1:")
        while b"\n" not in heard.partition(b"ACCEPT 127.0.0.1:")[2]:
            heard += server.hear(b"\n")
        server.port = int(heard.partition(b"ACCEPT 127.0.0.1:")[2].partition(b"\n")[0])
        yield server
    finally:
        process.kill()
        process.communicate()


class Client:
    """A sealed stream to the server, over a socket that the test can watch."""

    def __init__(
        self, certificates: Certificates, port: int, resume: ResumableSession | None = None
    ) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        self.channel = Channel.client(
            HOST,
            trust=Trust.only(certificates.ca_file),
            level=TLSLevel.AUTHENTICATED,
            opening=Opening.IMPLICIT,
            resume=resume,
        )
        establishing = SealedStream.establish(
            BlockingStream(self.socket), self.channel, self.deadline
        )
        self.stream = run(establishing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    @property
    def deadline(self) -> float:
        return time.monotonic() + _PATIENCE

    def wait(self) -> None:
        """Wait until the server sent a record."""
        assert select.select([self.socket], [], [], _PATIENCE)[0]

    def read(self) -> bytes:
        return run(self.stream.read(self.deadline))

    def write(self, data: bytes) -> None:
        run(self.stream.write(data, self.deadline))

    def end(self) -> None:
        run(self.stream.end(self.deadline))


def test_key_updates_are_followed(certificates: Certificates) -> None:
    with openssl(certificates, "-tls1_3") as server, Client(certificates, server.port) as client:
        server.type(b"220 ready\n")
        assert client.read() == b"220 ready\n"
        # k: new keys for what it sends; K: it asks for ours as well (RFC 8446 4.6.3).
        for letter in (b"k", b"K", b"k", b"K"):
            server.type(letter + b"\n")
            client.wait()
            server.type(b"250 ok\n")
            assert client.read() == b"250 ok\n"
            client.write(b"NOOP\r\n")


def test_renegotiation_is_not_followed(certificates: Certificates) -> None:
    with openssl(certificates, "-tls1_2") as server, Client(certificates, server.port) as client:
        server.type(b"220 ready\n")
        assert client.read() == b"220 ready\n"
        server.type(b"r\n")
        client.wait()
        # The HelloRequest is answered with an alert, and the server gives up.
        with pytest.raises(MailError):
            client.read()
        with pytest.raises(MailError):
            client.write(b"NOOP\r\n")


def test_a_server_that_is_killed_has_said_no_end(certificates: Certificates) -> None:
    with openssl(certificates) as server, Client(certificates, server.port) as client:
        server.type(b"250-first\n")
        assert client.read() == b"250-first\n"
        server.process.kill()
        with pytest.raises(Disconnected):
            client.read()


@pytest.mark.parametrize("options", [["-tls1_2"], ["-tls1_3"], ["-tls1_3", "-early_data"]])
def test_its_sessions_are_resumed_without_early_data(
    certificates: Certificates, options: list[str]
) -> None:
    with openssl(certificates, *options) as server:
        session = None
        for expected in (False, True, True):
            with Client(certificates, server.port, session) as client:
                server.type(b"220 ready\n")
                assert client.read() == b"220 ready\n"
                assert client.channel.is_resumed is expected
                assert client.channel.outcome().level is TLSLevel.AUTHENTICATED
                session = client.stream.resumable()
                client.end()
