"""A stream under TLS, over a stream in memory whose other end is a channel of ours."""

from __future__ import annotations

import ssl

import pytest

from postseal.errors import CertificateRejected, Disconnected, HandshakeFailed, TimedOut, TLSError
from postseal.send.networks.blocking import run
from postseal.send.networks.network import Stream
from postseal.send.networks.sealed import SealedStream
from postseal.testing import ManualClock, ScriptedStream
from postseal.tls import Channel, Opening, TLSLevel, Trust
from tests.parts.flawed_certificates import HOST, Certificates, Flaw
from tests.parts.tls_records import RecordType, record


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


class Peer(Stream):
    """The stream to a server in memory; what the server says waits until it is read."""

    def __init__(self, certificates: Certificates, flaw: Flaw = Flaw.NONE) -> None:
        self.channel = Channel.server(certificates.context(flaw), opening=Opening.IMPLICIT)
        self.heard = b""
        self.waiting: list[bytes] = []
        self.is_closed = False
        self.alert: TLSError | None = None

    @property
    def peer_address(self) -> str:
        return "192.0.2.25"

    @property
    def local_address(self) -> str:
        return "192.0.2.1"

    async def read(self, deadline: float) -> bytes:
        if not self.waiting:
            raise TimedOut("the peer has nothing to say")
        return self.waiting.pop(0)

    async def write(self, data: bytes, deadline: float) -> None:
        try:
            self.heard += self.channel.receive(data)
        except TLSError as error:
            self.alert = error
        self._deliver()

    def say(self, data: bytes) -> None:
        self.channel.send(data)
        self._deliver()

    def has_input(self) -> bool:
        return bool(self.waiting)

    def close(self) -> None:
        self.is_closed = True

    def _deliver(self) -> None:
        if data := self.channel.data_to_send():
            self.waiting.append(data)


def client(certificates: Certificates) -> Channel:
    return Channel.client(
        HOST,
        trust=Trust.only(certificates.ca_file),
        level=TLSLevel.AUTHENTICATED,
        opening=Opening.IMPLICIT,
    )


def establish(peer: Stream, certificates: Certificates) -> SealedStream:
    return run(SealedStream.establish(peer, client(certificates), 10))


def test_plaintext_above_ciphertext_below(certificates: Certificates) -> None:
    peer = Peer(certificates)
    stream = establish(peer, certificates)
    assert (stream.peer_address, stream.local_address) == ("192.0.2.25", "192.0.2.1")
    assert stream.outcome().level is TLSLevel.AUTHENTICATED
    run(stream.write(b"EHLO client\r\n", 10))
    assert peer.heard == b"EHLO client\r\n"
    peer.say(b"250 ok\r\n")
    assert stream.has_input()
    assert run(stream.read(10)) == b"250 ok\r\n"
    stream.close()
    assert peer.is_closed


def test_records_without_plaintext_are_read_over(certificates: Certificates) -> None:
    # TLS 1.3 sends tickets behind the handshake, and records come in pieces.
    peer = Peer(certificates)
    stream = establish(peer, certificates)
    peer.say(b"250 ok\r\n")
    sealed = b"".join(peer.waiting)
    peer.waiting[:] = [bytes([octet]) for octet in sealed]
    assert run(stream.read(10)) == b"250 ok\r\n"


def test_what_came_with_the_end_of_the_handshake_is_kept(certificates: Certificates) -> None:
    # A server of smtps:// may greet in the segment that completes the handshake of TLS 1.2.
    context = certificates.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    class Greeting(Peer):
        """Greets as soon as it can, with what is due anyway."""

        async def write(self, data: bytes, deadline: float) -> None:
            self.channel.receive(data)
            if self.channel.is_established:
                self.channel.send(b"220 hello\r\n")
            self._deliver()

    greeting = Greeting(certificates)
    greeting.channel = Channel.server(context, opening=Opening.IMPLICIT)
    stream = establish(greeting, certificates)
    assert greeting.waiting == []
    assert stream.has_input()
    assert run(stream.read(10)) == b"220 hello\r\n"
    assert not stream.has_input()


def test_the_peer_is_told_why_it_was_refused(certificates: Certificates) -> None:
    peer = Peer(certificates, Flaw.EXPIRED)
    with pytest.raises(CertificateRejected):
        establish(peer, certificates)
    assert isinstance(peer.alert, HandshakeFailed)
    assert "expired" in str(peer.alert)


def test_an_end_with_and_without_a_word(certificates: Certificates) -> None:
    peer = Peer(certificates)
    stream = establish(peer, certificates)
    peer.say(b"221 bye\r\n")
    peer.channel.close()
    peer._deliver()
    assert run(stream.read(10)) == b"221 bye\r\n"
    # close_notify is the end; whatever came behind it would not be read.
    assert run(stream.read(10)) == b""
    assert run(stream.read(10)) == b""
    # The peer's goodbye is answered (RFC 5246 7.2.1), and no new message is begun behind it.
    assert peer.channel.is_ended
    assert not peer.channel.is_cut
    assert stream.has_input()
    cut = Peer(certificates)
    stream = establish(cut, certificates)
    cut.say(b"250-half of a rep")
    cut.waiting.append(b"")
    assert run(stream.read(10)) == b"250-half of a rep"
    # Anybody on the path can end the connection; it is no end of what was said.
    for _ in range(2):
        with pytest.raises(Disconnected, match="was cut"):
            run(stream.read(10))
    assert stream.has_input()


def test_what_came_whole_is_not_lost_for_what_came_behind_it(certificates: Certificates) -> None:
    # A verdict, and in the same segment a record that somebody made up.
    peer = Peer(certificates)
    stream = establish(peer, certificates)
    peer.say(b"250 2.0.0 taken\r\n")
    peer.waiting[-1] += record(RecordType.APPLICATION_DATA, bytes(40))
    assert run(stream.read(10)) == b"250 2.0.0 taken\r\n"
    assert stream.has_input()
    with pytest.raises(TLSError, match="bad record mac"):
        run(stream.read(10))
    with pytest.raises(TLSError, match="bad record mac"):
        run(stream.write(b"QUIT\r\n", 10))
    # And the peer was told.
    assert isinstance(peer.alert, TLSError)
    assert "the alert 'bad record mac'" in str(peer.alert)


def test_goodbye_tells_an_end_from_a_cut(certificates: Certificates) -> None:
    peer = Peer(certificates)
    stream = establish(peer, certificates)
    run(stream.end(10))
    assert peer.channel.is_ended


def test_a_handshake_that_nobody_answers(certificates: Certificates) -> None:
    for script, kind in (
        ("C: <anything>\nS: <silence>", TimedOut),
        ("C: <anything>\nS: <reset>", Disconnected),
        ("C: <anything>\nS: <end>", HandshakeFailed),
        ("S: <reset>", Disconnected),
    ):
        with pytest.raises(kind):
            establish(ScriptedStream(script, clock=ManualClock()), certificates)
