"""Promise 3 against records: what somebody injects into a handshake looks like TLS itself."""

from __future__ import annotations

import pytest

from postseal.errors import (
    Disconnected,
    HandshakeFailed,
    MailError,
    Phase,
    StartTLSInjection,
    TLSError,
)
from tests.integration.send.scripts import (
    CANARIES,
    CONTENT,
    ENVELOPE,
    PASSWORD,
    greet,
    starttls,
)
from tests.parts.canaries import find_canaries
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.tls_records import RecordType, record, vector
from tests.parts.worlds import World, in_each_world

AUTH = "AUTH PLAIN"
SERVER_HELLO = record(
    RecordType.HANDSHAKE,
    b"\x02" + vector(b"\x03\x03" + bytes(32) + vector(b"", 1) + b"\x13\x01\0" + vector(b""), 3),
)
RECORDS = {
    "ServerHello": SERVER_HELLO,
    "alert": record(RecordType.ALERT, b"\x02\x28"),
    "harmless alert": record(RecordType.ALERT, b"\x01\x5a"),
    "change_cipher_spec": record(RecordType.CHANGE_CIPHER_SPEC, b"\x01"),
    "application data": record(RecordType.APPLICATION_DATA, f"250 {AUTH}\r\n".encode()),
}
in_each_record = pytest.mark.parametrize("name", RECORDS)


def refused(world: World, script: Script, certificates: Certificates) -> MailError:
    """Send to such a server; the error, after nothing of the message has left."""
    with HostileServer(script) as server, pytest.raises(MailError) as caught:
        world.mail(
            f"smtp://ada@{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
            password=PASSWORD,
            ca_file=certificates.ca_file,
        )
    assert find_canaries(server.received, CANARIES) == set()
    assert len(server.talks) == 1
    return caught.value


@in_each_world
@in_each_record
def test_a_record_in_the_segment_of_the_220(
    world: World, name: str, certificates: Certificates
) -> None:
    # The server speaks second in a handshake: even a record is too early here.
    def script(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS")
        talk.hear("STARTTLS")
        talk.send(b"220 go ahead\r\n" + RECORDS[name])
        talk.take_all()

    error = refused(world, script, certificates)
    assert type(error) is StartTLSInjection
    assert error.phase is Phase.STARTTLS


@in_each_world
@in_each_record
def test_a_record_in_the_place_of_the_server_hello(
    world: World, name: str, certificates: Certificates
) -> None:
    def script(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.take()
        talk.send(RECORDS[name])
        # And in clear what the client waits for.
        talk.say("250-hostile.test", f"250 {AUTH}")
        talk.take_all()

    error = refused(world, script, certificates)
    assert isinstance(error, TLSError)
    assert error.phase is Phase.HANDSHAKE


@in_each_world
@pytest.mark.parametrize("content", ["reply", "record"])
def test_what_is_injected_behind_the_handshake_breaks_the_connection(
    world: World, content: str, certificates: Certificates
) -> None:
    injected = {
        "reply": b"250-hostile.test\r\n250 AUTH PLAIN\r\n",
        "record": RECORDS["application data"],
    }[content]

    def script(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.seal(certificates.context())
        talk.hear("EHLO")
        talk.connection.sendall(injected)
        talk.take_all()

    error = refused(world, script, certificates)
    assert type(error) is TLSError
    assert "the TLS connection broke" in error.text


@in_each_world
@pytest.mark.parametrize("said", ["", "250-hostile.test\r\n250-AU", "250"])
def test_a_cut_is_no_end_of_a_reply(world: World, said: str, certificates: Certificates) -> None:
    # Anybody on the path can close the connection, at any octet of a reply.
    def script(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.seal(certificates.context())
        talk.hear("EHLO")
        talk.send(said.encode())
        talk.end()

    error = refused(world, script, certificates)
    assert type(error) is Disconnected
    assert "close_notify" in error.text
    assert error.phase is Phase.EHLO


@in_each_world
def test_an_end_within_a_reply_is_none_either(world: World, certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.seal(certificates.context())
        talk.hear("EHLO")
        talk.say_last("250-hostile.test", f"250-{AUTH}")

    error = refused(world, script, certificates)
    assert type(error) is Disconnected
    assert error.phase is Phase.EHLO


@in_each_world
def test_a_verdict_is_heard_although_the_connection_breaks_behind_it(
    world: World, certificates: Certificates
) -> None:
    # Otherwise whoever injects one record makes every message arrive twice.
    def script(talk: Talk) -> None:
        starttls(talk, certificates.context())
        for verb, reply in (("MAIL FROM:", "250 ok"), ("RCPT TO:", "250 ok"), ("DATA", "354 go")):
            talk.hear(verb)
            talk.say(reply)
        talk.hear_body()
        talk.say_with(RECORDS["application data"], "250 2.0.0 taken")
        talk.take_all()

    with HostileServer(script) as server:
        delivery = world.mail(
            f"smtp://{HOST}:{server.port}",
            lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
            ca_file=certificates.ca_file,
        )
    assert delivery.accepted == ENVELOPE.recipients


@in_each_world
def test_alerts_are_told_by_their_names(world: World, certificates: Certificates) -> None:
    def script(talk: Talk) -> None:
        greet(talk, AUTH, "STARTTLS")
        talk.hear("STARTTLS")
        talk.say("220 go ahead")
        talk.take()
        talk.send(record(RecordType.ALERT, b"\x02\x46"))
        talk.take_all()

    error = refused(world, script, certificates)
    assert type(error) is HandshakeFailed
    assert "the peer sent the alert 'protocol version'" in error.text
